"""The fold of events: the same counters whatever the order of arrival, and time that never goes back."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history import PipelineHistory, SourceHistory
from exporter.model import DeploymentError, Dimension, Event, HistoryRead, Pipeline, Snapshot, Status

DIMENSIONS = (Dimension("a", ("x", "y", "z"), "A."), Dimension("b", ("u", "v"), "B."))


def event(number: int, at: float, a: str | None, b: str | None = "u", *, error: bool = False) -> Event:
    """An event with a readable id."""
    return Event(f"event-{number:04}", at, (a, b), error)


def clean_pass(events: list[Event]) -> tuple[Counter[tuple[int, str]], int, int]:
    """Transitions, failures and number of events, counted the plain way over all of them in order."""
    transitions: Counter[tuple[int, str]] = Counter()
    failures = 0
    before: Event | None = None
    for one in sorted(events, key=lambda e: (e.at, e.id)):
        failures += one.has_error and not (before and before.has_error)
        for dimension, status in enumerate(one.statuses):
            if before and status is not None and before.statuses[dimension] != status:
                transitions[dimension, status] += 1
        before = one
    return transitions, failures, len(events)


def counted(history: PipelineHistory) -> tuple[Counter[tuple[int, str]], int, int]:
    """The same figures of a fold."""
    return Counter({k: v for k, v in history.transitions.items() if v}), history.failures, history.events


@st.composite
def event_lists(draw: st.DrawFn) -> list[Event]:
    """Events of one pipeline, some at the same time."""
    count = draw(st.integers(1, 25))
    times = sorted(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count)))
    statuses = st.tuples(st.sampled_from(["x", "y", "z", None]), st.sampled_from(["u", "v", None]))
    return [
        Event(f"event-{number:04}", float(at), draw(statuses), draw(st.booleans())) for number, at in enumerate(times)
    ]


@given(event_lists(), st.data())
def test_any_order_of_arrival_counts_like_one_clean_pass(events: list[Event], data: st.DataObject) -> None:
    """Late arrivals, duplicates and any cut into reads leave the counters as one pass over all events has them."""
    history = PipelineHistory(counts_from=None, initial=None)
    arriving = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events)))))
    while arriving:
        size = data.draw(st.integers(1, len(arriving)))
        batch, arriving = arriving[:size], arriving[size:]
        history.fold(sorted(batch, key=lambda e: (e.at, e.id)), complete=False, shown_until=None)
    assert counted(history) == clean_pass(events)


@given(event_lists(), st.data())
def test_counters_never_go_back(events: list[Event], data: st.DataObject) -> None:
    """No counter and no time in state falls with any event, however late it comes."""
    history = PipelineHistory(counts_from=None, initial=None)
    for one in data.draw(st.permutations(events)):
        before, seconds = dict(history.transitions), dict(history.seconds)
        failures = history.failures
        history.fold([one], complete=False, shown_until=data.draw(st.sampled_from([None, 10.0, 20.0, 50.0])))
        assert history.failures >= failures
        assert all(history.transitions[key] >= value for key, value in before.items())
        assert all(history.seconds[key] >= value for key, value in seconds.items())


@given(event_lists())
def test_the_same_list_read_again_changes_nothing(events: list[Event]) -> None:
    """Reading the whole retained list twice counts it once."""
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold(events, complete=True, shown_until=None)
    first = counted(history)
    left, gap = history.fold(events, complete=True, shown_until=None)
    assert (counted(history), left, gap) == (first, [], False)


def test_what_was_retained_before_is_not_counted_but_what_follows_is_measured_against_it() -> None:
    """Events up to the first poll are seen and not counted; the next change counts against the last of them."""
    history = PipelineHistory(counts_from=100.0, initial=(("x", "u"), False))
    history.fold([event(1, 50, "y"), event(2, 60, "x"), event(3, 120, "y")], complete=True, shown_until=100.0)
    assert counted(history) == (Counter({(0, "y"): 1}), 0, 1)


def test_an_empty_history_is_measured_against_the_state_at_first_sight() -> None:
    """A pipeline without retained events: its first event is compared with the status it was seen in."""
    history = PipelineHistory(counts_from=100.0, initial=(("x", "u"), False))
    history.fold([], complete=True, shown_until=100.0)
    history.fold([event(1, 120, "y", error=True)], complete=True, shown_until=110.0)
    assert counted(history) == (Counter({(0, "y"): 1}), 1, 1)


def test_entering_null_is_no_transition_and_leaving_it_is_one() -> None:
    """Null is no status: it ends a stay, and the status after it is entered anew."""
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold([event(1, 0, "x"), event(2, 10, None), event(3, 20, "x")], complete=True, shown_until=None)
    assert counted(history)[0] == Counter({(0, "x"): 1})
    assert history.seconds == {(0, "x"): 10.0, (1, "u"): 20.0}


def test_time_in_state_follows_the_control_planes_times() -> None:
    """Seconds are those between the events, from the first poll on, and the open stay goes on from the last."""
    history = PipelineHistory(counts_from=100.0, initial=(("x", "u"), False))
    history.fold([event(1, 90, "x"), event(2, 130, "y")], complete=True, shown_until=100.0)
    assert history.seconds == {(0, "x"): 30.0, (1, "u"): 30.0}
    assert history.open == [(0, "y", 130.0), (1, "u", 130.0)]


def test_a_stay_that_ended_earlier_than_shown_hands_over_where_the_showing_ended() -> None:
    """Seconds already shown are not taken back: the next stay begins where they end."""
    history = PipelineHistory(counts_from=100.0, initial=(("x", "u"), False))
    history.fold([event(1, 90, "x")], complete=True, shown_until=100.0)
    history.fold([event(2, 150, "y")], complete=False, shown_until=200.0)
    assert history.seconds[0, "x"] == 100.0
    assert history.open[0] == (0, "y", 200.0)


def test_durations_are_observed_only_where_the_beginning_was_seen() -> None:
    """A status whose beginning rolled out of the history gives no duration; the next one does."""
    history = PipelineHistory(counts_from=100.0, initial=(("x", "u"), False))
    left, _ = history.fold(
        [event(1, 90, "x"), event(2, 130, "y"), event(3, 145, "z")], complete=True, shown_until=100.0
    )
    assert [(one.dimension, one.status, one.seconds) for one in left] == [(0, "y", 15.0)]


def test_rolled_over_history_is_a_gap_and_the_known_part_goes_on() -> None:
    """When no known event is left in the list, one gap is told and the counters go on from what is there."""
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold([event(1, 0, "x")], complete=True, shown_until=None)
    _, gap = history.fold([event(8, 80, "y"), event(9, 90, "y")], complete=True, shown_until=None)
    assert gap
    assert counted(history) == (Counter({(0, "y"): 1}), 0, 3)


@pytest.mark.parametrize(("created_at", "expected"), [(9.0, 10.0), (None, None), (-500.0, None)])
def test_since_of_a_status_that_never_changed_is_known_only_from_creation(
    created_at: float | None, expected: float | None
) -> None:
    """The oldest retained event begins a stay only if the pipeline began with it."""
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold([event(1, 10, "x"), event(2, 20, "x", "v")], complete=True, shown_until=None)
    assert history.since(0, "x", created_at) == expected
    assert history.since(1, "v", created_at) == 20.0
    assert history.since(1, "u", created_at) is None


def pipeline(name: str = "one", **statuses: str) -> Pipeline:
    """A pipeline in some statuses."""
    found = {dimension: Status(value) for dimension, value in statuses.items()}
    return Pipeline(id=name, name=name, statuses=found, health="healthy", error=None)


def test_a_pipeline_of_the_first_answer_counts_from_it_and_a_later_one_from_its_beginning() -> None:
    """The first whole answer draws the line; what appears after it is counted in full."""
    history = SourceHistory(DIMENSIONS)
    history.snapshot(Snapshot(100.0, changed=(pipeline("old", a="x", b="u"),), whole=False))
    history.snapshot(Snapshot(100.0))
    history.snapshot(Snapshot(110.0, changed=(pipeline("new", a="x", b="u"),)))
    for name in ("old", "new"):
        history.read(HistoryRead(name, (event(1, 50, "x"), event(2, 60, "y"), event(3, 120, "z"))))
    assert history.pipelines["old"].transitions == {(0, "z"): 1}
    assert history.pipelines["new"].transitions == {(0, "y"): 1, (0, "z"): 1}


def test_a_pipeline_that_waits_for_its_history_stands_still() -> None:
    """Between a change in the list and the reading of its history no time is added to the old status."""
    history = SourceHistory(DIMENSIONS)
    history.snapshot(Snapshot(100.0, changed=(pipeline("one", a="x", b="u"),)))
    history.read(HistoryRead("one", (event(1, 50, "x"),)))
    history.snapshot(Snapshot(110.0))
    waiting = frozenset({"one"})
    history.snapshot(Snapshot(120.0, changed=(pipeline("one", a="y", b="u"),), waiting=waiting))
    one = history.pipelines["one"]
    assert history.shown_until(one) == 110.0
    history.read(HistoryRead("one", (event(1, 50, "x"), event(2, 115, "y"))))
    assert history.shown_until(one) == 120.0
    assert one.seconds[0, "x"] == 15.0


def test_reads_of_a_pipeline_that_is_gone_change_nothing() -> None:
    """A history that arrives after the deletion is dropped."""
    history = SourceHistory(DIMENSIONS)
    history.snapshot(Snapshot(100.0, changed=(pipeline("one", a="x"),)))
    history.snapshot(Snapshot(110.0, removed=("one",)))
    assert history.read(HistoryRead("one", (event(1, 50, "x"),))) is False
    assert history.pipelines == {}


def test_an_error_at_first_sight_is_no_failure() -> None:
    """A pipeline that was failed when the exporter came is not counted as failing now."""
    history = SourceHistory(DIMENSIONS)
    failed = Pipeline(id="one", name="one", statuses={"a": Status("x")}, health="failed", error=DeploymentError("E"))
    history.snapshot(Snapshot(100.0, changed=(failed,)))
    history.read(HistoryRead("one", (event(1, 120, "x", error=True),)))
    assert history.pipelines["one"].failures == 0


def test_an_event_from_the_far_future_adds_no_time() -> None:
    """A clock that was wrong for a moment does not make a status thousands of years long."""
    history = SourceHistory(DIMENSIONS)
    history.snapshot(Snapshot(100.0, changed=(pipeline("one", a="x", b="u"),)))
    history.read(HistoryRead("one", (event(1, 50, "x"), event(2, 253402300799.0, "y"))))
    one = history.pipelines["one"]
    assert one.seconds[0, "x"] == 60.0
    assert one.transitions == {(0, "y"): 1}


@given(event_lists(), st.data())
def test_restarts_rollovers_late_arrivals_and_duplicates_count_like_one_clean_pass(
    events: list[Event], data: st.DataObject
) -> None:
    """A control plane that keeps only its newest events, read now and then by processes that come and go."""
    history = PipelineHistory(counts_from=None, initial=None)
    retention = data.draw(st.integers(1, 12))
    arriving = data.draw(st.permutations(events)) if data.draw(st.booleans()) else events
    retained: list[Event] = []
    seen: dict[str, Event] = {}
    gaps = 0
    for one in arriving:
        retained = sorted([*retained, one], key=lambda e: (e.at, e.id))[-retention:]
        if data.draw(st.booleans()):
            _, gap = history.fold(retained, complete=True, shown_until=None)
            assert gap == (bool(seen) and not any(e.id in seen for e in retained))
            gaps += gap
            seen |= {e.id: e for e in retained}
        if data.draw(st.booleans()):
            history = PipelineHistory.restored(history.saved())
    assert counted(history) == clean_pass(list(seen.values()))


def test_a_pipeline_that_comes_back_goes_on_where_it_was() -> None:
    """An answer that leaves a pipeline out by mistake does not make its past count anew."""
    history = SourceHistory(DIMENSIONS)
    past = (event(1, 50, "x"), event(2, 60, "y", error=True), event(3, 70, "x"))
    history.snapshot(Snapshot(100.0, changed=(pipeline("one", a="x", b="u"),)))
    history.read(HistoryRead("one", past))
    history.snapshot(Snapshot(110.0, removed=("one",)))
    history.snapshot(Snapshot(120.0, changed=(pipeline("one", a="y", b="u"),), waiting=frozenset({"one"})))
    history.read(HistoryRead("one", (*past, event(4, 115, "y"))))
    one = history.pipelines["one"]
    assert counted(one) == (Counter({(0, "y"): 1}), 0, 1)
    assert one.seconds[0, "x"] == 15.0
