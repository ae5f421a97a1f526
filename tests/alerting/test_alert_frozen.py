"""What is said while a source cannot be read: once, with a long lease, so that another exporter may know better."""

from __future__ import annotations

import pytest

from exporter.alerts.alert import FROZEN_LEASE_SECONDS
from exporter.alerts.explain import Places
from tests.alerting.stage import ALERTMANAGER, ERROR, UNREACHABLE, Stage, alerting, names, pipeline

BROKEN = pipeline(error="OutOfMemory", message="heap")
PLACES = Places("http://exporter", "http://books", "")


def frozen(stage: Stage | None = None) -> Stage:
    """A failed pipeline whose source cannot be read any more, which the Alertmanager took in."""
    stage = stage or Stage(alerting(unreachable_for=10**6))
    stage.poll(BROKEN)
    stage.accept()
    stage.now += 60
    (alert,) = [alert for alert in stage.fail() if alert.name == ERROR]
    assert alert.notice().frozen
    stage.accept()
    stage.step()
    return stage


def minutes(stage: Stage, count: int) -> list[str]:
    """The names of the alerts that are sent within so many minutes of polls that fail."""
    sent = list[str]()
    for _ in range(count):
        stage.now += 60
        sent += names(stage.fail())
    return sent


def test_a_frozen_alert_is_said_once_until_its_lease_is_near_its_end() -> None:
    """Not each resend interval: who can read the source may have said that it is over. It still fires."""
    stage = frozen()
    assert minutes(stage, 20 * 60 - 1) == []
    assert stage.firing() == {(ERROR, "a")}
    assert minutes(stage, 2) == [ERROR] * 2, "again and again until it is taken in"
    stage.accept()
    assert minutes(stage, 60) == []
    assert FROZEN_LEASE_SECONDS > 20 * 3600 + 3600


def test_it_is_said_at_once() -> None:
    """Before another exporter says that it is over; a poll that fails now and then says nothing new."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.accept()
    stage.now += 1
    (alert,) = stage.fail()
    assert alert.notice().frozen
    stage.accept()
    for _ in range(20):
        stage.now += 1
        assert names(stage.poll()) == []
        assert names(stage.fail()) == []


def test_an_alertmanager_that_has_not_taken_it_in_hears_it_again() -> None:
    """The other one does not."""
    stage = frozen()
    stage.engine.configure(stage.settings, PLACES, [ALERTMANAGER, "http://new"], stage.now)
    stage.engine.step(stage.now)
    assert not stage.alert().is_news_to(ALERTMANAGER, stage.now)
    assert stage.alert().is_news_to("http://new", stage.now)


def test_a_clock_that_is_set_back_freezes_anew() -> None:
    """A lease that would begin in the future is none."""
    stage = frozen()
    assert names(stage.later(-3600)) == [ERROR]


@pytest.mark.parametrize("outage", [30, 100_000])
def test_when_the_source_is_read_again_all_is_as_ever(outage: int) -> None:
    """What lasts is said each resend interval, with the usual lease and start; the next outage freezes anew."""
    stage = frozen()
    started = stage.alert().starts_at
    stage.later(outage)
    stage.now += 60
    (alert,) = [alert for alert in stage.poll() if alert.name == ERROR]
    assert (alert.notice().frozen, alert.starts_at) == (False, started)
    assert names(stage.later(60)) == [ERROR]
    assert minutes(stage, 1) == [ERROR]


def test_what_is_over_is_said_when_the_source_is_read_again() -> None:
    """At once, and without saying first that it fires."""
    stage = frozen()
    stage.later(1000)
    (alert,) = [alert for alert in stage.poll(pipeline()) if alert.name == ERROR]
    assert (alert.ended_at, alert.notice().frozen) == (stage.now, False)


def test_of_many_pipelines_none_is_said_to_fire_before_it_was_looked_at() -> None:
    """More recover during an outage than one look decides about: each is said to be over, and none to fire."""
    stage = Stage()
    stage.poll(*(pipeline(f"p{number}", error="E") for number in range(600)))
    stage.now += 100
    stage.fail()
    stage.now += 100
    sent = stage.poll(*(pipeline(f"p{number}") for number in range(600)))
    assert [alert.name for alert in sent if alert.fires and alert.name == ERROR] == []
    assert names(sent) == [ERROR] * 600


def test_an_end_is_not_repeated_while_the_source_cannot_be_read() -> None:
    """It may have failed again meanwhile, and another exporter tell of it."""
    stage = Stage(alerting(unreachable_for=10**6))
    stage.poll(BROKEN)
    stage.now += 100
    assert names(stage.poll(pipeline())) == [ERROR]
    assert minutes(stage, 3) == []
    stage.now += 60
    assert names(stage.poll()) == [ERROR]


def test_that_a_source_can_be_read_again_is_said_once() -> None:
    """An exporter that still cannot read it goes on saying so, and is not contradicted."""
    stage = Stage()
    stage.fail()
    stage.later(200)
    stage.now += 100
    assert names(stage.poll()) == [UNREACHABLE]
    assert [names(stage.later(60)) for _ in range(5)] == [[]] * 5


# Restarts


def test_a_restart_while_it_is_frozen_says_nothing() -> None:
    """The lease in the state file goes on."""
    stage = frozen().restarted()
    assert names(stage.step()) == []
    assert minutes(stage, 60) == []
    assert stage.firing() == {(ERROR, "a")}


def test_a_restart_before_it_was_taken_in_says_it_again() -> None:
    """An Alertmanager that was down has not heard of it."""
    stage = Stage()
    stage.poll(BROKEN)
    stage.accept()
    stage.now += 60
    stage.fail()
    stage = stage.restarted()
    stage.now += 60
    assert names(stage.fail()) == [ERROR]
    assert stage.alert().notice().frozen


def test_an_acceptance_of_an_earlier_firing_is_none_of_this_one() -> None:
    """It ended and began anew while the post was on its way."""
    stage = frozen(Stage(alerting(hold=0, unreachable_for=10**6)))
    before = stage.alert().notice()
    stage.poll(pipeline())
    stage.now += 60
    stage.poll(BROKEN)
    stage.engine.accepted(ALERTMANAGER, before, stage.now)
    assert (stage.alert().told, stage.alert().frozen_at) == ({ALERTMANAGER: None}, {})
