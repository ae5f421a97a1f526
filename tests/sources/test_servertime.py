"""The control plane's clock, as far as its answers tell it."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.servertime import ServerTime

NOW = 1_767_225_600.0  # 2026-01-01


def date(seconds: float) -> str:
    """A Date header as a server writes it: the second that has begun."""
    return formatdate(seconds // 1, usegmt=True)


def test_without_answers_it_is_our_own_time() -> None:
    """Nothing is known, so nothing is changed."""
    assert ServerTime().at(NOW) == NOW


@pytest.mark.parametrize("header", [None, "", "now", "2026-01-01T00:00:00Z", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_nonsense_teaches_nothing(header: str | None) -> None:
    """A header that is missing or no date is passed over."""
    time = ServerTime()
    time.observe(header, sent=NOW - 500, received=NOW - 500)
    assert time.at(NOW) == NOW


@pytest.mark.parametrize("ahead", [-0.9, -0.5, 0.0, 0.5, 0.9])
def test_a_clock_that_may_be_right_is_taken_as_right(ahead: float) -> None:
    """Whole seconds leave room for a difference; one that need not be is not assumed."""
    time = ServerTime()
    time.observe(date(NOW + 0.95 + ahead), sent=NOW + 0.9, received=NOW + 1.0)
    assert time.at(NOW) == NOW


@pytest.mark.parametrize("ahead", [-86400.0, -30.0, -5.25, 5.25, 30.0, 86400.0])
def test_a_clock_that_is_off_is_followed(ahead: float) -> None:
    """One answer tells the difference to two seconds, and never more of it than there is."""
    time = ServerTime()
    time.observe(date(NOW + 0.05 + ahead), sent=NOW, received=NOW + 0.1)
    found = time.at(NOW) - NOW
    assert found == pytest.approx(ahead, abs=2.0)
    assert abs(found) <= abs(ahead)


@pytest.mark.parametrize("ahead", [-30.25, 30.25])
def test_more_answers_tell_more(ahead: float) -> None:
    """Answers at other fractions of a second narrow what one leaves open."""
    time = ServerTime()
    errors = []
    for step in range(20):
        at = NOW + step * 15.05
        time.observe(date(at + 0.01 + ahead), sent=at, received=at + 0.02)
        errors.append(abs(time.at(at) - at - ahead))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < (0.1 if ahead > 0 else 1.1)  # the other end may be a second late


def test_a_slow_answer_tells_less() -> None:
    """A Date that came at some time within a minute does not prove a clock that is off by half of it."""
    time = ServerTime()
    time.observe(date(NOW + 30), sent=NOW, received=NOW + 60)
    assert time.at(NOW) == NOW


def test_a_clock_that_is_set_is_noticed() -> None:
    """An answer that agrees with none before begins anew."""
    time = ServerTime()
    time.observe(date(NOW + 100), sent=NOW, received=NOW)
    time.observe(date(NOW + 10 - 50), sent=NOW + 10, received=NOW + 10)
    assert time.at(NOW + 10) == pytest.approx(NOW - 40, abs=2.0)


def test_a_date_without_zone_is_utc() -> None:
    """``-0000`` says that the zone is not known; a Date header is UTC."""
    time = ServerTime()
    time.observe("Thu, 01 Jan 2026 01:00:00 -0000", sent=NOW, received=NOW)
    assert time.at(NOW) == NOW + 3600


@given(header=st.text(max_size=40) | st.from_regex(r"\A\w{3}, \d{1,3} \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{3,5}\Z"))
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a server sends as its date, time goes on."""
    time = ServerTime()
    time.observe(header, sent=NOW, received=NOW)
    assert isinstance(time.at(NOW), float)
