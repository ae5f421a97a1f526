"""The latest facts of a source, and what each new fact changed."""

from __future__ import annotations

import msgspec
import pytest

from exporter.model import (
    DeploymentError,
    Dimension,
    Event,
    FailureRead,
    HistoryRead,
    Pipeline,
    PlatformRead,
    Service,
    Snapshot,
    Status,
)
from exporter.store import Change, SourceFacts

A, B = (Pipeline(id, f"name of {id}", {"runtime": Status("Running", 1.0)}, "healthy") for id in "ab")


@pytest.fixture
def facts() -> SourceFacts:
    """A source of which nothing is known."""
    return SourceFacts("prod", kind="feldera", dimensions=(Dimension("runtime", ("Running",), "Help."),))


def changes(change: Change) -> tuple[list[str], list[str], bool]:
    """What changed, in an order."""
    return sorted(change.changed), sorted(change.removed), change.source


def test_a_snapshot_replaces_what_changed_only(facts: SourceFacts) -> None:
    """Pipelines that an answer does not mention stay as they were."""
    assert changes(facts.apply(Snapshot(10.0, changed=(A, B)))) == (["a", "b"], [], True)
    renamed = msgspec.structs.replace(A, name="new")
    assert changes(facts.apply(Snapshot(20.0, changed=(renamed,)))) == (["a"], [], True)
    assert facts.pipelines == {"a": renamed, "b": B}
    assert facts.history.as_of == 20.0


def test_a_removed_pipeline_is_forgotten(facts: SourceFacts) -> None:
    """State, history and failure go together; what never was can be removed too."""
    failure = FailureRead("a", 5.0, DeploymentError("X"))
    for fact in (Snapshot(10.0, changed=(A, B)), HistoryRead("a", (Event("e", 5.0, ("Running",)),)), failure):
        facts.apply(fact)
    assert changes(facts.apply(Snapshot(20.0, removed=("a", "z")))) == ([], ["a", "z"], True)
    assert (list(facts.pipelines), list(facts.history.pipelines), facts.failures) == (["b"], ["b"], {})


def test_the_source_changes_with_the_last_part_of_an_answer(facts: SourceFacts) -> None:
    """A large answer comes in parts; time moves on when it is whole."""
    assert changes(facts.apply(Snapshot(10.0, changed=(A,), whole=False))) == (["a"], [], False)
    assert facts.history.as_of is None
    assert changes(facts.apply(Snapshot(10.0))) == ([], [], True)
    assert facts.history.as_of == 10.0


def test_history_changes_its_pipeline(facts: SourceFacts) -> None:
    """Events of a pipeline that is there change it and the source's durations; those of another change nothing."""
    facts.apply(Snapshot(10.0, changed=(A,)))
    read = HistoryRead("a", (Event("e", 15.0, ("Running",)),))
    assert changes(facts.apply(read)) == (["a"], [], True)
    assert facts.history.pipelines["a"].events == 1
    assert changes(facts.apply(HistoryRead("gone", read.events))) == ([], [], False)
    assert list(facts.history.pipelines) == ["a"]


def test_the_last_failure_is_kept(facts: SourceFacts) -> None:
    """Why a deployment failed is remembered with its pipeline; nothing else changes for it."""
    facts.apply(Snapshot(10.0, changed=(A,)))
    for code in ("First", "Second"):
        assert changes(facts.apply(FailureRead("a", 5.0, DeploymentError(code)))) == (["a"], [], False)
    assert facts.failures == {"a": FailureRead("a", 5.0, DeploymentError("Second"))}
    assert changes(facts.apply(FailureRead("gone", 5.0, DeploymentError("Third")))) == ([], [], False)
    assert list(facts.failures) == ["a"]


BROKEN = msgspec.structs.replace(A, health="failed", error=DeploymentError("New", "a minute ago"))


def test_a_failure_that_a_poll_saw_is_kept_when_it_is_over(facts: SourceFacts) -> None:
    """From the poll that saw it first to the one that saw it no more; its words may change meanwhile."""
    facts.apply(Snapshot(10.0, changed=(A,)))
    facts.apply(Snapshot(20.0, changed=(BROKEN,)))
    again = msgspec.structs.replace(BROKEN, error=DeploymentError("New", "more words"))
    facts.apply(Snapshot(30.0, changed=(again,)))
    assert facts.failures["a"] == FailureRead("a", 20.0, DeploymentError("New", "more words"))
    for as_of in (40.0, 50.0):
        facts.apply(Snapshot(as_of, changed=(A,)))
        assert facts.failures["a"] == FailureRead("a", 20.0, DeploymentError("New", "more words"), 40.0)
    facts.apply(Snapshot(60.0, changed=(BROKEN,)))
    assert facts.failures["a"] == FailureRead("a", 60.0, DeploymentError("New", "a minute ago"))


def test_the_newest_failure_wins_however_it_was_seen(facts: SourceFacts) -> None:
    """One that a poll saw is not hidden by an older one of the history, whichever is told first."""
    old, new = (FailureRead("a", at, DeploymentError("Old"), at + 1) for at in (15.0, 45.0))
    facts.apply(Snapshot(10.0, changed=(A,)))
    facts.apply(old)
    facts.apply(Snapshot(20.0, changed=(BROKEN,)))
    facts.apply(Snapshot(30.0, changed=(A,)))
    facts.apply(old)
    assert facts.failures["a"] == FailureRead("a", 20.0, DeploymentError("New", "a minute ago"), 30.0)
    facts.apply(new)
    assert facts.failures["a"] == new


def test_events_date_a_failure_that_a_poll_saw(facts: SourceFacts) -> None:
    """They know when it began and was over; those of another failure say nothing about it."""
    failed = [Event("f", 14.0, ("Running",), True), Event("r", 26.0, ("Running",))]
    earlier = [Event("0", 1.0, ("Running",), True), Event("1", 2.0, ("Running",))]
    facts.apply(Snapshot(10.0, changed=(A,)))
    facts.apply(HistoryRead("a", tuple(earlier)))
    facts.apply(Snapshot(20.0, changed=(BROKEN,)))
    assert facts.failures["a"].at == 20.0
    facts.apply(HistoryRead("a", (*earlier, failed[0])))
    assert (facts.failures["a"].at, facts.failures["a"].until) == (14.0, None)
    facts.apply(Snapshot(30.0, changed=(A,)))
    assert (facts.failures["a"].at, facts.failures["a"].until) == (14.0, 30.0)
    facts.apply(HistoryRead("a", (*earlier, *failed)))
    assert (facts.failures["a"].at, facts.failures["a"].until) == (14.0, 26.0)


def test_a_failure_that_is_there_at_first_sight_began_with_its_newest_status(facts: SourceFacts) -> None:
    """Nobody saw it begin; the list tells since when the status is what it is."""
    facts.apply(Snapshot(10.0, changed=(BROKEN,)))
    assert facts.failures["a"].at == 1.0


def test_a_failure_between_two_polls_began_with_its_newest_status(facts: SourceFacts) -> None:
    """However long nobody polled; before its events are read the list is all there is."""
    facts.apply(Snapshot(10.0, changed=(A,)))
    stopped = msgspec.structs.replace(BROKEN, statuses={"deployment": Status("FAILED", 15.0)})
    facts.apply(Snapshot(1000.0, changed=(stopped,)))
    assert facts.failures["a"].at == 15.0


def test_a_health_without_an_event_is_noted_when_a_poll_sees_it(facts: SourceFacts) -> None:
    """From the poll that saw it first to the one that saw it no more; what events tell as well is not kept."""
    sick = msgspec.structs.replace(A, health="unhealthy")
    history = lambda: facts.history.pipelines["a"]  # noqa: E731
    events = (Event("e", 1.0, ("Running",), health="healthy"),)
    facts.apply(Snapshot(10.0, changed=(A,)))
    facts.apply(HistoryRead("a", events))
    assert history().healths == ()
    for as_of, one in ((20.0, sick), (25.0, sick), (30.0, A)):
        facts.apply(Snapshot(as_of, changed=(one,)))
        facts.apply(HistoryRead("a", events))
    assert history().healths == ((20.0, "unhealthy"), (30.0, "healthy"))
    facts.apply(Snapshot(40.0, changed=(sick,)))
    facts.apply(HistoryRead("a", (*events, Event("f", 41.0, ("Running",), health="unhealthy"))))
    assert history().healths == ((20.0, "unhealthy"), (30.0, "healthy"))


def test_healths_without_events_have_a_bound(facts: SourceFacts) -> None:
    """A pipeline that changes at every poll for ever costs no more than the newest few."""
    for number in range(100):
        health = ("healthy", "unhealthy")[number % 2]
        facts.apply(Snapshot(10.0 + number, changed=(msgspec.structs.replace(A, health=health),)))
    healths = facts.history.pipelines["a"].healths
    assert (len(healths), healths[-1]) == (32, (109.0, "unhealthy"))


def test_a_part_of_the_platform_keeps_its_last_value(facts: SourceFacts) -> None:
    """Version and health come in different reads; an empty answer is one, a part that was not asked for is not."""
    services = (Service("api", True),)
    for read in (PlatformRead(version="1", edition="OSS"), PlatformRead(services=services, checked_at=7.0)):
        assert changes(facts.apply(read)) == ([], [], True)
    assert facts.platform == PlatformRead("1", "OSS", services, 7.0)
    facts.apply(PlatformRead(version="", services=()))
    assert facts.platform == PlatformRead("", "OSS", (), 7.0)
    assert changes(facts.forget_platform()) == ([], [], True)
    assert facts.platform == PlatformRead()


def test_a_new_reader_confirms_what_the_old_one_knew(facts: SourceFacts) -> None:
    """After a reload, pipelines that the first whole answer does not name are gone; later answers differ only."""
    facts.apply(Snapshot(10.0, changed=(A, B)))
    facts.reopened()
    assert changes(facts.apply(Snapshot(20.0, changed=(A,), whole=False))) == (["a"], [], False)
    assert sorted(facts.pipelines) == ["a", "b"]
    assert changes(facts.apply(Snapshot(20.0))) == ([], ["b"], True)
    assert changes(facts.apply(Snapshot(30.0))) == ([], [], True)
    assert (list(facts.pipelines), list(facts.history.pipelines)) == (["a"], ["a"])


def test_a_pipeline_that_was_only_not_chosen_is_old(facts: SourceFacts) -> None:
    """With another choice of pipelines, one that was there before counts nothing that it did before; a new one all."""
    event = Event("e", 15.0, ("Running",))
    facts.apply(Snapshot(10.0, changed=(A,)))
    facts.reopened()
    old, new = msgspec.structs.replace(B, created_at=5.0), msgspec.structs.replace(B, id="c", created_at=12.0)
    facts.apply(Snapshot(20.0, changed=(A, old, new)))
    for key in ("b", "c"):
        facts.apply(HistoryRead(key, (event,)))
    assert {key: history.events for key, history in facts.history.pipelines.items()} == {"a": 0, "b": 0, "c": 1}
