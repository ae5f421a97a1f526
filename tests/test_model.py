"""Times as control planes write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T00:00:00.25Z", 1767225600.25),
        ("2026-01-01T00:00:00.123456Z", 1767225600.123456),
        ("2026-01-01T00:00:00.123456789Z", 1767225600.123456),
        ("2026-01-01T00:00:00+00:00", 1767225600.0),
        ("2026-01-01T02:30:00+02:30", 1767225600.0),
        ("2025-12-31T16:00:00-08:00", 1767225600.0),
        ("2026-01-01 00:00:00Z", 1767225600.0),
        ("2026-01-01T00:00:00", 1767225600.0),
        ("1970-01-01T00:00:00Z", 0.0),
        ("9999-12-31T23:59:59Z", 253402300799.0),
        (None, None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("now", None),
        ("12345", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T25:00:00Z", None),
        ("2026-01-01T00:00:00ZZ", None),
    ],
)
def test_a_time_is_read(text: str | None, seconds: float | None) -> None:
    """RFC 3339 in any zone, UTC if there is none; null, Go's zero time and nonsense are no time."""
    assert parse_time(text) == seconds


@given(moment=st.datetimes(timezones=st.timezones()))
def test_any_moment_is_read_back(moment: object) -> None:
    """What Python writes is read exactly, wherever on Earth it was written."""
    written = moment.isoformat()  # type: ignore[attr-defined]
    seconds = parse_time(written)
    assert seconds is None or seconds == moment.timestamp()  # type: ignore[attr-defined]


@given(text=st.text(max_size=40) | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:\d\d)\Z"))
def test_no_text_is_an_error(text: str) -> None:
    """A time that cannot be read is no time, and stops nothing."""
    seconds = parse_time(text)
    assert seconds is None or isinstance(seconds, float)
