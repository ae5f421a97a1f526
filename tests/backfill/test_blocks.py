"""A real Prometheus on backfilled blocks answers for the past with what the simulated Feldera really went through."""

from __future__ import annotations

import asyncio
import subprocess
import time
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.demo.feldera.world import World
from tests.e2e.harness import app_of, serving
from tests.e2e.processes import CONFIG, command, prometheus

STEP = 60
HOURS = 5
EXTRA = ("--label", "job=pipeline-exporter", "--label", "instance=host:10777")
DIMENSIONS = ("resources", "runtime", "program", "storage")

Tool = Callable[[str], str]


class Clock:
    """A clock that is wound by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def lived_world() -> World:
    """A Feldera with some hours behind it: a pipeline that fails and recovers, a renamed one, one that is broken.

    Its events are at some seconds of a minute at which no query looks, nor looks back to: text cannot mark the end of
    a sparse status, so that for the time a query looks back there are two.
    """
    clock = Clock((time.time() - HOURS * 3600) // STEP * STEP + 13.25)
    world = World(clock=clock)
    for name in ("orders", "later-renamed"):
        world.create(name)
        world.start(name)
    world.create("broken", outcome="SqlError")
    plan: list[tuple[float, Callable[[], object]]] = [
        (40, lambda: world.unavailable("orders")),
        (52.5, lambda: world.reachable("orders")),
        (80, lambda: world.fail("orders")),
        (110, lambda: world.start("orders")),
        (120, lambda: world.stop("later-renamed")),
        (125, lambda: world.clear("later-renamed")),
        (130, lambda: world.rename("later-renamed", "renamed")),
        (150, lambda: world.pause("orders")),
        (200, lambda: world.resume("orders")),
    ]
    begin = clock.now
    for minutes, action in plan:
        clock.now = begin + minutes * 60
        world.advance(clock.now)
        action()
    clock.now = time.time()
    world.advance(clock.now)
    return world


def backfilled(folder: Path, url: str, *, series: str, options: tuple[str, ...] = ()) -> str:
    """What the real command says that wrote ``out.om``."""
    config = folder / "config.yml"
    config.write_text(CONFIG.format(url=url) + f"metrics: {{status_series: {series}}}\n")
    done = command("backfill", f"--config.file={config}", f"--output={folder / 'out.om'}", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def make_blocks(promtool: str, folder: Path) -> None:
    """What the docs say to do with the file."""
    arguments = (promtool, "tsdb", "create-blocks-from", "openmetrics", "out.om", "data")
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def expected(world: World, name: str, dimension: str, at: float) -> str | None:
    """The status that the simulator's own record has for a time."""
    events = world.events(name)
    index = bisect_right(events, at * 1e6, key=lambda event: event.at_us) - 1
    return getattr(events[index], dimension) if index >= 0 else None  # type: ignore[no-any-return]


@pytest.mark.parametrize("series", ["dense", "sparse"])
async def test_the_past_is_as_it_was(tmp_path: Path, tool: Tool, series: str) -> None:
    """Every status of every pipeline, at every minute of five hours, under the labels of a scrape.

    The server looks back for a second only, so that a status that ended is over at once.
    """
    promtool, server = tool("promtool"), tool("prometheus")
    world = lived_world()
    times_us = [event.at_us for name in names(world) for event in world.events(name)]
    assert all(at_us % (STEP * 10**6) < (STEP - 1) * 10**6 for at_us in times_us)
    async with serving(app_of(world)) as url:
        said = await asyncio.to_thread(backfilled, tmp_path, url, series=series, options=EXTRA)
    assert "pipelines:  3\n" in said
    assert "promtool tsdb create-blocks-from openmetrics" in said
    await asyncio.to_thread(make_blocks, promtool, tmp_path)
    begin = int(world.events("orders")[0].at_us / 1e6) // STEP * STEP
    times = range(begin, int(time.time()) // STEP * STEP - STEP, STEP)
    async with prometheus(server, tmp_path, "127.0.0.1:1", "--query.lookback-delta=1s") as client:
        for dimension in DIMENSIONS:
            params = {
                "query": f'pipeline_{dimension}_status{{job="pipeline-exporter",instance="host:10777"}} == 1',
                "start": str(times[0]), "end": str(times[-1]), "step": str(STEP),
            }  # fmt: skip
            answer = (await client.get("/api/v1/query_range", params=params)).json()
            assert answer["status"] == "success", answer
            shown = {
                (found["metric"]["pipeline_name"], at): found["metric"]["status"]
                for found in answer["data"]["result"]
                for at, _ in found["values"]
            }
            truth = {(name, at): expected(world, name, dimension, at) for name in names(world) for at in times}
            assert shown == {key: status for key, status in truth.items() if status is not None}
            assert len(set(shown.values())) > 1 or dimension == "storage"


def names(world: World) -> list[str]:
    """The pipelines there are."""
    return [row.name for row in world.rows()]


async def test_an_error_and_health_are_there_too(tmp_path: Path, tool: Tool) -> None:
    """Within the outage the deployment has an error and the pipeline is failed; later both are over."""
    world = lived_world()
    async with serving(app_of(world)) as url:
        await asyncio.to_thread(backfilled, tmp_path, url, series="dense")
    await asyncio.to_thread(make_blocks, tool("promtool"), tmp_path)
    begin = world.events("orders")[0].at_us / 1e6
    async with prometheus(tool("prometheus"), tmp_path, "127.0.0.1:1") as client:

        async def value(query: str, minutes: float) -> list[str]:
            params = {"query": query, "time": str(begin + minutes * 60)}
            result = (await client.get("/api/v1/query", params=params)).json()["data"]["result"]
            return [found["value"][1] for found in result]

        error = 'pipeline_deployment_has_error{pipeline_name="orders"}'
        failed = 'pipeline_health{pipeline_name="orders",health="failed"}'
        healthy = 'pipeline_health{pipeline_name="orders",health="healthy"}'
        assert [await value(query, 95) for query in (error, failed, healthy)] == [["1"], ["1"], ["0"]]
        assert [await value(query, 140) for query in (error, failed, healthy)] == [["0"], ["0"], ["1"]]
        assert await value('pipeline_health{pipeline_name="orders",health="unhealthy"}', 46) == ["1"]
        assert await value('pipeline_health{pipeline_name="orders",health="healthy"}', 170) == ["1"]  # paused: wanted
