"""Levels and leases: what fires goes on, and nothing is resolved because data is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerts.explain import Places
from exporter.model import Snapshot, Status
from tests.alerting.stage import (
    ALERTMANAGER,
    ERROR,
    UNREACHABLE,
    WATCHDOG,
    Stage,
    alerting,
    event,
    names,
    pipeline,
)

BROKEN = pipeline(error="OutOfMemory", message="heap")
PLACES = Places("http://exporter", "http://books", "")


def test_an_alert_is_sent_at_once_and_again_at_each_interval() -> None:
    """Between two resends there is silence; the start is the first one for ever."""
    stage = Stage()
    assert names(stage.poll(BROKEN)) == [ERROR]
    started = stage.now
    assert [names(stage.later(20)) for _ in range(6)] == [[], [], [ERROR], [], [], [ERROR]]
    assert stage.alert().starts_at == started


def test_a_clock_that_is_set_back_delays_no_resend() -> None:
    """An alert last sent in the future is sent now."""
    stage = Stage()
    stage.poll(BROKEN)
    assert names(stage.later(-3600)) == [ERROR]


def test_resolved_is_sent_again_for_the_retention_and_then_forgotten() -> None:
    """Once it is over the end stays the same in every resend, and in the end nothing is left in memory or file."""
    stage = Stage(alerting(resolved_retention=150))
    stage.poll(BROKEN)
    stage.accept()
    stage.later(100)
    (over,) = [alert for alert in stage.poll(pipeline()) if alert.name == ERROR]
    ended = over.ended_at
    assert ended == stage.now
    assert [names(stage.later(60)) for _ in range(2)] == [[ERROR], [ERROR]]
    assert stage.alert().ended_at == ended
    stage.later(60)
    assert [alert.name for alert in stage.engine.all()] == [WATCHDOG]
    assert [key for key in stage.file if key[0] == "alert" and ERROR in key[1]] == []


def test_an_alertmanager_that_has_not_heard_keeps_the_end_in_memory() -> None:
    """What was resolved long ago is kept until each receiver took in that it fired."""
    stage = Stage(alerting(resolved_retention=1))
    stage.poll(BROKEN)
    stage.later(100)
    stage.poll(pipeline())
    stage.later(10_000)
    assert stage.alert().ended_at is not None
    stage.accept()
    stage.later(1)
    assert names(stage.engine.all()) == []


def test_resolved_alerts_are_kept_within_bounds() -> None:
    """Of ten thousand and more that nobody takes in, the oldest are forgotten."""
    stage = Stage(alerting(hold=0))
    stage.poll(*(pipeline(f"p{number}", error="E") for number in range(10_020)))
    assert len(stage.firing()) == 10_020
    stage.later(1)
    stage.poll(*(pipeline(f"p{number}") for number in range(10_020)))
    stage.later(1)
    assert len(stage.engine.all()) == 10_001


@pytest.mark.parametrize(("hold", "least"), [(300, 45), (10, 10)])
def test_an_alert_fires_for_a_while_at_least(hold: int, least: int) -> None:
    """So long that an Alertmanager does not swallow it: 45 seconds, or ``hold`` if that is less."""
    stage = Stage(alerting(hold=hold))
    stage.poll(BROKEN)
    stage.now += 1
    stage.poll(pipeline())
    stage.later(least - 1.5)
    assert stage.firing() == {(ERROR, "a")}
    stage.later(0.5)
    assert stage.firing() == set()


def test_a_reason_that_changes_is_sent_at_once() -> None:
    """Another error code does not wait for the resend; it is the same alert."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.now += 1
    (alert,) = stage.poll(pipeline(error="Panic"))
    assert (alert.annotations["error_code"], alert.starts_at) == ("Panic", stage.now - 1)


def test_a_renamed_pipeline_ends_the_alert_under_the_old_name() -> None:
    """The name is a label: the old one is resolved, a new one fires."""
    stage = Stage(alerting(hold=0))
    stage.poll(BROKEN)
    stage.now += 1
    renamed = stage.poll(type(BROKEN)("a", "b", {}, "failed", error=BROKEN.error))
    assert {(dict(alert.labels)["pipeline_name"], alert.fires) for alert in renamed} == {("a", False), ("b", True)}


# A source that cannot be read


def test_a_source_that_cannot_be_read_freezes_its_alerts() -> None:
    """They are sent for hours, beside the alert about the source, and resolved only by a good poll."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.later(100)
    stage.fail()
    stage.later(119)
    assert stage.firing() == {(ERROR, "a")}
    stage.later(1)
    both = {(ERROR, "a"), (UNREACHABLE, "prod")}
    assert stage.firing() == both
    for _ in range(100):
        stage.now += 60
        assert names(stage.fail("connection")) == [ERROR, UNREACHABLE]
    assert stage.alert(UNREACHABLE, "prod").annotations["error_code"] == "connection"
    stage.poll(pipeline())
    assert stage.firing() == set()


def test_an_outage_counts_from_its_first_failure() -> None:
    """A good poll in between begins the wait anew."""
    stage = Stage()
    stage.fail()
    stage.later(100)
    stage.poll()
    stage.fail()
    stage.later(119)
    assert stage.firing() == set()
    stage.later(1)
    assert stage.firing() == {(UNREACHABLE, "prod")}


STEPS = st.lists(
    st.sampled_from(["fails", "good", "error", "fine", "gone", "unread", "wait", "long", "past", "restart", "reload"]),
    max_size=40,
)


@given(steps=STEPS)
def test_nothing_is_resolved_while_its_source_is_unread(steps: list[str]) -> None:
    """Whatever the order of facts, outages, restarts and reloads: between good polls no alert of a pipeline ends."""
    stage = Stage()
    stage.poll(pipeline())
    is_read = True
    for number, step in enumerate(steps, 1):
        before = {found for found in stage.firing() if found[1] == "a"}
        stage.now += 30
        if step == "restart":
            stage = stage.restarted()
            stage.step()
        elif step == "reload":
            stage.engine.configure(alerting(hold=number), PLACES, [ALERTMANAGER], stage.now)
            stage.step()
        else:
            act(stage, step, number)
        after = {found for found in stage.firing() if found[1] == "a"}
        is_read = step in {"good", "error", "fine", "gone"} or (is_read and step not in {"fails", "unread", "restart"})
        assert is_read or before <= after, f"{step} resolved {before - after}"


def act(stage: Stage, step: str, number: int) -> None:
    """One thing that may happen."""
    acts = {
        "fails": lambda: stage.fail(),
        "good": lambda: stage.poll(),
        "error": lambda: stage.poll(BROKEN),
        "fine": lambda: stage.poll(pipeline()),
        "gone": lambda: stage.poll(gone=("a",)),
        "unread": lambda: stage.fail("unauthorized"),
        "wait": lambda: stage.later(1),
        "long": lambda: stage.later(1000),
        "past": lambda: stage.read("a", event(number, stage.now - 2, error=True), event(number + 50, stage.now - 1)),
    }
    acts[step]()


# What ends


def test_a_pipeline_that_is_gone_is_resolved() -> None:
    """A good poll without it ends its alerts."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.later(60)
    assert not stage.poll(gone=("a",))[0].fires
    assert stage.firing() == set()


def test_a_source_taken_from_the_config_is_resolved() -> None:
    """All its alerts end, that about itself too, also if it could not be read."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.fail()
    stage.later(200)
    assert len(stage.firing()) == 2
    stage.engine.unwatch("prod")
    (over,) = [alert for alert in stage.step() if alert.name != WATCHDOG]
    assert (over.name, over.fires) == (ERROR, False)
    stage.later(45)
    assert stage.firing() == set()
    assert {key[0] for key in stage.file} == {"alert"}, "nothing more is remembered of the source"


def test_other_external_labels_end_the_old_alert_and_begin_a_new_one() -> None:
    """Alertmanager knows an alert by its labels; the start stays."""
    stage = Stage()
    stage.poll(BROKEN)
    started = stage.now
    stage.now += 100
    stage.engine.configure(alerting(external_labels={"cluster": "b"}), PLACES, [ALERTMANAGER], stage.now)
    sent = {(dict(alert.labels).get("cluster"), alert.fires, alert.starts_at) for alert in stage.step()}
    assert {(None, False, started), ("b", True, started)} <= sent
    assert stage.firing() == {(ERROR, "a")}


def test_a_new_alertmanager_hears_what_fires_and_not_what_is_over() -> None:
    """Resolved alerts are only of interest to those who heard that they fired."""
    stage = Stage(alerting(hold=0))
    stage.poll(BROKEN, pipeline("b", error="E"))
    stage.now += 1
    stage.poll(pipeline("b"))
    other = "http://other:9093"
    stage.engine.configure(stage.settings, PLACES, [ALERTMANAGER, other], stage.now)
    assert (other in stage.alert(about="a").told, other in stage.alert(about="b").told) == (True, False)


# Waiting


@pytest.mark.parametrize("since", [None, 1_700_000_000.0 - 30])
def test_unavailable_waits_for_its_time(since: float | None) -> None:
    """By the control plane's time if it says since when, else from when it was seen first."""
    stage = Stage()
    stage.poll(pipeline(runtime=Status("Unavailable", since)))
    left = 60 if since is None else 30
    stage.later(left - 1)
    assert stage.firing() == set()
    stage.later(1)
    assert stage.firing() == {("PipelineUnavailable", "a")}


def test_a_control_plane_whose_clock_is_wrong_does_not_hurry_or_delay_an_alert() -> None:
    """Its times are counted from its own answers, not from our clock."""
    stage = Stage()
    theirs = stage.now - 5000
    stage.deliver(Snapshot(theirs, (pipeline(runtime=Status("Unavailable", theirs)),)))
    stage.engine.ended("prod", "poll", stage.now, success=True)
    stage.step()
    stage.later(59)
    assert stage.firing() == set()
    stage.later(1)
    assert stage.firing() == {("PipelineUnavailable", "a")}


def test_unavailable_that_passes_is_not_told() -> None:
    """And the wait begins anew the next time."""
    stage = Stage()
    stage.poll(pipeline(runtime="Unavailable"))
    stage.later(59)
    stage.poll(pipeline(runtime="Running"))
    stage.poll(pipeline(runtime="Unavailable"))
    stage.later(59)
    assert stage.firing() == set()
