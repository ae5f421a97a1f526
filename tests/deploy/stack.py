"""The programs of the Compose file as processes: its commands and config files, with addresses of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.deploy.composition import config_of, services
from tests.e2e.processes import COMMAND, after, process

Replacements = Mapping[str, str]
T = TypeVar("T")


def replaced(text: str, replacements: Replacements) -> str:
    """The text with every replacement made; each must occur."""
    for old, new in replacements.items():
        assert old in text, f"{old} is not there to be replaced"
        text = text.replace(old, new)
    return text


def config_file(service: str, folder: Path, replacements: Replacements) -> Path:
    """A copy of a service's config file for this machine."""
    path = folder / f"{service}.yml"
    path.write_text(replaced(config_of(service).read_text(encoding="utf-8"), replacements), encoding="utf-8")
    return path


def command_of(service: str, replacements: Replacements) -> list[str]:
    """A service's command for this machine, without the program."""
    return replaced("\n".join(services()[service]["command"]), replacements).split("\n")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def simulator(kind: str) -> AsyncIterator[str]:
    """A simulated control plane, started as its service is; its address, host and port."""
    command = command_of(kind, {"--listen-address=:8080": "--listen-address=127.0.0.1:0"})
    async with process(*COMMAND, *command, ready=after(f"simulated {kind}: http://")) as (address, _):
        yield address


@contextlib.asynccontextmanager
async def exporter(config: Path) -> AsyncIterator[str]:
    """The exporter, started as its service is; its address, host and port."""
    command = command_of("exporter", {"/etc/pipeline-exporter/config.yml": str(config)})
    ready = after("serving http://")
    async with process(*COMMAND, *command, "--web.listen-address=127.0.0.1:0", ready=ready) as (url, _):
        yield url.removesuffix("/metrics")


@contextlib.asynccontextmanager
async def alertmanager(program: str, config: Path, data: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Alertmanager, started as its service is, and ready; a client for its API."""
    places = {
        "/etc/alertmanager/alertmanager.yml": str(config),
        "--storage.path=/alertmanager": f"--storage.path={data}",
    }
    address = f"127.0.0.1:{free_port()}"
    arguments = (program, *command_of("alertmanager", places), f"--web.listen-address={address}")
    async with (
        process(*arguments, ready=after("Listening on")),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        await until(lambda: answers(client, "/-/ready"))
        yield client


@contextlib.asynccontextmanager
async def prometheus(program: str, config: Path, data: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Prometheus, started as its service is, and ready; a client for its API.

    An alert that fires before Alertmanager is discovered is sent again, here after a second instead of a minute.
    """
    places = {
        "/etc/prometheus/prometheus.yml": str(config),
        "--storage.tsdb.path=/prometheus": f"--storage.tsdb.path={data}",
    }
    address = f"127.0.0.1:{port}"
    options = (f"--web.listen-address={address}", "--rules.alert.resend-delay=1s")
    arguments = (program, *command_of("prometheus", places), *options)
    async with (
        process(*arguments, ready=after("Server is ready to receive web requests")),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


async def answers(client: httpx.AsyncClient, path: str) -> bool:
    """Whether a path is answered with 200."""
    return (await client.get(path)).status_code == 200


async def data_of(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    """The data of an answer of Prometheus' API."""
    answer = await client.get(f"/api/v1/{path}", params=parameters)
    return answer.raise_for_status().json()["data"]


async def until(read: Callable[[], Awaitable[T]], accept: Callable[[T], bool] = bool, *, seconds: float = 60) -> T:
    """The first value that is accepted; AssertionError with the last one if there is none in time."""
    end = time.monotonic() + seconds
    while not accept(value := await read()):
        assert time.monotonic() < end, f"not within {seconds} s: {value}"
        await asyncio.sleep(0.1)
    return value
