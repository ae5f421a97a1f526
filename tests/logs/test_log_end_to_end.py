"""The whole exporter on a simulated Feldera's logs: what is counted, whose streams are open, kills, reload, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.demo.feldera.world import World
from exporter.sources.feldera.logs.lines import summarize
from tests.e2e.harness import Counting, Exporter, Page, app_of, exporting, labels_of, serving
from tests.logs.running import LOGS, counted, stamped, up, with_both_protocols, world_of

LINES = "pipeline_log_lines_total"


@asynccontextmanager
async def reading(world: World, config: str = LOGS) -> AsyncIterator[tuple[Counting, Exporter]]:
    """The simulated Feldera, and an exporter that follows its logs."""
    app = app_of(world)
    async with serving(app) as url, exporting(url, config=config) as running:
        yield app, running


def in_buffer(world: World, name: str) -> dict[str, float]:
    """The same from the simulator's own buffer."""
    levels = summarize(world.logbook.of(world.find(name)).after(0), most_telling=0).levels
    return {level: float(count) for level, count in levels.items() if count}


async def test_known_and_later_pipelines() -> None:
    """Lines from before the first poll do not count; of a pipeline that appears later all do, from its first."""
    await with_both_protocols(_known_and_later_pipelines)


async def _known_and_later_pipelines(cursor: bool) -> None:
    world = world_of("orders", cursor=cursor)
    world.log("orders", *[stamped("INFO", "orders", f"old {number}") for number in range(50)])
    await asyncio.sleep(0.01)
    async with reading(world) as (_, running):
        await up(running, 1)
        world.log("orders", stamped("ERROR", "orders", "no"), stamped("WARN", "orders", "hm"), "raw", "raw")
        page = await running.until(lambda page: len(counted(page, world, "orders")) == 3)
        assert counted(page, world, "orders") == {"error": 1, "warn": 1, "unknown": 2}
        world.create("late")
        world.start("late")
        world.fail("late")
        page = await running.until(lambda page: counted(page, world, "late") == in_buffer(world, "late"))
        assert page.value("pipeline_log_panics_total", **labels_of(world, "late")) == 1
        assert page.value("pipeline_log_lines_lost_total") == 0
        at = page.value("pipeline_log_last_line_timestamp_seconds", **labels_of(world, "late"))
        assert at == pytest.approx(time.time(), abs=30)


async def test_series_are_born_at_zero() -> None:
    """Every counter of a log is there, with 0, before the first line: else the first increase would not be seen."""
    world = world_of("orders")
    async with reading(world) as (_, running):
        page = await up(running, 1)
    labels = labels_of(world, "orders")
    levels = {s.labels["level"]: s.value for s in page.samples if s.name == LINES}
    assert levels == dict.fromkeys(("error", "warn", "info", "debug", "trace", "unknown"), 0)
    for name in ("panics_total", "lines_lost_total", "reconnects_total"):
        assert page.value(f"pipeline_log_{name}", **labels) == 0


async def test_the_time_of_the_last_line_is_known_from_before() -> None:
    """A log that is quiet from now on shows when its last line came, though no line of it counts."""
    world = world_of("orders")
    labels = labels_of(world, "orders")
    async with reading(world) as (_, running):
        await running.until(lambda page: page.value("pipeline_log_last_line_timestamp_seconds", **labels) is not None)
        page = await running.page()
    assert page.value("pipeline_log_last_line_timestamp_seconds", **labels) <= time.time()
    assert counted(page, world, "orders") == {}


async def test_a_runner_restart() -> None:
    """The buffer is lost and the streams end: they are opened again, and the lines of the new buffer all count."""
    await with_both_protocols(_a_runner_restart)


async def _a_runner_restart(cursor: bool) -> None:
    world = world_of("orders", cursor=cursor)
    async with reading(world) as (_, running):
        await up(running, 1)
        await asyncio.sleep(1)
        world.restart_runner()
        world.log("orders", *[stamped("WARN", "orders", f"new {number}") for number in range(5)])
        page = await running.until(lambda page: counted(page, world, "orders") == {"info": 1, "warn": 5})
        assert page.value("pipeline_log_reconnects_total") == 1
        assert page.value("pipeline_log_lines_lost_total") == 0


async def test_a_slow_reader_is_dropped() -> None:
    """The server drops a reader who is too slow: every line counts in the end, or is counted as lost."""
    await with_both_protocols(_a_slow_reader_is_dropped)


async def _a_slow_reader_is_dropped(cursor: bool) -> None:
    world = world_of("orders", cursor=cursor)
    async with reading(world) as (_, running):
        await up(running, 1)
        await asyncio.sleep(1)
        world.firehose("orders", 1_000_000)
        await asyncio.sleep(1.5)
        world.firehose("orders", 0)
        buffer = world.logbook.of(world.find("orders"))
        before = buffer.last

        def all_told(page: Page) -> bool:
            told = (page.value(LINES) or 0) + (page.value("pipeline_log_lines_lost_total") or 0)
            return told >= before - 20

        if cursor:
            page = await running.until(all_told)
            assert (page.value(LINES) or 0) + (page.value("pipeline_log_lines_lost_total") or 0) <= buffer.last
        else:
            page = await running.until(lambda page: (page.value("pipeline_log_lines_lost_total") or 0) > 0)
            assert (page.value(LINES) or 0) <= buffer.last
        assert page.value("pipeline_log_reconnects_total", **labels_of(world, "orders")) >= 1  # type: ignore[operator]


async def test_a_deleted_pipeline() -> None:
    """Its stream is closed for good: its series are gone, nobody asks for its log again, and nothing failed."""
    world = world_of("orders", "clicks")
    async with reading(world) as (app, running):
        await up(running, 2)
        world.delete("clicks", anyhow=True)
        await running.until(lambda page: 'pipeline_name="clicks"' not in page.text)
        await asyncio.sleep(1.5)
        asked = app.paths.count("/v0/pipelines/clicks/logs")
        await asyncio.sleep(2)
        assert app.paths.count("/v0/pipelines/clicks/logs") == asked
        page = await running.page()
        assert page.value("pipeline_exporter_task_failures_total", task="logs") in (0, None)
        assert page.value("pipeline_log_stream_up") == 1


async def test_a_renamed_pipeline() -> None:
    """Its log goes on under the new name, from where the reading stood."""
    await with_both_protocols(_a_renamed_pipeline)


async def _a_renamed_pipeline(cursor: bool) -> None:
    world = world_of(cursor=cursor)
    async with reading(world) as (_, running):
        world.create("orders")
        world.log("orders", *[stamped("WARN", "orders", f"{number}") for number in range(30)])
        await running.until(lambda page: counted(page, world, "orders").get("warn") == 30)
        world.rename("orders", "sales")
        world.log("sales", *[stamped("WARN", "sales", f"{number}") for number in range(7)])
        page = await running.until(lambda page: counted(page, world, "sales") == in_buffer(world, "sales"))
        assert counted(page, world, "sales")["warn"] == 37
        assert 'pipeline_name="orders"' not in page.text


class Silenced:
    """A Feldera whose log streams fall silent: one opened while ``silent`` brings its headers and nothing more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.silent = True
        self.opened = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].endswith("/logs"):
            await self.app(scope, receive, send)
            return
        self.opened += 1
        if self.silent:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await self.app(scope, receive, send)


async def test_a_half_open_connection_is_noticed() -> None:
    """Silence is not death; but a stream that does not bring the line of a change of status is opened anew."""
    world = world_of("orders")
    app = Silenced(app_of(world))
    async with serving(app) as url, exporting(url, config=LOGS) as running:
        await up(running, 1)
        await asyncio.sleep(1.5)
        assert app.opened == 1
        app.silent = False
        world.pause("orders")
        await running.until(lambda page: counted(page, world, "orders") == {"info": 1}, seconds=30)
        assert app.opened == 2


async def test_max_streams() -> None:
    """No more streams than allowed; stopped pipelines are left out first, and one sentence says so."""
    world = world_of("a", "b", "c", "d")
    for name in ("a", "c"):
        world.stop(name)
    world.advance(world.now())
    config = LOGS.replace("include: ['.*']", "include: ['.*'], exclude: ['x.*'], max_streams: 2")
    async with reading(world, config) as (_, running):
        await up(running, 2)
        page = await running.polls(5)
        followed = {s.labels["pipeline_name"] for s in page.samples if s.name == "pipeline_log_stream_up"}
        assert followed == {"b", "d"}
        world.delete("d", anyhow=True)
        page = await running.until(lambda page: page.value("pipeline_log_stream_up", pipeline_name="a") == 1)
        assert page.value("pipeline_log_stream_up") == 2


async def test_only_chosen_pipelines() -> None:
    """Without the section ``logs``, or for a pipeline it does not choose, nothing is asked and no series is there."""
    world = world_of("orders", "clicks")
    async with reading(world, LOGS.replace("'.*'", "'or.*'")) as (app, running):
        page = await up(running, 1)
        await running.polls(2)
    assert "/v0/pipelines/clicks/logs" not in app.paths
    assert not [s for s in page.samples if s.name == LINES and s.labels["pipeline_name"] == "clicks"]
