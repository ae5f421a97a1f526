"""Identifiers and timestamps as Feldera writes them: monotone UUIDs of version 7, RFC 3339 ending in Z."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from uuid import UUID

_COUNTER_BITS = 42


class Ids:
    """Makes UUIDs of version 7 (RFC 9562, 6.2 method 1) that never go back, reproducibly from a random source."""

    __slots__ = ("_counter", "_milliseconds", "_random")

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._milliseconds = -1
        self._counter = 0

    def next(self, at_us: int) -> int:
        """The next identifier, as an integer of 128 bits, for a moment in microseconds since the epoch."""
        milliseconds = at_us // 1000
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            self._counter = self._random.getrandbits(_COUNTER_BITS - 1)
        else:
            self._counter += 1
        high, low = self._counter >> 30, self._counter & (1 << 30) - 1
        tail = low << 32 | self._random.getrandbits(32)
        return self._milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | tail


def uuid_text(number: int) -> str:
    """The usual hyphenated form of an identifier."""
    return str(UUID(int=number))


def rfc3339(at_us: int) -> str:
    """A moment with as many fraction digits as it needs: none, 3 or 6."""
    seconds, fraction = divmod(at_us, 1_000_000)
    if not fraction:
        return f"{_stem(seconds)}Z"
    if fraction % 1000:
        return f"{_stem(seconds)}.{fraction:06d}Z"
    return f"{_stem(seconds)}.{fraction // 1000:03d}Z"


def rfc3339_micros(at_us: int) -> str:
    """A moment with exactly 6 fraction digits, as log lines carry it."""
    seconds, fraction = divmod(at_us, 1_000_000)
    return f"{_stem(seconds)}.{fraction:06d}Z"


def _stem(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
