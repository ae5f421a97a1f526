"""Dates as HTTP writes them."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime


def parse_http_date(text: str | None) -> float | None:
    """Unix seconds of a date as in ``Date`` and ``Retry-After`` (RFC 9110, 5.6.7); None for what is no date.

    >>> parse_http_date("Thu, 01 Jan 1970 00:02:00 GMT")
    120.0
    """
    try:
        date = parsedate_to_datetime(text or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):  # a year or an offset that no calendar has overflows
        return None
