"""The gauges of a backfill, and the sample lines of one of them for one pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise
from typing import TypeAlias

import msgspec

from exporter.backfill.past import HAS_ERROR, HEALTH, Point, milliseconds, status_family
from exporter.metrics.families import pipeline_families
from exporter.metrics.page import unique
from exporter.metrics.text import Header, Labels, label_pairs
from exporter.model import HEALTHS, Dimension

Run: TypeAlias = tuple[str | None, list[str]]
"""A value that lasts, and the times of its samples."""

_PIECE = 10_000  # lines put together at a time


class Gauge(msgspec.Struct, frozen=True):
    """A family: the label that tells its values apart (none: the value is the sample's own), and those known."""

    header: Header
    label: str
    known: tuple[str, ...]


def gauges(dimensions: Iterable[Dimension]) -> list[Gauge]:
    """What is written, for kinds that have these dimensions between them."""
    merged = unique(dimensions)
    families = {family.name: family for family in pipeline_families(merged)}
    labels = {status_family(dimension.name): ("status", dimension.statuses) for dimension in merged}
    chosen: dict[str, tuple[str, tuple[str, ...]]] = {**labels, HAS_ERROR: ("", ()), HEALTH: ("health", HEALTHS)}
    return [
        Gauge(Header(name, families[name].type, families[name].help), label, known)
        for name, (label, known) in chosen.items()
    ]


class Grid:
    """The times between events: the whole multiples of ``step`` seconds from ``first`` to ``last``."""

    def __init__(self, first: float, last: float, step: int) -> None:
        self._step = step * 1000
        self._begin = milliseconds(first) // self._step
        end = milliseconds(last) // self._step + 1
        self._texts = [str(number * step) for number in range(self._begin, end)]

    def between(self, after: int, before: int) -> list[str]:
        """Those after one time and before another, in milliseconds."""
        first, end = after // self._step + 1, -(-before // self._step)
        return self._texts[max(0, first - self._begin) : max(0, end - self._begin)]


def runs(points: Sequence[Point], family: str, grid: Grid) -> list[Run]:
    """The values of a family one after the other, each with the times at which it is told."""
    found: list[Run] = []
    spans = zip(points, _times(points, grid), strict=True)
    for value, group in groupby(spans, key=lambda span: span[0][1].get(family)):
        found.append((value, list(chain.from_iterable(times for _, times in group))))
    return found


def _times(points: Sequence[Point], grid: Grid) -> Iterator[list[str]]:
    """For each point, its time and those of the grid up to the next one."""
    for (at, _), (after, _) in pairwise(points):
        yield [repr(at), *grid.between(milliseconds(at), milliseconds(after))]
    yield [repr(points[-1][0])]


def sample_lines(gauge: Gauge, labels: Labels, found: Sequence[Run], *, dense: bool) -> Iterator[tuple[str, int]]:
    """Text in pieces, with the number of samples in each: series by series, each in the order of time.

    A dense gauge says 0 for every known value that is not the present one; a null says nothing.
    """
    if not gauge.label:
        for value, times in found:
            yield from _lines(f"{gauge.header.name}{{{label_pairs(labels)}}} {value} ", times)
        return
    for one in _values(gauge, found, dense=dense):
        head = f"{gauge.header.name}{{{label_pairs((*labels, (gauge.label, one)))}}}"
        for value, times in found:
            if value == one:
                yield from _lines(f"{head} 1 ", times)
            elif value is not None and dense and one in gauge.known:
                yield from _lines(f"{head} 0 ", times)


def _values(gauge: Gauge, found: Sequence[Run], *, dense: bool) -> list[str]:
    """The values that have a series."""
    seen = dict.fromkeys(value for value, _ in found if value is not None)
    return list(dict.fromkeys((*gauge.known, *seen) if dense and seen else seen))


def _lines(head: str, times: Sequence[str]) -> Iterator[tuple[str, int]]:
    for start in range(0, len(times), _PIECE):
        piece = times[start : start + _PIECE]
        yield f"{head}{f'{chr(10)}{head}'.join(piece)}\n", len(piece)
