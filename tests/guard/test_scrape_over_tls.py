"""The command with a web config file: a real Prometheus scrapes it over TLS with a password."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import bcrypt
import httpx
import yaml

from tests.e2e.processes import CONFIG, after, command, exporter, process, simulated
from tests.guard.served import HASH, PASSWORD, Authority, open_free_port, replace, tls, write


@contextlib.asynccontextmanager
async def prometheus(path: str, folder: Path, job: dict[str, object]) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with one job that scrapes every half second; a client for its API."""
    config = {"global": {"scrape_interval": "500ms"}, "scrape_configs": [{"job_name": "pipeline-exporter", **job}]}
    replace(folder / "prometheus.yml", yaml.safe_dump(config))
    port = open_free_port()
    arguments = (
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    async with (
        process(*arguments, ready=after("Server is ready to receive web requests")),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield client


async def wait_for(client: httpx.AsyncClient, query: str) -> None:
    """Wait until a query finds something."""
    end = time.monotonic() + 30
    while not (await client.get("/api/v1/query", params={"query": query})).json()["data"]["result"]:
        targets = (await client.get("/api/v1/targets")).json()["data"]["activeTargets"]
        assert time.monotonic() < end, (query, targets)
        await asyncio.sleep(0.2)


async def test_prometheus_scrapes_over_tls_with_a_password(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Before and after both the certificate and the password were rotated, without a restart of either."""
    authority = Authority(tmp_path)
    authority.issue("127.0.0.1")
    web = write(tmp_path, tls_server_config=tls(), basic_auth_users={"prometheus": HASH})
    password = tmp_path / "password"
    replace(password, PASSWORD)
    job: dict[str, object] = {
        "scheme": "https",
        "tls_config": {"ca_file": str(authority.file)},
        "basic_auth": {"username": "prometheus", "password_file": str(password)},
    }
    path = tmp_path / "config.yml"
    async with simulated(pipelines=3) as url:
        path.write_text(CONFIG.format(url=url))
        async with exporter(path, f"--web.config.file={web}") as (address, _):
            assert address.startswith("https://127.0.0.1:")
            job["static_configs"] = [{"targets": [address.removeprefix("https://").split("/")[0]]}]
            async with prometheus(tool("prometheus"), tmp_path, job) as client:
                await wait_for(client, "count(pipeline_info) == 3")
                authority.issue("127.0.0.1")
                new = bcrypt.hashpw(b"rotated", bcrypt.gensalt(4)).decode()
                write(tmp_path, tls_server_config=tls(), basic_auth_users={"prometheus": new})
                await wait_for(client, "up == 0")
                replace(password, "rotated")
                await wait_for(client, "up == 1")
            async with httpx.AsyncClient(verify=authority.client(), auth=("prometheus", "rotated")) as browser:
                assert (await browser.get(address)).status_code == 200
                assert (await browser.get(address, auth=("prometheus", PASSWORD))).status_code == 401


def test_a_bad_file_ends_the_command_with_every_problem(tmp_path: Path) -> None:
    """Exit 1 before anything is served; each sentence names file and key."""
    path, web = tmp_path / "config.yml", tmp_path / "web.yml"
    path.write_text(CONFIG.format(url="http://127.0.0.1:1"))
    web.write_text("tls_server_config: {cert_file: none.crt}\nbasic_auth_users: {alice: secret}\n")
    done = command("run", f"--config.file={path}", "--web.listen-address=127.0.0.1:0", f"--web.config.file={web}")
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        f"{web}: basic_auth_users.alice: is not a bcrypt hash; make one with: htpasswd -nBC 10 ''",
        f"{web}: tls_server_config.key_file: is missing; TLS needs it",
    ]
