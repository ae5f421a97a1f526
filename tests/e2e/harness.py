"""The exporter and a simulated Feldera on real sockets in one event loop, and what can be seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.app import Application
from exporter.config.file import parse
from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.world import World
from exporter.sources.kinds import KINDS
from exporter.web.server import Server, listen, url_of

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

CONFIG = """
sources:
  - {{name: prod, type: feldera, url: "{url}", poll_interval: 200ms, timeout: 2s}}
stale_after: {stale_after}
"""


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """An application on a free port of this machine; its address."""
    sock = listen("127.0.0.1:0")
    server = Server(app)
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield url_of(sock)
    finally:
        server.should_exit = server.force_exit = True
        await task


class Counting:
    """An application that remembers the paths it was asked for."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        await self.app(scope, receive, send)


class Page:
    """The samples of a metrics page."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels; None if there is none."""
        found = [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        return sum(found) if found else None


class Exporter:
    """A running exporter, seen over HTTP."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.AsyncClient(base_url=address)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """One request."""
        return await self._client.get(path, headers=headers)

    async def page(self) -> Page:
        """The metrics now."""
        return Page((await self.get("/metrics")).text)

    async def until(self, condition: Callable[[Page], bool], *, seconds: float = 20) -> Page:
        """The first page on which ``condition`` holds; AssertionError with the last one if there is none in time."""
        end = time.monotonic() + seconds
        while True:
            page = await self.page()
            if condition(page):
                return page
            assert time.monotonic() < end, f"not within {seconds} s:\n{page.text[-4000:]}"
            await asyncio.sleep(0.05)

    async def polls(self, count: int = 2) -> Page:
        """The page after ``count`` more good polls."""
        name, labels = "pipeline_exporter_task_duration_seconds_count", {"source": "prod", "task": "poll"}
        begin = (await self.page()).value(name, **labels) or 0.0
        return await self.until(lambda page: (page.value(name, **labels) or 0.0) >= begin + count)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


@contextlib.asynccontextmanager
async def exporting(url: str, *, config: str = CONFIG, stale_after: str = "1m") -> AsyncIterator[Exporter]:
    """An exporter reading ``url``, once every source has been tried."""
    kinds = {name: kind.config for name, kind in KINDS.items()}
    parsed = parse(config.format(url=url, stale_after=stale_after), kinds, environ={}, folder=Path())
    sock, stop = listen("127.0.0.1:0"), asyncio.Event()
    task = asyncio.create_task(Application(parsed).serve([sock], stop))
    running = Exporter(url_of(sock))
    try:
        while (await running.get("/-/ready")).status_code != 200:
            await asyncio.sleep(0.02)
        yield running
    finally:
        await running.aclose()
        stop.set()
        await task


def immediate_world(*, names: tuple[str, ...] = ("orders",), journal: bool = True) -> World:
    """A Feldera in which everything happens at once, with these pipelines running."""
    world = World(delays=Delays.none(), journal=journal)
    for name in names:
        world.create(name)
        world.start(name)
    world.advance(world.now())
    return world


def app_of(world: World) -> Counting:
    """The simulated Feldera's API."""
    return Counting(create_app(world))


def labels_of(world: World, name: str) -> dict[str, str]:
    """The labels that every series of a pipeline has."""
    return {"source": "prod", "pipeline": f"pipeline-{world.find(name).id}", "pipeline_name": name}
