"""Time in the present statuses: lines that grow with every good poll, while nothing else about a pipeline changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TypeAlias

import msgspec

from exporter.metrics.exposition import Piece
from exporter.metrics.slots import Slots

Stay: TypeAlias = tuple[bytes, float, float]
"""What follows the labels that a pipeline's lines share, the seconds so far, and the time from which on they grow."""

_Times: TypeAlias = tuple[tuple[float, float], ...]
"""The seconds so far and the time from which on they grow, of several lines."""

_Lines: TypeAlias = tuple[bytes, _Times]
"""A pipeline's lines with a place for each value, and what the values come from."""

_OBJECTS = 32


class _Block:
    """The lines of some pipelines, and what they are at one time."""

    def __init__(self) -> None:
        self._lines: dict[str, _Lines] = {}
        self._growth: _Growth | None = None
        self._written: tuple[float, Piece] | None = None

    def put(self, key: str, lines: _Lines | None) -> int:
        """Take in the lines of a pipeline, or forget it; by how many there are more."""
        old = self._lines.get(key)
        if old == lines:
            return 0
        self._growth = self._written = None
        if lines is None:
            del self._lines[key]
        else:
            self._lines[key] = lines
        return _count(lines) - _count(old)

    def piece(self, now: float) -> Piece:
        """The lines at the time ``now``; the same object as long as nothing changed."""
        if self._written is None or self._written[0] != now:
            self._growth = self._growth or _growth([times for _, times in self._lines.values()])
            form = b"".join([form for form, _ in self._lines.values()])
            self._written = (now, Piece([form % self._growth.at(now)]))
        return self._written[1]


class _Growth(msgspec.Struct, frozen=True):
    """The seconds so far of some lines, from when on each grows, and when all of them do."""

    seconds: list[float]
    starts: list[float]
    last_start: float

    def at(self, now: float) -> tuple[float, ...]:
        """The seconds at the time ``now``; first the difference, which is exact."""
        pairs = zip(self.seconds, self.starts, strict=True)
        if now >= self.last_start:
            return tuple([seconds + (now - start) for seconds, start in pairs])
        return tuple([seconds + max(0.0, now - start) for seconds, start in pairs])


def _growth(lines: Iterable[_Times]) -> _Growth:
    times = list(chain.from_iterable(lines))
    seconds, starts = ([time[at] for time in times] for at in (0, 1))
    return _Growth(seconds, starts, max(starts, default=0.0))


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
        form = b"".join([(head + end).replace(b"%", b"%%") + b"%.3f\n" for end, _, _ in stays])
        times = tuple((seconds, start) for _, seconds, start in stays)
        self.series += self._blocks[block].put(key, (form, times))

    def drop(self, key: str) -> None:
        """Forget a pipeline."""
        if (slot := self._slots.leave(key)) is not None:
            self.series += self._blocks[slot // _OBJECTS].put(key, None)

    def parts(self, now: float) -> Iterator[Callable[[], Piece]]:
        """What makes the lines at the time ``now`` of some pipelines after the other, for ``pieces`` to find."""
        return (partial(block.piece, now) for block in self._blocks)

    def pieces(self, now: float) -> list[Piece]:
        """The lines at the time ``now``; of blocks that did not change at that time the same objects."""
        return [piece for block in self._blocks if (piece := block.piece(now)).size]


def _count(lines: _Lines | None) -> int:
    return 0 if lines is None else len(lines[1])
