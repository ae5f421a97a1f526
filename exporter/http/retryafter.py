"""How long a server asks to be left alone."""

from __future__ import annotations

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
