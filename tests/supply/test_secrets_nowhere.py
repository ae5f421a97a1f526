"""Secrets given to a running exporter are found nowhere: pages, log, state file, output of commands, tracebacks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import bcrypt
import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.config.file import load
from exporter.config.shard import Shard
from exporter.demo.calyptia import World as Calyptia
from exporter.demo.calyptia import create_app as calyptia_app
from exporter.demo.feldera.api import create_app as feldera_app
from exporter.errors import SourceError
from exporter.sources.kinds import KINDS
from tests.e2e.harness import immediate_world, serving
from tests.e2e.processes import COMMAND, ROOT

PASSWORD = "pw-4b1e8d2c7a90"
SECRETS = {
    "credentials": "cred-71f3a9c05e2b",
    "credentials_file": "file-c8d20b6e914f",
    "authorization of an Alertmanager": "amgr-5a7e01f4b39d",
    "password of the page": PASSWORD,
}

CONFIG = """
sources:
  - name: prod
    type: feldera
    url: {feldera}
    authorization: {{credentials: {credentials}}}
    logs: {{}}
    poll_interval: 200ms
  - {{name: hostile, type: feldera, url: "{echo}", authorization: {{credentials_file: token}}, poll_interval: 200ms}}
  - {{name: edge, type: calyptia, url: "{calyptia}", project_token: "{project}", traces: {{}}, poll_interval: 200ms}}
  - {{name: echoed, type: calyptia, url: "{echo}", project_token: "{project}", poll_interval: 200ms}}
alerting:
  alertmanagers: [{{url: "{echo}", authorization: {{credentials: {alertmanager}}}}}]
state: {{path: state.db}}
"""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A control plane that gives back what it was sent: in headers, in an error, in JSON of another shape."""
    given = dict(scope["headers"])
    said = b" ".join(given.get(name, b"") for name in (b"authorization", b"x-project-token")).strip()
    status = (500, 200, 403, 302)[len(scope["path"]) % 4]
    body = b'{"error_code": "%b", "error": "%b", "message": "%b", "items": "%b"}' % (said, said, said, said)
    headers = [(b"x-said", said), (b"location", b"http://127.0.0.1:9/?token=" + said), (b"date", said)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Place(NamedTuple):
    """A folder with the config of an exporter, and everything in it that is secret."""

    folder: Path
    secrets: dict[str, str]

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    def leaks(self, text: str) -> list[str]:
        """Which secrets stand in a text, whole, in part, or in base64."""
        return [name for name, secret in self.secrets.items() if any(form in text for form in forms(secret))]


def forms(secret: str) -> Iterator[str]:
    """A secret as it could stand somewhere."""
    yield secret
    yield secret[: max(12, len(secret) // 2)]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]


@contextlib.asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Three control planes on real sockets, one of which echoes, and a config that reads all of them."""
    feldera, calyptia = immediate_world(), Calyptia(seed=4)
    calyptia.add_pipeline("orders", status="FAILED")
    apps: list[ASGIApp] = [feldera_app(feldera), calyptia_app(calyptia), echo]
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serving(app)) for app in apps]
        text = CONFIG.format(
            feldera=urls[0],
            calyptia=urls[1],
            echo=urls[2],
            credentials=SECRETS["credentials"],
            alertmanager=SECRETS["authorization of an Alertmanager"],
            project=calyptia.project_token,
        )
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "config.yml").write_text(text)
        (folder / "token").write_text(SECRETS["credentials_file"])
        (folder / "web.yml").write_text(f"basic_auth_users: {{alice: '{hashed}'}}")
        yield Place(folder, SECRETS | {"project token": calyptia.project_token, "hash of the password": hashed})


async def run(*arguments: str) -> tuple[int, str]:
    """A command of the exporter, to its end; all that it says."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, cwd=ROOT, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


PAGES = ("/metrics", "/", "/config", "/api/v1/pipelines", "/-/ready", "/-/healthy", "/nowhere")


async def test_a_running_exporter_shows_no_secret(tmp_path: Path) -> None:
    """Neither its pages, with and without the password, nor its log at debug level, nor its state file hold one."""
    async with place(tmp_path) as found:
        said = tmp_path / "log"
        options = ("--log.level=debug", "--web.enable-lifecycle", f"--web.config.file={tmp_path / 'web.yml'}")
        with said.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "run", f"--config.file={found.config}", "--web.listen-address=127.0.0.1:0", *options,
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            url = await address_in(said)
            seen = await everything(url)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 20)
        files = {path.name: path.read_bytes().decode("latin-1") for path in tmp_path.glob("state.db*")}
    given = "".join((tmp_path / name).read_text() for name in ("config.yml", "token", "web.yml")) + PASSWORD
    assert found.leaks(given) == list(found.secrets)  # the search finds what is there
    text = said.read_text()
    assert "a task failed" in text
    assert 'source="hostile"' in seen["/metrics"]
    assert "<secret>" in seen["/config"]
    assert files
    for where, held in {**seen, "the log": text, **files}.items():
        assert found.leaks(held) == [], where


async def address_in(said: Path) -> str:
    """The address that a starting exporter prints."""
    for _ in range(600):
        line = next((line for line in said.read_text().splitlines() if line.startswith("serving ")), None)
        if line:
            return line.removeprefix("serving ").removesuffix("/metrics")
        await asyncio.sleep(0.05)
    raise AssertionError(said.read_text())


async def everything(url: str) -> dict[str, str]:
    """All pages, headers included, once every source was tried; then a reload, and wrong passwords."""
    seen: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=url, auth=("alice", PASSWORD)) as client:
        for _ in range(600):
            if (await client.get("/-/ready")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        rows = (await client.get("/api/v1/pipelines")).json()["pipelines"]
        assert {row["source"] for row in rows} == {"prod", "edge"}
        pages = [f"/pipelines/{row['source']}/{row['pipeline']}" for row in rows]
        for path in (*PAGES, *pages, *(f"/api/v1{page}/events" for page in pages)):
            answer = await client.get(path)
            seen[path] = f"{answer.headers} {answer.text}"
        seen["reload"] = (await client.post("/-/reload")).text
        refused = await client.get("/metrics", auth=("alice", f"{PASSWORD}x"))
        assert refused.status_code == 401
        seen["refused"] = f"{refused.headers} {refused.text}"
    return seen


@pytest.mark.parametrize("command", ["check-config", "once", "alerts"])
async def test_a_command_shows_no_secret(command: str, tmp_path: Path) -> None:
    """Nor does the output of the other commands, at debug level too."""
    more = () if command == "check-config" else ("--log.level=debug",)
    async with place(tmp_path) as found:
        code, said = await run(command, f"--config.file={found.config}", *more)
    assert code == (0 if command == "check-config" else 1), said
    assert len(said) > 50
    assert found.leaks(said) == []


async def test_a_config_that_is_refused_shows_no_secret(tmp_path: Path) -> None:
    """Nor the sentences about a file with a mistake in each source."""
    async with place(tmp_path) as found:
        text = found.config.read_text()
        for right, wrong in (("credentials:", "credential:"), ("name: prod", "name: [prod]"), ("  - {", "  - {x: 1, ")):
            found.config.write_text(text.replace(right, wrong))
            code, said = await run("check-config", f"--config.file={found.config}")
            assert code == 1
            assert found.leaks(said) == []


class Broken:
    """An observer that fails in the middle of a request, as a fault of the exporter would."""

    def request(self, endpoint: str, code: str, size: int) -> None:
        raise RuntimeError("a fault of the exporter")

    def received(self, endpoint: str, size: int) -> None:
        raise RuntimeError("a fault of the exporter")

    def unknown_status(self, dimension: str) -> None: ...


async def test_no_traceback_shows_a_secret(tmp_path: Path) -> None:
    """A fault in the middle of a request that carries a token ends in a traceback without it, causes included."""
    kinds = {name: kind.config for name, kind in KINDS.items()}
    async with place(tmp_path) as found:
        for config in load(found.config, kinds, os.environ).sources:
            source = KINDS[config.type].open(config, Broken(), Shard())
            with pytest.raises((RuntimeError, SourceError)) as caught:
                await source.tasks[0].run(None)  # type: ignore[arg-type]
            await source.aclose()
            text = "".join(traceback.format_exception(caught.value))
            assert "Traceback" in text
            assert found.leaks(text) == []
            assert found.leaks(repr(config)) == []
