"""An exporter with the alerting bridge, in this process, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from exporter.app import Application
from exporter.config import Config
from exporter.config.file import parse
from exporter.sources.kinds import KINDS
from exporter.statefile import open_state
from exporter.web.server import listen, url_of
from tests.e2e.harness import Exporter

DEFAULTS = {"resend_interval": "1s", "hold": "1s", "unreachable_for": "500ms", "unavailable_for": "1s"}


def settings(url: str, *alertmanagers: str | dict[str, Any], poll: str = "200ms", **alerting: Any) -> dict[str, Any]:
    """A config with one source and these Alertmanagers, as it would stand in the file."""
    members = [member if isinstance(member, dict) else {"url": member} for member in alertmanagers]
    source = {"name": "prod", "type": "feldera", "url": url, "poll_interval": poll, "timeout": "2s"}
    return {"sources": [source], "alerting": {"alertmanagers": members, **DEFAULTS, **alerting}}


def parsed(config: dict[str, Any]) -> Config:
    """A config as the exporter takes it."""
    return parse(json.dumps(config), {name: kind.config for name, kind in KINDS.items()}, environ={}, folder=Path())


class Bridged(Exporter):
    """A running exporter, seen over HTTP, that can be told to load another config."""

    def __init__(self, address: str, application: Application, config: dict[str, Any]) -> None:
        super().__init__(address)
        self._application = application
        self.config = config

    async def reload(self, config: dict[str, Any]) -> None:
        """Load this config."""
        self.config.clear()
        self.config.update(config)
        assert await self._application.reload() == ""

    async def value(self, name: str, **labels: str) -> float | None:
        """A value on the page now."""
        return (await self.page()).value(f"pipeline_exporter_{name}", **labels)


@contextlib.asynccontextmanager
async def bridging(config: dict[str, Any], *, state: Path | None = None) -> AsyncIterator[Bridged]:
    """An exporter with this config, once every source has been tried."""
    current = dict(config)
    load: Callable[[], Config] = lambda: parsed(current)  # noqa: E731
    application = Application(load(), load=load, state=open_state(state) if state else None)
    sock, stop = listen("127.0.0.1:0"), asyncio.Event()
    task = asyncio.create_task(application.serve([sock], stop))
    running = Bridged(url_of(sock), application, current)
    try:
        while (await running.get("/-/ready")).status_code != 200:
            await asyncio.sleep(0.02)
        yield running
    finally:
        await running.aclose()
        stop.set()
        await task
