"""Parts that go on for ever: one that fails begins again, is counted, and is logged once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import structlog

from exporter.supervise import Supervisor, watch_loop


async def test_a_part_that_fails_begins_again() -> None:
    """Its failures are counted; the traceback is logged for the first of a row; its neighbour goes on."""
    restarts: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    enough = asyncio.Event()

    async def failing() -> None:
        begun["failing"] += 1
        if begun["failing"] == 3:
            enough.set()
            await asyncio.Event().wait()
        raise ValueError("broken")

    async def steady() -> None:
        begun["steady"] += 1
        await asyncio.Event().wait()

    supervisor = Supervisor(lambda name: restarts.update([name]))
    with structlog.testing.capture_logs() as logs:
        supervisor.start("failing", failing)
        supervisor.start("steady", steady)
        await asyncio.wait_for(enough.wait(), 10)
        await supervisor.stop()
    assert (restarts, begun) == ({"failing": 2}, {"failing": 3, "steady": 1})
    assert [(entry["part"], entry["log_level"], entry["exc_info"]) for entry in logs] == [("failing", "error", True)]


async def test_a_part_that_ends_begins_again() -> None:
    """A part has no reason to end; that it did is told."""
    again = asyncio.Event()
    runs: list[int] = []

    async def ending() -> None:
        runs.append(len(runs))
        if len(runs) > 1:
            again.set()

    supervisor = Supervisor(lambda name: None)
    with structlog.testing.capture_logs() as logs:
        supervisor.start("ending", ending)
        await asyncio.wait_for(again.wait(), 10)
        await supervisor.stop()
    assert logs[0]["event"] == "a part of the exporter ended; it begins again"


async def test_a_held_event_loop_is_seen() -> None:
    """Who holds the loop makes the next look late by about as long."""
    seen: list[float] = []
    task = asyncio.create_task(watch_loop(seen.append))
    await asyncio.sleep(0.01)
    time.sleep(0.35)
    while not seen:
        await asyncio.sleep(0.01)
    task.cancel()
    assert seen[0] >= 0.2
