"""Exactly once: the real process, killed again and again under a busy Feldera, counts what the record counts."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from pathlib import Path

import pytest

from exporter.demo.feldera.errors import SimulatedError
from exporter.demo.feldera.world import World
from tests.e2e.harness import Exporter, Page, app_of, immediate_world, labels_of, serving
from tests.e2e.processes import exporter

KILLS = 50
NAMES = ("orders", "clicks", "fraud", "stock")
COUNTERS = ("pipeline_events_total", "pipeline_status_transitions_total", "pipeline_deployment_failures_total")

CONFIG = """
sources: [{{name: prod, type: feldera, url: "{url}", poll_interval: 100ms, timeout: 5s}}]
state: {{path: {state}}}
"""


async def churn(world: World, chance: random.Random, stop: asyncio.Event) -> None:
    """Fail, restart, pause and stop pipelines at random, many times a second; now and then a new one appears."""
    born = 0
    while not stop.is_set():
        if chance.random() < 0.01 and born < 5:
            born += 1
            world.create(f"late-{born}")
            world.start(f"late-{born}")
        name = chance.choice([*NAMES, *(f"late-{number + 1}" for number in range(born))])
        actions = (
            lambda name=name: world.fail(name, "RuntimeError.WorkerPanic", "boom"),
            lambda name=name: world.start(name),
            lambda name=name: world.pause(name),
            lambda name=name: world.resume(name),
            lambda name=name: world.stop(name),
            lambda name=name: world.heartbeat(name),
        )
        with contextlib.suppress(SimulatedError):  # not possible in this state
            chance.choice(actions)()
        await asyncio.sleep(0.04)


def counters(page: Page) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every counter from the history, by its labels."""
    names = (*COUNTERS, "pipeline_status_seconds_total")
    return {(s.name, frozenset(s.labels.items())): s.value for s in page.samples if s.name in names}


async def test_fifty_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    """After each kill -9 counters go on where they were, never lower; in the end they equal the simulator's record."""
    chance = random.Random(20)
    world = immediate_world(names=NAMES)
    world.ledger.retention = 5000
    config = tmp_path / "config.yml"
    highest: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    stop = asyncio.Event()
    churning: asyncio.Task[None] | None = None
    async with serving(app_of(world)) as url:
        config.write_text(CONFIG.format(url=url, state=tmp_path / "state.db"))
        for _ in range(KILLS):
            async with exporter(config) as (address, process):
                running = Exporter(address.removesuffix("/metrics"))
                if churning is None:
                    await running.until(lambda page: page.value("pipeline_last_event_timestamp_seconds") is not None)
                    await running.until(lambda page: all(
                        page.value("pipeline_last_event_timestamp_seconds", pipeline_name=name) for name in NAMES
                    ))  # fmt: skip
                    since, churning = time.time(), asyncio.create_task(churn(world, chance, stop))
                await asyncio.sleep(chance.random())
                seen = counters(await running.page())
                fallen = {key: (highest[key], value) for key, value in seen.items() if value < highest.get(key, 0)}
                assert not fallen
                highest |= seen
                await running.aclose()
                process.kill()
                await process.wait()
        stop.set()
        await churning
        async with exporter(config) as (address, _):
            running = Exporter(address.removesuffix("/metrics"))
            total = sum(world.counts(row.id, since).events for row in world.rows())
            page = await running.until(lambda page: page.value("pipeline_events_total") == total)
            await asyncio.sleep(0.5)
            page, now = await running.page(), time.time()
            await running.aclose()
    for name in NAMES:
        labels = {**labels_of(world, name), "dimension": "resources"}
        assert page.value("pipeline_status_seconds_total", **labels) == pytest.approx(now - since, abs=5)
    assert total > 500, "too little happened to show anything"
    for row in world.rows():
        assert_counts(page, world, row.name, since)


def assert_counts(page: Page, world: World, name: str, since: float) -> None:
    """The counters of a pipeline are those of the simulator's record."""
    labels, counts = labels_of(world, name), world.counts(world.find(name).id, since)
    assert page.value("pipeline_events_total", **labels) == counts.events
    assert page.value("pipeline_deployment_failures_total", **labels) == counts.failures
    assert page.value("pipeline_status_transitions_total", **labels) == sum(counts.transitions.values())
    for (dimension, to), count in counts.transitions.items():
        value = page.value("pipeline_status_transitions_total", **labels, dimension=dimension, to=to)
        assert value == count, (name, dimension, to)
