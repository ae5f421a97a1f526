"""How long to leave a server alone: what it asks for, and what is decent after failures in a row."""

from __future__ import annotations

import random

from exporter.http.dates import parse_http_date


def parse_retry_after(header: str | None, now: float) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110, 10.2.3: a number or a date); None for nonsense.

    >>> parse_retry_after("120", 0.0)
    120.0
    """
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    date = parse_http_date(text)
    return None if date is None else max(0.0, date - now)


def backoff(failures: int, *, first: float, longest: float) -> float:
    """Seconds to wait after failures in a row (from 1): twice as long each time, ``longest`` at most, with jitter."""
    return random.uniform(0.5, 1.0) * min(first * 2.0 ** min(failures - 1, 64), longest)
