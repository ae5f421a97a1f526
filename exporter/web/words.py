"""Words for people: healths and reasons of failure explained, times and lengths of time as text."""

from __future__ import annotations

from datetime import UTC, datetime

from exporter.model import Health

WORST_FIRST: tuple[Health, ...] = ("failed", "unhealthy", "unknown", "transitioning", "healthy", "idle")
"""The order in which pipelines want attention."""

SIGNS: dict[Health, str] = {
    "failed": "✖",
    "unhealthy": "▲",
    "unknown": "?",
    "transitioning": "◐",
    "healthy": "●",
    "idle": "○",
}
"""A shape for each health, so that colour is never the only sign."""

REASONS: dict[str, str] = {
    "timeout": "it did not answer in time; see whether it is overloaded, or raise timeout",
    "connection": "no connection could be made or it broke; check url and the network between",
    "tls": "the TLS handshake failed; check its certificate and tls_config",
    "unauthorized": "the credentials were refused; check the token and its file",
    "forbidden": "the credentials do not allow it; give the token the right to read",
    "not_found": "the API is not at this address; check url",
    "rate_limited": "too many requests; raise poll_interval or lower max_concurrency",
    "server_error": "the control plane answered with an error of its own; look at its log",
    "bad_response": "the answer is not what the API promises; check that url leads to the API itself",
    "too_large": "the answer is larger than max_response_bytes; raise it",
    "internal": "the exporter failed; its log has the traceback",
}
"""What each reason of failure means and what mends it."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_LAST_SECOND = 253402300799.0  # of the year 9999


def absolute(at: float) -> str:
    """A time in UTC, to the second.

    >>> absolute(1767225600.25)
    '2026-01-01 00:00:00 UTC'
    """
    return _utc(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(at: float) -> str:
    """A time of a day in UTC.

    >>> clock(1767225600.25)
    '00:00 UTC'
    """
    return _utc(at).strftime("%H:%M UTC")


def rfc3339(at: float, *, micro: bool = False) -> str:
    """A time in UTC as programs read it: to the millisecond, as HTML wants it, or to the microsecond.

    >>> rfc3339(1767225600.25)
    '2026-01-01T00:00:00.250Z'
    """
    return _utc(at).isoformat(timespec="microseconds" if micro else "milliseconds").replace("+00:00", "Z")


def ago(seconds: float) -> str:
    """How long ago something was; what a clock puts into the future is ``just now`` or ``in …``.

    >>> ago(200), ago(0.4), ago(-7200)
    ('3 min 20 s ago', 'just now', 'in 2 h')
    """
    if abs(seconds) < 1:
        return "just now"
    return f"{length(seconds)} ago" if seconds > 0 else f"in {length(-seconds)}"


def length(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> length(90061)
    '1 d 1 h'
    """
    rest = round(seconds)
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"


def clipped(text: str, most: int) -> str:
    """A text of at most ``most`` characters; what is left out shows as an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(min(at, _LAST_SECOND), UTC)
