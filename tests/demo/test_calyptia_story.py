"""The story of the simulated Calyptia cloud: deterministic, complete, endless, robust."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from exporter.demo.calyptia import World, play
from exporter.demo.calyptia.roles import steady, traced
from exporter.demo.calyptia.story import CAST, INSTANCES

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


def statuses(world: World, pipeline: str) -> list[str]:
    """The statuses of a pipeline, oldest first."""
    return [row.body.status for row in world.pipeline(pipeline).history]


def times_of(world: World, pipeline: str) -> list[float]:
    """When the rows of a pipeline were created, oldest first."""
    return [datetime.fromisoformat(row.body.created_at).timestamp() for row in world.pipeline(pipeline).history]


def counts(world: World, pipeline: str, since: float = 0.0) -> dict[str, Any]:
    """What the journal says of a pipeline, as plain values."""
    assert world.journal is not None
    told: dict[str, Any] = msgspec.to_builtins(world.journal.counts(since)[pipeline])
    return told


def lively(clock: Clock, *, seed: int = 7, pipelines: int = 20) -> World:
    """A world in the middle of its story."""
    world = World(clock=clock, seed=seed, journal=True)
    play(world, pipelines)
    return world


def everything(world: World) -> list[bytes]:
    """All that the API could send of pipelines, rows and records."""
    sent: list[bytes] = []
    for found in world.pipelines():
        sent += [found.entry.encoded(), *(row.encoded() for row in found.history)]
        for session in found.sessions:
            sent += [session.entry.encoded(), *(record.encoded() for record in session.records)]
    return sent


def oldest_first(world: World) -> list[str]:
    """The ids of all pipelines in the order of their creation."""
    return [found.body.id for found in world.pipelines()][::-1]


def test_the_story_is_the_same_for_the_same_seed(clock: Clock) -> None:
    """Same seed, same bytes, also when time advances in other steps; another seed, other bytes."""
    one, other = lively(clock), lively(clock)
    stranger = lively(clock, seed=8)
    for step in range(1, 61):
        one.advance(START + step * 10)
    other.advance(START + 600)
    assert everything(one) == everything(other)
    assert everything(one) != everything(stranger)


def test_the_story_shows_every_status_and_oddity(clock: Clock) -> None:
    """Two hours hold all statuses, all forms of events, retries and errors, ended and numeric sessions."""
    world = lively(clock)
    rows = [row.body for found in world.pipelines() for row in found.history]
    assert {row.status for row in rows} == {
        "NEW", "STARTING", "STARTED", "FAILED", "SCALING", "CHECKS_OK", "CHECKS_FAILED",
    }  # fmt: skip
    assert {type(row.events).__name__ for row in rows} == {"list", "NoneType", "UnsetType"}
    [tapped] = [found for found in world.pipelines() if found.sessions]
    told = counts(world, tapped.body.id)
    assert set(told["output_results"]["sink"]) == {"ok", "retry", "error", "other"}
    assert set(told["trace_records"]) == {"input", "filter", "pre_output", "output", "unknown"}
    assert told["malformed"] > 100
    assert {type(s.entry.body.lifespan) for s in tapped.sessions} == {str, int}


def test_rows_of_the_story_never_run_backwards(clock: Clock) -> None:
    """The rows of every pipeline are in the order of their times, none in the future."""
    world = lively(clock)
    for found in world.pipelines():
        times = times_of(world, found.body.id)
        assert times == sorted(times)
        assert times[0] >= START - 7200
        assert times[-1] <= START


def test_the_story_goes_on_for_ever(clock: Clock) -> None:
    """A day later the roles still play: failures, traces, a lost core instance, a pipeline stuck in NEW."""
    world = lively(clock, pipelines=len(CAST))
    seen: set[object] = set()
    for minute in range(24 * 60):
        clock.seconds = START + minute * 60
        world.advance()
        seen.add(world.core_instance(INSTANCES[-1]).body.status)
    assert seen == {"running", "unreachable"}
    recent = [counts(world, name, since=clock.seconds - 3600) for name in oldest_first(world)]
    playing = dict(zip(CAST, recent, strict=False))
    assert playing.pop(traced)["trace_records"]
    assert all(told["rows"] for role, told in playing.items() if role is not steady)
    assert sum(told["failures"] for told in recent) > 10
    assert set(statuses(world, "payments-api")) == {"NEW"}


def test_a_quiet_story_is_started_and_silent(clock: Clock) -> None:
    """Without `lively` all pipelines are STARTED, as many as asked, and nothing happens any more."""
    world = World(clock=clock, journal=True)
    play(world, 50, lively=False)
    before = everything(world)
    world.advance(START + 86_400)
    assert everything(world) == before
    assert [found.body.status.status for found in world.pipelines()] == ["STARTED"] * 50
    assert len({found.body.name for found in world.pipelines()}) == 50


def test_internal_pipelines_come_on_top(clock: Clock) -> None:
    """A lively story has one health check per core instance beside the pipelines asked for."""
    world = lively(clock)
    assert sum(not found.internal for found in world.pipelines()) == 20
    assert sum(found.internal for found in world.pipelines()) == len(INSTANCES)


def test_the_story_survives_what_tests_do_to_it(clock: Clock) -> None:
    """A deleted pipeline, or a session ended by hand, ends that role and nothing else."""
    world = lively(clock)
    world.delete("audit-trail")
    world.delete("k8s-events")
    before = counts(world, world.pipeline("edge-syslog").body.id)["rows"]
    world.advance(START + 3600)
    assert counts(world, world.pipeline("edge-syslog").body.id)["rows"] > before
