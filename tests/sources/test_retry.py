"""Which failures are tried again, and after how long."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import errors
from exporter.http.retryafter import parse_retry_after
from exporter.sources.retry import backoff, is_passing, wait_after

NOW = 1_767_225_600.0  # 2026-01-01


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (errors.ServerFailed("", status=408), True),
        (errors.RateLimited("", status=429), True),
        (errors.ServerFailed("", status=500), False),
        (errors.ServerFailed("", status=501), False),
        (errors.ServerFailed("", status=502), True),
        (errors.ServerFailed("", status=503), True),
        (errors.ServerFailed("", status=504), True),
        (errors.ServerFailed("", status=599), False),
        (errors.ServerFailed("", status=503, retry_after=5.0), True),
        (errors.ServerFailed("", status=503, retry_after=5.1), False),
        (errors.RateLimited("", status=429, retry_after=0.0), True),
        (errors.RateLimited("", status=429, retry_after=3600.0), False),
        (errors.Unauthorized("", status=401), True),
        (errors.ConnectionLost(""), True),
        (errors.ConnectionFailed(""), False),
        (errors.TimedOut(""), False),
        (errors.TlsFailed(""), False),
        (errors.Forbidden("", status=403), False),
        (errors.NotFound("", status=404), False),
        (errors.BadResponse("", status=302), False),
        (errors.TooLarge(""), False),
        (errors.SourceError(""), False),
        (ValueError(""), False),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_which_failures_are_passing(error: Exception, passing: bool) -> None:
    """Those that the next moment may well mend, unless the server asks for more than our patience of 5 s."""
    assert is_passing(error, patience=5.0) is passing


def test_no_failure_waits_longer_than_patience() -> None:
    """A 401 that asks for an hour does not hold its task for an hour."""
    assert not is_passing(errors.Unauthorized("", status=401, retry_after=3600.0), patience=5.0)


@given(attempt=st.integers(1, 50) | st.integers(1000, 10**9))
def test_the_back_off_doubles_and_is_bounded(attempt: int) -> None:
    """From 0.2 to 0.4 s after the first failure, twice that after the second, 5 s at most, for years."""
    most = min(0.4 * 2 ** min(attempt - 1, 20), 5.0)
    assert most / 2 <= backoff(attempt) <= most


def test_the_back_off_has_jitter() -> None:
    """Exporters that failed together do not come back together."""
    assert len({backoff(3) for _ in range(20)}) > 1


def test_the_server_is_obeyed() -> None:
    """What the server asked for counts, zero too; else the back-off."""
    assert wait_after(errors.RateLimited("", status=429, retry_after=7.5), 1) == 7.5
    assert wait_after(errors.RateLimited("", status=429, retry_after=0.0), 3) == 0.0
    assert 0.4 <= wait_after(errors.RateLimited("", status=429), 2) <= 0.8


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        ("  7 ", 7.0),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("9" * 400, 999_999_999.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("Thu, 01 Jan 2026 01:00:00 +0100", 0.0),
        ("Thu, 01 Jan 2026 00:01:00 -0000", 60.0),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
        ("2026-01-01T00:00:00Z", None),
    ],
)
def test_a_retry_after_header(header: str | None, seconds: float | None) -> None:
    """A number of seconds or a date; nonsense is as if there were none."""
    assert parse_retry_after(header, NOW) == seconds


@given(header=st.text(max_size=40) | st.from_regex(r"\A\w{3}, \d{1,3} \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{3,5}\Z"))
def test_no_header_is_an_error(header: str) -> None:
    """Whatever a server sends, the wait is never negative."""
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or seconds >= 0
