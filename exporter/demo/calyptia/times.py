"""Times and durations as the Cloud API writes them: RFC 3339 in Go's variants, and Go duration strings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

ZERO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time: what the API sends for "never"."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUMMER = timezone(timedelta(hours=2))
_NANOSECONDS = 1_000_000_000


def rfc3339(seconds: float, *, variant: int = 0) -> str:
    """Write a unix time as RFC 3339; `variant` picks the form: short, nine digits, or with an offset."""
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))
    if variant % 11 == 5:
        return moment.astimezone(_SUMMER).isoformat()
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    if variant % 7 == 3:
        return f"{whole}.{moment.microsecond:06d}000Z"
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def nanoseconds(seconds: float) -> int:
    """Give a duration as Go's `time.Duration` number."""
    return round(seconds * _NANOSECONDS)


def go_duration(seconds: float) -> str:
    """Write a duration as Go's `Duration.String()` does: `10m0s`, `1h30m0s`, `1.5s`, `500ms`, `0s`."""
    total = nanoseconds(seconds)
    if abs(total) < _NANOSECONDS:
        return _below_a_second(total)
    minutes, rest = divmod(abs(total), 60 * _NANOSECONDS)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if total < 0 else ""
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{_decimal(rest, _NANOSECONDS)}s"


def _below_a_second(total: int) -> str:
    for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
        if abs(total) >= size:
            sign = "-" if total < 0 else ""
            return f"{sign}{_decimal(abs(total), size)}{unit}"
    return "0s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
