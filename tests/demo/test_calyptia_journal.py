"""The simulator's own counts: rows, edges, events, trace records, each exactly once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exporter.demo.calyptia import KubeEvent, Tap, World
from exporter.demo.calyptia.traces import FILTER, INPUT, OUTPUT, PRE_OUTPUT

START = 1_700_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at START."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """An empty world with a journal."""
    return World(clock=clock, seed=7, journal=True)


def counts(world: World, pipeline: str, since: float = 0.0) -> dict[str, Any]:
    """What the journal says of a pipeline, as plain values."""
    assert world.journal is not None
    told: dict[str, Any] = msgspec.to_builtins(world.journal.counts(since)[pipeline])
    return told


def test_the_journal_counts_edges_and_rows(world: World, clock: Clock) -> None:
    """The first row is no transition, nor is the same status again; odd spellings are what they mean."""
    pipeline = world.add_pipeline("nginx-access")
    for status in ("STARTED", "STARTED", "FAILED", "FAILED", "CHECKS_FAILED", "CHECKS_FAILED            -"):
        clock.seconds += 10
        world.report(pipeline, status)
    assert counts(world, pipeline) == {
        "name": "nginx-access", "rows": 7, "failures": 1, "malformed": 0,
        "transitions": {"STARTED": 1, "FAILED": 1, "CHECKS_FAILED": 1},
        "status_events": {}, "trace_records": {}, "output_results": {},
    }  # fmt: skip
    later = counts(world, pipeline, since=START + 30)
    assert (later["rows"], later["transitions"]) == (4, {"FAILED": 1, "CHECKS_FAILED": 1})
    assert counts(world, pipeline, since=START + 1000)["rows"] == 0


def test_a_pipeline_that_begins_failed_has_failed_once(world: World) -> None:
    """A first row FAILED is a failure and no transition."""
    told = counts(world, world.add_pipeline("nginx-access", status="FAILED"))
    assert (told["failures"], told["transitions"]) == (1, {})


def test_the_journal_counts_events_by_origin_and_raw_reason(world: World) -> None:
    """Each event of each row counts once; sources that are not known are `other`."""
    pipeline = world.add_pipeline("nginx-access", events=[KubeEvent("Odd", "k8s:node")])
    world.report(pipeline, "FAILED", [KubeEvent("BackOff", "k8s:pod"), KubeEvent("MinimumReplicasUnavailable")])
    world.report(pipeline, "FAILED", [KubeEvent("BackOff", "k8s:pod")])
    assert counts(world, pipeline)["status_events"] == {
        "other": {"Odd": 1},
        "pod": {"BackOff": 2},
        "deployment": {"MinimumReplicasUnavailable": 1},
    }


def test_the_journal_counts_trace_records_once(world: World) -> None:
    """Well-formed ones by stage and plugin (alias first), outputs by result, malformed ones nowhere else."""
    pipeline = world.add_pipeline("nginx-access")
    session = world.start_trace(pipeline)
    for tap in (
        Tap(type=INPUT, plugin="http.0", alias=""),
        Tap(type=INPUT, plugin="http.0", records="start_time"),
        Tap(type=INPUT, plugin="http.0", records=42),
        Tap(type=FILTER, plugin="grep.0", alias="drop", records=None),
        Tap(type=PRE_OUTPUT, plugin="http.0", start_time="1700000000", end_time=1.5),
        *(Tap(type=OUTPUT, plugin="http.1", alias="sink", return_code=code) for code in (0, 1, 1, 2, 7)),
        Tap(type=OUTPUT, plugin="http.1", without_return_code=True),
        Tap(type=9, plugin="http.0"),
    ):
        world.emit_record(session, tap)
    told = counts(world, pipeline)
    assert told["malformed"] == 2
    assert told["trace_records"] == {
        "input": {"http.0": 1}, "filter": {"drop": 1}, "pre_output": {"http.0": 1},
        "output": {"sink": 5, "http.1": 1}, "unknown": {"http.0": 1},
    }  # fmt: skip
    assert told["output_results"] == {
        "sink": {"error": 1, "ok": 2, "retry": 1, "other": 1},
        "http.1": {"other": 1},
    }
