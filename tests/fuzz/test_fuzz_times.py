"""Texts that tell a time, a length of time, a cursor or a project: any text is one, or is none; no more happens."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config.units import Duration, Interval, Size
from exporter.http.retryafter import parse_retry_after
from exporter.model import parse_time
from exporter.sources.calyptia.paging import next_cursor
from exporter.sources.calyptia.token import project_of
from exporter.sources.calyptia.tracewords import duration, moment
from exporter.sources.decode import counted
from exporter.sources.labels import label_text
from exporter.sources.servertime import ServerTime
from exporter.web.words import absolute, rfc3339
from tests.fuzz.budget import fuzz
from tests.fuzz.trees import SCALARS, TEXTS

TIMES = st.one_of(
    TEXTS,
    st.datetimes().map(str),
    st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?", fullmatch=True),
)
DATES = st.one_of(
    TEXTS,
    st.from_regex(r"(Mon, )?\d{1,25} (Jan|Feb|Foo) \d{1,25} \d{1,25}:\d\d(:\d\d)? (GMT|[+-]\d{1,25})", fullmatch=True),
    st.integers(0).map(str),
)
LENGTHS = st.from_regex(r"(\d{1,30}[a-zA-Z]{0,3}){1,4}")
GO_DURATIONS = st.from_regex(r"[+-]?(\d{0,40}\.?\d{0,9}(ns|us|µs|ms|s|m|h)){1,4}", fullmatch=True)


@fuzz(5)
@given(text=TIMES)
@example("9999-12-31T23:59:59-23:59")
@example("0001-01-01T00:00:00+23:59")
def test_any_time_is_shown(text: str) -> None:
    """What is read as a time can be shown to people and to programs."""
    at = parse_time(text)
    if at is not None:
        assert math.isfinite(at)
        assert absolute(at)
        assert rfc3339(at, micro=True)


@fuzz(5)
@given(text=DATES, now=st.floats(0, 4e9))
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0)
@example("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", 0.0)
def test_any_retry_after_is_a_wait_or_none(text: str, now: float) -> None:
    """A wait is a number of seconds that is not below zero."""
    wait = parse_retry_after(text, now)
    assert wait is None or 0 <= wait < math.inf


@fuzz(5)
@given(dates=st.lists(DATES, max_size=4))
@example(["Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_any_date_header_leaves_a_time(dates: list[str]) -> None:
    """Whatever ``Date`` a server sends, its time is a time."""
    clock = ServerTime()
    for date in dates:
        clock.observe(date, sent=1e9, received=1e9 + 1)
    assert math.isfinite(clock.at(1e9))


@fuzz(5)
@given(raw=st.one_of(GO_DURATIONS, SCALARS.filter(lambda raw: not isinstance(raw, bool))))
@example("1" * 300_000)
@example("9" * 400 + "s")
@example(10**400)
def test_any_lifespan_is_finite(raw: Any) -> None:
    """A lifespan is None or a number of seconds that a session can end after; a long text costs no time."""
    seconds = duration(raw)
    assert seconds is None or math.isfinite(seconds)


@fuzz(5)
@given(raw=st.one_of(SCALARS, TIMES, st.floats(), st.floats().map(str)))
@example(10**400)
@example("1e300")
def test_any_moment_is_within_the_calendar(raw: Any) -> None:
    """A moment of a trace record is None or can be shown."""
    at = moment(raw)
    assert at is None or rfc3339(at)


@fuzz(5)
@given(text=st.one_of(TEXTS, st.from_regex(r"<[^>]{0,30}\?before=[^>]{0,10}>; ?rel=\"?next\"?", fullmatch=True)))
def test_any_link_has_a_cursor_or_none(text: str) -> None:
    """A Link header gives a cursor that is a text, or none."""
    cursor = next_cursor(text)
    assert cursor is None or cursor


@fuzz(5)
@given(text=st.one_of(TEXTS, st.binary(max_size=60).map(lambda raw: raw.decode("latin-1") + "."), st.text("=._-Aa09")))
def test_any_token_has_a_project_or_none(text: str) -> None:
    """No text makes the reading of a token fail."""
    project = project_of(text)
    assert project is None or len(project) == 36


@fuzz(5)
@given(text=TEXTS)
def test_any_text_is_a_bounded_label(text: str) -> None:
    """A text from the API becomes a label of 1 to 64 harmless characters."""
    label = label_text(text)
    assert 1 <= len(label) <= 64
    assert label.isascii()
    assert label.isprintable()


@fuzz(5)
@given(raw=SCALARS)
def test_a_count_is_one_that_prometheus_reads(raw: Any) -> None:
    """A number of things fits into 64 bits, and is not below zero."""
    count = counted(raw)
    assert count is None or 0 <= count < 2**63


@fuzz(5)
@given(kind=st.sampled_from([Duration, Interval, Size]), raw=st.one_of(SCALARS, LENGTHS))
@example(Duration, "9" * 400 + "y")
@example(Size, "9" * 5000)
def test_any_length_or_size_is_one_or_a_sentence(kind: type[Any], raw: Any) -> None:
    """A value of the config file is a number that every timer takes, or a ValueError with a sentence of ours."""
    try:
        found = kind.parse(raw)
    except ValueError as error:
        found = str(error)
    assert "Exceeds" not in found if isinstance(found, str) else 0 <= found < 1e28
