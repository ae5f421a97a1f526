"""Trace sessions and their records: each record counted once, outputs by what their codes really mean."""

from __future__ import annotations

import math
from typing import Any

import pytest

from exporter.demo.calyptia import Tap, World
from exporter.demo.calyptia.traces import FILTER, INPUT, OUTPUT, PRE_OUTPUT
from exporter.history.pipeline import PipelineHistory
from exporter.history.traces import Traces
from exporter.model import TraceRead, TraceRecord, TraceSession
from exporter.sources.calyptia.tracewords import duration, moment
from tests.calyptia.harness import Clock, Open, Reading

RECORDS = "pipeline_trace_records_total"
RESULTS = "pipeline_trace_output_results_total"


@pytest.fixture
def clock() -> Clock:
    """A clock that is right: sessions end by the time of the server."""
    clock = Clock()
    clock.catch_up()
    return clock


async def traced(world: World, reading: Reading, *, lifespan: float = 600, as_number: bool = False) -> str:
    """A session of a pipeline that was known before."""
    world.add_pipeline("orders")
    await reading.run("poll", "traces")
    session = world.start_trace("orders", lifespan=lifespan, as_number=as_number)
    await reading.run("poll")
    return session


def emit(world: World, session: str, *codes: int | None) -> None:
    """Let outputs say these codes; None: the record has none."""
    for code in codes:
        tap = Tap(type=OUTPUT, plugin="http.1", return_code=code, without_return_code=code is None)
        world.emit_record(session, tap)


@pytest.mark.parametrize("as_number", [False, True])
async def test_a_session_from_begin_to_end(world: World, reading: Reading, as_number: bool) -> None:
    """Active while its lifespan lasts, whether that is a Go duration or nanoseconds; then 0, with the time it ended."""
    session = await traced(world, reading, as_number=as_number)
    await reading.run("traces")
    assert reading.value("pipeline_trace_session_active") == 1
    assert reading.value("pipeline_trace_session_end_timestamp_seconds") == pytest.approx(world.now() + 600, abs=2)
    world.end_trace(session)
    await reading.run("traces")
    assert reading.value("pipeline_trace_session_active") == 0
    assert reading.value("pipeline_trace_session_end_timestamp_seconds") == pytest.approx(world.now(), abs=2)


async def test_without_a_session_there_is_none(world: World, reading: Reading) -> None:
    """A pipeline that was never traced has a 0 and no times; one whose traces are not chosen has nothing."""
    world.add_pipeline("orders")
    await reading.run("poll", "traces")
    assert reading.value("pipeline_trace_session_active") == 0
    assert reading.value("pipeline_trace_malformed_total") == 0
    assert reading.value("pipeline_trace_session_end_timestamp_seconds") is None
    assert reading.value("pipeline_trace_last_record_timestamp_seconds") is None


async def test_only_chosen_pipelines_are_asked_about(world: World, opened: Open) -> None:
    """``traces`` says whose; without it there is no such task."""
    world.add_pipeline("orders")
    world.add_pipeline("scratch")
    async with opened(traces={"include": ["ord.*"]}) as reading:
        await reading.run("poll", "traces")
        assert set(reading.values("pipeline_trace_session_active", "pipeline_name")) == {("orders",)}
    async with opened() as reading:
        assert [task.name for task in reading.source.tasks] == ["poll", "history"]


async def test_records_are_counted_once_by_stage_and_plugin(world: World, reading: Reading) -> None:
    """Payloads in every form, unknown types, malformed records: the counters are those of the journal."""
    session = await traced(world, reading)
    for _ in range(3):
        world.emit_record(session, Tap(type=INPUT, plugin="http.0", records="start_time"))
        world.emit_record(session, Tap(type=INPUT, plugin="http.0", records=[{"record": "text"}, {"record": None}]))
        world.emit_record(session, Tap(type=FILTER, plugin="grep.0", alias="keep", start_time="2026-01-01T00:00:00Z"))
        world.emit_record(session, Tap(type=PRE_OUTPUT, plugin="http.0", alias="", end_time=math.pi))
        world.emit_record(session, Tap(type=9, plugin="odd.0", records=None))
        world.emit_record(session, Tap(type=9, plugin="odd.0", records=42))
        emit(world, session, 1, 2, 0, 7, None)
        await reading.run("traces")
        await reading.run("traces")
    assert world.journal is not None
    [told] = world.journal.counts().values()
    assert reading.values(RECORDS, "stage", "plugin") == {
        (stage, plugin): count for stage, plugins in told.trace_records.items() for plugin, count in plugins.items()
    }
    assert reading.values(RESULTS, "plugin", "result") == {
        ("http.1", result): count for result, count in told.output_results["http.1"].items()
    }
    assert reading.value("pipeline_trace_malformed_total") == told.malformed == 6
    assert not world.forbidden_queries


async def test_zeros_are_no_errors_until_the_session_has_shown_a_one(world: World, reading: Reading) -> None:
    """A server that does not tell codes shows 0 for all: zeros wait, and the first 1 makes errors of them."""
    session = await traced(world, reading)
    emit(world, session, 0, 0, 2)
    await reading.run("traces")
    assert reading.values(RESULTS, "result") == {("ok",): 0, ("error",): 0, ("retry",): 1, ("other",): 0}
    assert reading.values(RECORDS, "stage") == {("output",): 3}
    emit(world, session, 1, 0)
    await reading.run("traces")
    assert reading.values(RESULTS, "result") == {("ok",): 1, ("error",): 3, ("retry",): 1, ("other",): 0}


async def test_zeros_of_a_session_that_never_showed_a_one_become_other(world: World, reading: Reading) -> None:
    """With the next session they are settled, and that one has to show a 1 of its own."""
    session = await traced(world, reading)
    emit(world, session, 0, 0)
    await reading.run("traces")
    world.end_trace(session)
    emit_into = world.start_trace("orders")
    emit(world, emit_into, 0)
    await reading.run("traces")
    assert reading.values(RESULTS, "result") == {("ok",): 0, ("error",): 0, ("retry",): 0, ("other",): 2}


async def test_records_from_before_are_not_counted(world: World, reading: Reading) -> None:
    """What a session holds when the exporter first knows the source shows its time only; what comes later counts."""
    world.add_pipeline("orders")
    session = world.start_trace("orders")
    emit(world, session, 1, 1)
    await reading.run("poll", "traces")
    assert reading.values(RECORDS, "stage") == {}
    assert reading.value("pipeline_trace_last_record_timestamp_seconds") == pytest.approx(world.now(), abs=2)
    emit(world, session, 0)
    await reading.run("traces")
    assert reading.values(RECORDS, "stage") == {("output",): 1}
    assert reading.values(RESULTS, "result")[("error",)] == 1  # the ones from before prove that codes are told


async def test_the_last_records_of_a_session_are_not_lost(world: World, reading: Reading) -> None:
    """They are read after the end, and even if the next session has begun already."""
    session = await traced(world, reading)
    emit(world, session, 1)
    await reading.run("traces")
    emit(world, session, 1)
    world.end_trace(session)
    await reading.run("traces")
    assert reading.values(RECORDS, "stage") == {("output",): 2}
    second = world.start_trace("orders")
    emit(world, second, 1)
    await reading.run("poll", "traces")
    emit(world, second, 1)
    world.end_trace(second)
    third = world.start_trace("orders")
    emit(world, third, 1)
    await reading.run("traces")
    assert reading.values(RECORDS, "stage") == {("output",): 5}


async def test_many_records_come_in_pages(world: World, reading: Reading) -> None:
    """More than a page between two reads: back to the first known one, and no gap."""
    session = await traced(world, reading)
    emit(world, session, 1)
    await reading.run("traces")
    emit(world, session, *[1] * 250)
    await reading.run("traces")
    assert reading.values(RECORDS, "stage") == {("output",): 251}
    assert reading.value("pipeline_exporter_history_gaps_total") == 0


async def test_idle_pipelines_are_asked_seldom(world: World, reading: Reading) -> None:
    """One look in four runs; a session that begins is seen with the next poll, because the list tells."""
    world.add_pipeline("orders")
    await reading.run("poll", "traces")
    world.requests.clear()
    for _ in range(8):
        await reading.run("traces")
    assert world.requests == {"/v1/pipelines/{id}/trace_sessions": 2}
    world.start_trace("orders")
    await reading.run("poll", "traces")
    assert reading.value("pipeline_trace_session_active") == 1


async def test_a_pipeline_that_is_gone_takes_its_traces_along(world: World, reading: Reading) -> None:
    """Deleted between poll and read: no failure; after the next poll, no series."""
    await traced(world, reading)
    await reading.run("traces")
    world.delete("orders")
    await reading.run("traces")
    assert not reading.failures
    await reading.run("poll", "traces")
    assert "pipeline_trace" not in reading.text()


def a_read(session: str, *records: TraceRecord) -> TraceRead:
    """A read of a session that lasts."""
    return TraceRead("p", TraceSession(session, 9e9, active=True), records)


def test_plugins_are_bounded() -> None:
    """Rollouts renumber plugins: fifty have series of their own, all others share one."""
    traces = Traces()
    records = [TraceRecord(str(n), 1.0, 1.0, "output", f"http.{n}", "ok") for n in range(60)]
    traces.fold(a_read("s", *records), lambda at: True)
    assert len({plugin for _, plugin in traces.records}) == 51
    assert traces.records["output", "other"] == 10
    assert traces.results["other", "ok"] == 10


def test_a_record_read_twice_counts_once() -> None:
    """As after a restart, when the session is read from its beginning."""
    traces = Traces()
    record = TraceRecord("r", 1.0, 1.0, "filter", "grep.0")
    for _ in range(2):
        traces.fold(a_read("s", record), lambda at: True)
    assert traces.records == {("filter", "grep.0"): 1}


def test_after_the_first_read_records_are_news_whatever_their_time() -> None:
    """A clock that is wrong takes nothing away: what was there before is told by its id, as with events."""
    history = PipelineHistory(counts_from=1000.0, initial=None)
    old, late, newer = (TraceRecord(name, at, at, "filter", "grep.0") for name, at in (("a", 1), ("b", 2), ("c", 2000)))
    history.trace(a_read("s", old, newer))
    assert history.traces is not None
    assert history.traces.records == {("filter", "grep.0"): 1}
    restored = PipelineHistory.restored(history.saved())
    for each in (history, restored):
        each.trace(a_read("s", old, late, newer))
        assert each.traces is not None
        assert each.traces.records == {("filter", "grep.0"): 2}


DURATIONS = [
    ("10m0s", 600), ("1h30m0s", 5400), ("500ms", 0.5), ("10m", 600), ("1.5s", 1.5), ("0s", 0), ("0", 0), ("-1m", -60),
    ("1µs", 1e-6), ("600000000000ns", 600), (600_000_000_000, 600), (6e11, 600), ("ten", None), ("10", None),
    ("", None), (None, None), (math.inf, None),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "seconds"), DURATIONS)
def test_lifespans(raw: Any, seconds: float | None) -> None:
    """Go's durations and nanoseconds; anything else is no lifespan."""
    assert duration(raw) == (seconds if seconds is None else pytest.approx(seconds))


MOMENTS = [
    (1_700_000_000, 1.7e9), (1.5e9, 1.5e9), ("1700000000", 1.7e9), ("1700000000.5", 1_700_000_000.5),
    ("2023-11-14T22:13:20Z", 1.7e9), ("0001-01-01T00:00:00Z", None), (0, None), (True, None), ("nan", None),
    (None, None), ([], None), ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "seconds"), MOMENTS)
def test_times_in_all_their_forms(raw: Any, seconds: float | None) -> None:
    """A number, a number in a text, RFC 3339; Go's zero time and nonsense are no times."""
    assert moment(raw) == seconds
