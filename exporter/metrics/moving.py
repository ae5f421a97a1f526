"""Time in the present statuses: lines that grow with every good poll, while nothing else about a pipeline changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeAlias

from exporter.metrics.exposition import Piece

Stay: TypeAlias = tuple[bytes, float, float]
"""What follows the labels that a pipeline's lines share, the seconds so far, and the time from which on they grow."""

Stays: TypeAlias = tuple[bytes, tuple[Stay, ...]]

_OBJECTS = 512


class Moving:
    """The open stays of a source's pipelines, written for one time after another."""

    def __init__(self) -> None:
        self._stays: dict[str, Stays] = {}
        self._written: tuple[float, list[Piece]] | None = None

    @property
    def series(self) -> int:
        """How many lines there are."""
        return sum(len(stays) for _, stays in self._stays.values())

    def put(self, key: str, head: bytes, stays: tuple[Stay, ...]) -> None:
        """Take in the stays of a pipeline; ``head`` is what its lines begin with."""
        if self._stays.get(key) != (head, stays):
            self._stays[key] = (head, stays)
            self._written = None

    def drop(self, key: str) -> None:
        """Forget a pipeline."""
        if self._stays.pop(key, None) is not None:
            self._written = None

    def pieces(self, now: float) -> list[Piece]:
        """The lines at the time ``now``; the same objects as long as nothing changed."""
        if self._written is None or self._written[0] != now:
            self._written = (now, list(self._write(now)))
        return self._written[1]

    def _write(self, now: float) -> Iterator[Piece]:
        stays = iter(self._stays.values())
        while part := list(islice(stays, _OBJECTS)):
            yield Piece(_lines(part, now))


def _lines(part: list[Stays], now: float) -> Iterator[bytes]:
    for head, stays in part:
        for end, seconds, start in stays:
            yield b"%b%b%.3f\n" % (head, end, seconds + (now - start if now > start else 0.0))
