"""The story: there is always something to see, also in the past."""

from __future__ import annotations

from exporter.demo.feldera.story import pipeline_name, play
from exporter.demo.feldera.world import World

NOW = 1_800_000_000.0


def test_the_story_has_a_past_and_goes_on() -> None:
    """After play() the history is there at once; advancing brings failures, outages and compilations."""
    now = [NOW]
    world = World(clock=lambda: now[0], journal=True)
    play(world, 24)
    rows = {row.name: row for row in world.rows()}
    assert len(rows) == 24
    assert all(len(world.events(name)) >= 10 for name in rows)
    assert max(event.at_us for name in rows for event in world.events(name)) <= NOW * 1e6
    now[0] += 3600
    world.advance(now[0])
    counts = [world.counts(row.id, NOW) for row in rows.values()]
    assert sum(count.failures for count in counts) > 50
    seen = {status for count in counts for _, status in count.transitions}
    assert seen >= {
        "Stopping", "Provisioning", "Running", "Unavailable", "CompilingSql", "SqlError", "Clearing", "Cleared",
        "Paused", "AwaitingApproval", "Bootstrapping",
    }  # fmt: skip
    statuses = [row.status for row in rows.values()]
    assert statuses.count("Running") > len(statuses) / 2


def test_a_quiet_fleet_only_beats() -> None:
    """Without liveliness all run without an error or a log, their heartbeats spread over ten minutes."""
    now = [NOW]
    world = World(clock=lambda: now[0])
    play(world, 200, lively=False)
    assert {row.status for row in world.rows()} == {"Running"}
    assert not world.logbook.buffers
    revision = world.ledger.revision
    beats = []
    for _ in range(10):
        now[0] += 60
        world.advance(now[0])
        beats.append(world.ledger.revision - revision)
        revision = world.ledger.revision
    assert sum(beats) == 200
    assert max(beats) <= 30


def test_the_story_survives_interference() -> None:
    """Whatever users do to the pipelines meanwhile, the others play on."""
    now = [NOW]
    world = World(clock=lambda: now[0])
    play(world, 12)
    for row in world.rows()[:6]:
        world.delete(row.name, anyhow=True)
    for row in world.rows():
        world.stop(row.name)
    now[0] += 7200
    world.advance(now[0])
    assert len(world.rows()) == 6
    assert {row.status for row in world.rows()} != {"Stopped"}


def test_names_are_unique() -> None:
    """However many pipelines there are, each has a name of its own."""
    assert len({pipeline_name(number) for number in range(5000)}) == 5000
