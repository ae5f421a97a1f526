"""Keeps the parts that go on for ever going, and watches the event loop they share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

_WATCH_SECONDS = 0.1
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_LIVED_SECONDS = 60.0

Part = Callable[[], Awaitable[None]]


class Supervisor:
    """Runs parts, each in a task of its own. One that fails is told of and begins again; the others do not notice."""

    def __init__(self, restarted: Callable[[str], None]) -> None:
        self._restarted = restarted
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, part: Part) -> None:
        """Run a part until ``stop``."""
        self._tasks.append(asyncio.create_task(self._keep_going(name, part), name=name))

    async def stop(self) -> None:
        """End every part."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_going(self, name: str, part: Part) -> None:
        """A row of failures is logged with its traceback once; the pause before a new beginning grows with it."""
        in_a_row = 0
        while True:
            began = time.monotonic()
            try:
                await part()
                log.error("a part of the exporter ended; it begins again", part=name)
            except Exception:
                in_a_row = 0 if time.monotonic() - began > _LIVED_SECONDS else in_a_row
                if in_a_row == 0:
                    log.exception("a part of the exporter failed unexpectedly; it begins again", part=name)
            self._restarted(name)
            await asyncio.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**in_a_row))
            in_a_row = min(in_a_row + 1, 10)


async def watch_loop(late: Callable[[float], None]) -> None:
    """Tell for ever, ten times a second, by how many seconds the event loop called back too late."""
    while True:
        due = time.monotonic() + _WATCH_SECONDS
        await asyncio.sleep(_WATCH_SECONDS)
        late(max(0.0, time.monotonic() - due))
