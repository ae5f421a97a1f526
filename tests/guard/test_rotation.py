"""Secrets towards the control planes: tokens are rotated while the exporter runs; a server unchecked is told of."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.app import Application
from exporter.config import Authorization, Config
from exporter.config.file import parse
from exporter.config.shard import Shard
from exporter.config.units import FilePath
from exporter.demo.servers import KINDS as SIMULATORS
from exporter.http.credentials import Credentials
from exporter.sources.kinds import KINDS
from exporter.web.server import Server, listen, url_of
from tests.e2e.processes import exporter
from tests.guard.served import replace


class Door:
    """A control plane that lets in only who shows its token of the day, and counts who does.

    The application behind it knows one token only, ``inner``, which is put in place of the one that was shown.
    """

    def __init__(self, app: ASGIApp, header: bytes, *, inner: bytes) -> None:
        self._app = app
        self._header = header
        self._inner = inner
        self.token = b""
        self.let_in = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI asks."""
        headers = dict(scope["headers"])
        if headers.get(self._header) == self.token:
            self.let_in += 1
            shown = list((headers | {self._header: self._inner}).items())
            await self._app({**scope, "headers": shown}, receive, send)
        else:
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def standing(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port; its address."""
    sock = listen("127.0.0.1:0")
    url = url_of(sock)
    server = Server(app)
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield url
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


SOURCES = {
    "feldera": (b"authorization", "Bearer ", "authorization: {credentials_file: token}"),
    "calyptia": (b"x-project-token", "", "project_token_file: token"),
}
"""By kind: the header with the token, what stands before it, and the config key of its file."""


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_token_is_rotated(kind: str, tmp_path: Path) -> None:
    """Its file replaced by rename twice: at most one failed poll each, and no restart."""
    header, scheme, key = SOURCES[kind]
    simulator = SIMULATORS[kind](4, 0)
    name = str(simulator.keys.get("project_token", "token"))
    door = Door(simulator.app, header, inner=name.encode())

    def rotate(number: int) -> None:
        replace(tmp_path / "token", f"{name}{number}\n")
        door.token = f"{scheme}{name}{number}".encode()

    rotate(0)
    async with standing(door) as url:
        source = f"{{name: prod, type: {kind}, url: '{url}', poll_interval: 250ms, {key}}}"
        (tmp_path / "config.yml").write_text(f"sources: [{source}]\n")
        async with exporter(tmp_path / "config.yml") as (address, _), httpx.AsyncClient() as client:
            await until(lambda: door.let_in >= 5)
            for number in (1, 2):
                rotate(number)
                enough = door.let_in + 5
                await until(lambda enough=enough: door.let_in >= enough)  # type: ignore[misc]
                page = (await client.get(address)).text
                assert failed_polls(page) <= number
                assert 'pipeline_exporter_source_up{source="prod"} 1' in page
            door.token = b"one that nobody was told of"
            before = failed_polls(page)
            async with asyncio.timeout(30):
                while failed_polls((await client.get(address)).text) == before:
                    await asyncio.sleep(0.1)


def failed_polls(page: str) -> float:
    """How many polls failed, as a page of the exporter tells."""
    return sum(map(float, re.findall(r'^pipeline_exporter_task_failures_total\{.*task="poll".*\} (\S+)$', page, re.M)))


async def test_a_file_of_credentials_that_is_lost_is_told_once(tmp_path: Path) -> None:
    """The last token goes on, without a word of it in the log; once more if the file comes back and is lost again."""
    path = tmp_path / "token"
    path.write_text("abcdef")
    credentials = Credentials(Authorization(credentials_file=FilePath(str(path))))  # type: ignore[call-arg]
    with structlog.testing.capture_logs() as lines:
        assert credentials.token() == "abcdef"
        for _ in range(2):
            path.unlink()
            assert (credentials.token(), credentials.token()) == ("abcdef", "abcdef")
            replace(path, "abcdef")
            assert credentials.token() == "abcdef"
        path.write_bytes(b"abc\xff")
        assert credentials.token() == "abcdef"
    assert [line["err"] for line in lines] == ["No such file or directory"] * 2 + ["it is not UTF-8"]
    assert "abc" not in str(lines)


async def test_a_reload_tells_what_waits_for_a_restart() -> None:
    """The state file stays as it was; a part chosen by hand is shown as the one in use."""
    kinds = {name: kind.config for name, kind in KINDS.items()}
    text = "sources: [{name: a, type: feldera, url: 'http://127.0.0.1:1'}]"
    first, then = (parse(text + more, kinds, environ={}, folder=Path()) for more in ("", "\nstate: {path: x.db}"))
    application = Application(first, load=lambda: then, shard_of=lambda _: Shard(1, 3))
    with structlog.testing.capture_logs() as lines:
        assert await application.reload() == ""
        assert await application.reload() == ""
    assert [line["log_level"] for line in lines if line["event"].startswith("state: ")] == ["warning"]
    assert (application.config().sharding.index, application.config().sharding.total) == (1, 3)


def unchecked(*names: str) -> Config:
    """A config whose sources do not check the server."""
    sources = [
        f"{{name: {name}, type: feldera, url: 'https://127.0.0.1:1', tls_config: {{insecure_skip_verify: true}}}}"
        for name in names
    ]
    kinds = {name: kind.config for name, kind in KINDS.items()}
    return parse(f"sources: [{', '.join(sources)}]", kinds, environ={}, folder=Path())


async def test_a_server_that_is_not_checked_is_told_once_per_source() -> None:
    """When its source is opened, and not again by a reload that leaves it as it is."""
    configs = [unchecked("a"), unchecked("a", "b"), unchecked("a", "b")]
    application = Application(configs[0], load=lambda: configs.pop(0))
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as lines:
        serving = asyncio.create_task(application.serve([listen("127.0.0.1:0")], stop))
        await asyncio.sleep(0.1)
        for _ in range(3):
            assert await application.reload() == ""
        stop.set()
        await asyncio.wait_for(serving, 20)
    event = "tls_config.insecure_skip_verify: the server's certificate is not checked"
    assert [line["source"] for line in lines if line["event"] == event] == ["a", "b"]
