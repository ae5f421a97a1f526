"""Time in the present statuses: lines that grow with every good poll, while nothing else about a pipeline changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from exporter.metrics.exposition import Piece
from exporter.metrics.slots import Slots

Stay: TypeAlias = tuple[bytes, float, float]
"""What follows the labels that a pipeline's lines share, the seconds so far, and the time from which on they grow."""

Stays: TypeAlias = tuple[bytes, tuple[Stay, ...]]

_OBJECTS = 128


class _Block:
    """The stays of some pipelines, and the lines made of them for one time."""

    def __init__(self) -> None:
        self.stays: dict[str, Stays] = {}
        self._written: tuple[float, Piece] | None = None

    def put(self, key: str, stays: Stays | None) -> int:
        """Take in the stays of a pipeline, or forget it; by how many lines there are more."""
        old = self.stays.get(key)
        if old == stays:
            return 0
        self._written = None
        if stays is None:
            del self.stays[key]
        else:
            self.stays[key] = stays
        return _count(stays) - _count(old)

    def piece(self, now: float) -> Piece:
        """The lines at the time ``now``; the same object as long as nothing changed."""
        if self._written is None or self._written[0] != now:
            self._written = (now, Piece(_lines(self.stays.values(), now)))
        return self._written[1]


class Moving:
    """The open stays of a source's pipelines, written for one time after another. ``series`` is how many lines."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._slots = Slots()
        self.series = 0

    def put(self, key: str, head: bytes, stays: tuple[Stay, ...]) -> None:
        """Take in the stays of a pipeline; ``head`` is what its lines begin with."""
        block = self._slots.take(key) // _OBJECTS
        while block >= len(self._blocks):
            self._blocks.append(_Block())
        self.series += self._blocks[block].put(key, (head, stays))

    def drop(self, key: str) -> None:
        """Forget a pipeline."""
        if (slot := self._slots.leave(key)) is not None:
            self.series += self._blocks[slot // _OBJECTS].put(key, None)

    def pieces(self, now: float) -> list[Piece]:
        """The lines at the time ``now``; of blocks that did not change at that time the same objects."""
        return [piece for block in self._blocks if (piece := block.piece(now)).size]


def _count(stays: Stays | None) -> int:
    return 0 if stays is None else len(stays[1])


def _lines(part: Iterable[Stays], now: float) -> Iterator[bytes]:
    for head, stays in part:
        for end, seconds, start in stays:
            yield b"%b%b%.3f\n" % (head, end, seconds + (now - start if now > start else 0.0))
