"""The simulated Feldera over time: heartbeats, retention, counts, the cluster's monitor."""

from __future__ import annotations

import pytest

from exporter.demo.feldera import wire
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.world import World

BEGIN = 1_800_000_000.0


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at the beginning."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """A world where everything happens at once."""
    return World(clock=clock, delays=Delays.none(), journal=True)


def running(world: World, clock: Clock, name: str = "p") -> int:
    """A running pipeline; returns how many events that took."""
    world.create(name)
    clock.pass_(1)
    world.start(name)
    clock.pass_(1)
    return len(world.events(name))


def test_refresh_version_bumps(world: World, clock: Clock) -> None:
    """Wishes, dismissals, storage and the Compiling statuses do not bump refresh_version; the rest does."""
    world.create("p")
    row = world.find("p")
    assert row.refresh_version == 1 + len(["SqlCompiled", "Success"])
    world.start("p")
    assert row.refresh_version == 3 + len(["Provisioning", "Initializing", "Running"])
    world.heartbeat("p")
    assert row.refresh_version == 7
    world.stop("p")
    assert row.refresh_version == 7 + len(["Stopping", "Stopped"])
    world.clear("p")
    world.dismiss_error("p")
    assert row.refresh_version == 9
    world.edit("p", description="new", tags=("a",))
    assert row.refresh_version == 9


def test_heartbeats_come_every_ten_minutes_while_provisioned(world: World, clock: Clock) -> None:
    """Duplicates come every 600 s while Provisioned, and none at all while Stopped."""
    before = running(world, clock)
    clock.pass_(3600)
    world.advance(clock.now)
    beats = [event.at_us / 1e6 - BEGIN for event in world.events("p")[before:]]
    assert beats == [601, 1201, 1801, 2401, 3001, 3601]
    world.stop("p")
    count = len(world.events("p"))
    clock.pass_(7200)
    world.advance(clock.now)
    assert len(world.events("p")) == count


def test_a_dead_runner_freezes_everything(world: World, clock: Clock) -> None:
    """While the runner is dead no heartbeat comes and no wish is carried out; then both go on."""
    before = running(world, clock)
    world.freeze_runner()
    world.stop("p")
    clock.pass_(3000)
    world.advance(clock.now)
    assert world.find("p").status == "Running"
    assert len(world.events("p")) == before + 1
    world.freeze_runner(False)
    clock.pass_(10)
    world.advance(clock.now)
    assert world.find("p").status == "Stopped"


def test_retention_is_by_count_and_cleaned_every_30_seconds(clock: Clock) -> None:
    """A list may be a little longer than the retention until the next cleaning."""
    world = World(clock=clock, delays=Delays.none(), retention=20, journal=True)
    running(world, clock)
    for _ in range(30):
        world.heartbeat("p")
    assert len(world.events("p")) == 40
    clock.pass_(30)
    assert len(world.events("p")) == 20
    assert world.counts(world.find("p").id).events == 40


def test_a_late_event_sorts_into_the_past(world: World, clock: Clock) -> None:
    """An event written after a lock wait appears later, with an older time but a younger id."""
    running(world, clock)
    clock.pass_(100)
    world.heartbeat("p")
    world.heartbeat("p", late_seconds=20)
    *_, late, newest = world.events("p")
    assert newest.at_us - late.at_us == 20_000_000
    assert late.id > newest.id


def test_details_are_written_every_ten_seconds_at_most(clock: Clock) -> None:
    """Connector errors show at most every 10 s, each time with an event."""
    world = World(clock=clock, delays=Delays(jitter=0))
    world.create("p")
    world.advance(clock.now + 60)
    clock.pass_(60)
    world.start("p")
    clock.pass_(30)
    world.connector_errors("p", 1)
    count = len(world.events("p"))
    for errors in range(2, 30):
        clock.pass_(1)
        world.connector_errors("p", errors)
    assert len(world.events("p")) - count == 2
    assert world.find("p").details == {"connector_stats": {"num_errors": 20}}


def test_journal_counts(world: World, clock: Clock) -> None:
    """Transitions per (dimension, to) with null as no status, failures as edges, also of deleted pipelines."""
    running(world, clock)
    row = world.find("p")
    clock.pass_(10)
    at = clock.now
    world.fail("p")
    world.start("p")
    world.delete("p", anyhow=True)
    counts = world.counts(row.id, at)
    assert counts.events == 3 + 5 - 1
    assert counts.failures == 1
    assert counts.transitions == {
        ("resources", "Stopping"): 1, ("resources", "Stopped"): 1, ("resources", "Provisioning"): 1,
        ("resources", "Provisioned"): 1, ("runtime", "Initializing"): 1, ("runtime", "Running"): 1,
    }  # fmt: skip


def test_the_first_event_is_no_transition(world: World) -> None:
    """Before the first event there was nothing, so it changes nothing."""
    row = world.create("p", outcome=None)
    counts = world.counts(row.id)
    assert (counts.events, counts.failures, dict(counts.transitions)) == (1, 0, {})


def test_the_same_seed_gives_the_same_world(clock: Clock) -> None:
    """Identifiers, times and delays follow from the seed and the clock alone."""
    worlds = [World(clock=clock, seed=7) for _ in range(2)]
    for world in worlds:
        world.create("p")
        world.start("p")
        world.advance(clock.now + 7200)
    assert worlds[0].events("p") == worlds[1].events("p")


def test_the_cluster_monitor(world: World, clock: Clock) -> None:
    """A row at first, on change, every ten minutes while healthy; none while frozen."""
    world.advance(clock.now)
    clock.pass_(1300)
    world.advance(clock.now)
    assert len(world.cluster.events) == 3
    world.service("runner", False)
    clock.pass_(75)
    world.advance(clock.now)
    ages = [round(event.at_us / 1e6 - BEGIN - 1300) for event in world.cluster.events[3:]]
    assert ages == [0, 10, 30, 70]
    health = wire.cluster_health(world.cluster)
    assert (health["all_healthy"], health["runner"]["healthy"], health["api"]["healthy"]) == (False, False, True)
    assert health["runner"]["unchanged_since"] == "2027-01-15T08:21:40Z"
    world.freeze_monitor()
    clock.pass_(7200)
    world.advance(clock.now)
    assert len(world.cluster.events) == 7


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000, "1970-01-01T00:00:01.500Z"),
        (1_000_001, "1970-01-01T00:00:01.000001Z"),
    ],
)
def test_timestamps_have_as_many_digits_as_they_need(at_us: int, text: str) -> None:
    """RFC 3339 ending in Z, with 0, 3 or 6 fraction digits."""
    assert wire.rfc3339(at_us) == text
