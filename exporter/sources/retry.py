"""When a failed read is tried again, and how long to wait: pure rules over the error tree."""

from __future__ import annotations

from exporter.errors import ConnectionLost, RateLimited, ServerFailed, SourceError, Unauthorized
from exporter.http import retryafter

ATTEMPTS = 3
_PASSING_STATUSES = frozenset({408, 429, 502, 503, 504})
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.4, 5.0


def is_passing(error: BaseException, *, patience: float) -> bool:
    """Whether the same request may well succeed in a moment.

    Statuses 408, 429, 502, 503 and 504 as in the vendor's client; a reset, which a pooled connection meets when
    the server closed it first; and 401, which Feldera also sends while its database is down. A server that asks
    for a wait of more than ``patience`` seconds is tried again by a later run: this one fails now, so that people
    see it.
    """
    if not isinstance(error, SourceError) or (error.retry_after or 0.0) > patience:
        return False
    if isinstance(error, ServerFailed | RateLimited):
        return error.status in _PASSING_STATUSES
    return isinstance(error, ConnectionLost | Unauthorized)


def backoff(attempt: int) -> float:
    """Seconds to wait after the ``attempt``-th failure (from 1), with jitter."""
    return retryafter.backoff(attempt, first=_FIRST_BACKOFF_SECONDS, longest=_LONGEST_BACKOFF_SECONDS)


def wait_after(error: SourceError, attempt: int) -> float:
    """Seconds until the next attempt: what the server asked for, else the back-off."""
    return backoff(attempt) if error.retry_after is None else error.retry_after
