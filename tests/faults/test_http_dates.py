"""Dates that servers send, and what they may do to us."""

from __future__ import annotations

import pytest

from exporter.http.dates import parse_http_date
from exporter.http.retryafter import parse_retry_after

NO_DATES = (
    "",
    "soon",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2030 00:00:00 +999999999999999999",
    "1" * 400 + " Jan 2030 00:00:00 GMT",
    "Mon, 01 Jan " + "9" * 5000 + " 00:00:00 GMT",
)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_none(text: str) -> None:
    """Nothing that a server may write there raises."""
    assert parse_http_date(text) is None
    assert parse_retry_after(text, 0.0) is None


def test_a_date_is_seconds_and_what_is_past_is_no_wait() -> None:
    """A date without a zone is UTC; the wait counts from now."""
    assert parse_http_date("Thu, 01 Jan 1970 00:02:00 GMT") == 120.0
    assert parse_http_date("Thu, 01 Jan 1970 00:02:00") == 120.0
    assert parse_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 100.0) == 20.0
    assert parse_retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 200.0) == 0.0
