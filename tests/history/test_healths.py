"""The health of every retained event: kept in its place, saved, and let go with the event."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import PipelineHistory
from exporter.history.timeline import SavedTimeline, Timeline
from exporter.model import HEALTHS, Event, Health

STATE = (("x",), False)


def folded(events: Sequence[Event]) -> Timeline:
    """The timeline of a pipeline whose events came in this order, one by one."""
    history = PipelineHistory(counts_from=None, initial=None)
    for event in events:
        history.fold([event], complete=False, shown_until=None)
    return history.timeline


@given(st.permutations(range(12)), st.lists(st.sampled_from(HEALTHS), min_size=12, max_size=12))
def test_each_event_keeps_its_health(order: list[int], healths: list[Health]) -> None:
    """Whatever the order of arrival, entries come by time, each with what its event said."""
    events = [Event(f"e{number:02}", float(number), ("x",), health=healths[number]) for number in range(12)]
    timeline = folded([events[number] for number in order])
    found = [(entry.at, entry.health, entry.statuses, entry.has_error) for entry in timeline.entries()]
    assert found == [(event.at, event.health, event.statuses, event.has_error) for event in events]
    runs = list(timeline.healths(float("-inf")))
    assert [health for _, health in runs] == [h for i, h in enumerate(healths) if i == 0 or healths[i - 1] != h]
    assert all(healths[int(at)] == health for at, health in runs)


def test_healths_begin_with_the_one_that_lasted() -> None:
    """A window into the past shows what was there at its beginning."""
    timeline = Timeline()
    for number, health in enumerate(("healthy", "failed", "failed", "idle")):
        timeline.add(number * 10.0, number, STATE, counted=True, health=health)
    assert list(timeline.healths(25.0)) == [(20.0, "failed"), (30.0, "idle")]
    assert list(timeline.healths(30.0)) == [(30.0, "idle")]
    assert list(timeline.healths(-5.0)) == [(0.0, "healthy"), (10.0, "failed"), (30.0, "idle")]
    assert list(Timeline().healths(0.0)) == []


def test_a_part_of_the_entries() -> None:
    """Places are counted from the oldest; what is outside is left out."""
    timeline = Timeline()
    for number in range(5):
        timeline.add(float(number), number, STATE, counted=True)
    assert [entry.id for entry in timeline.entries(3, 9)] == [3, 4]
    assert [entry.id for entry in timeline.entries(2, 2)] == []
    assert timeline.oldest_at == 0.0


def test_the_oldest_goes_with_its_health() -> None:
    """A timeline that is full lets both go."""
    timeline = Timeline()
    for number in range(1100):
        timeline.add(float(number), number, STATE, counted=True, health=HEALTHS[number % 6])
    assert len(timeline) == 1024
    assert all(entry.health == HEALTHS[entry.id % 6] for entry in timeline.entries())


def test_saved_and_restored() -> None:
    """A restart keeps the healths."""
    timeline = Timeline()
    timeline.add(1.0, 1, STATE, counted=True, health="failed")
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(timeline.saved()), type=SavedTimeline)
    assert [entry.health for entry in Timeline.restored(saved).entries()] == ["failed"]


def test_a_file_without_healths() -> None:
    """What was saved before healths were kept is restored as not known, and goes on."""
    timeline = Timeline()
    timeline.add(1.0, 1, STATE, counted=True, health="failed")
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(timeline.saved()))[:-1]
    restored = Timeline.restored(msgspec.convert(older, SavedTimeline))
    restored.add(2.0, 2, STATE, counted=True, health="idle")
    assert [entry.health for entry in restored.entries()] == ["unknown", "idle"]
