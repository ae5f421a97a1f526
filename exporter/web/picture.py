"""Pictures of the past: which values lasted when, and the bars that show them, as the geometry of an SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import ceil, inf
from typing import TypeAlias

import msgspec

from exporter.history import PipelineHistory
from exporter.history.polls import together
from exporter.model import Health, Pipeline
from exporter.web.words import WORST_FIRST, length

Point: TypeAlias = tuple[float, str | None]
"""From this time on it was so."""

RANGES: dict[str, float] = {
    "15m": 900.0,
    "30m": 1800.0,
    "1h": 3600.0,
    "2h": 7200.0,
    "4h": 14400.0,
    "8h": 28800.0,
    "1d": 86400.0,
    "2d": 172800.0,
    "4d": 345600.0,
    "7d": 604800.0,
}
"""How far back a picture may go, in seconds."""

_MARGIN = 1.02  # so that the oldest event does not lie on the edge

COLUMNS = 240
"""How finely time is drawn; a picture has no more bars than this, however often a pipeline changes."""

STRIP_HEIGHT = 24
_HEIGHTS: dict[str, int] = {
    "failed": 24,
    "unhealthy": 19,
    "unknown": 15,
    "transitioning": 11,
    "healthy": 7,
    "idle": 3,
}
LANE_HEIGHT = 20
_BAR_HEIGHT = 14
_LEAST_BAR = 4  # of what lasted a moment
_MOST_LANES = 16


class Span(msgspec.Struct, frozen=True, gc=False):
    """A value that lasted."""

    start: float
    end: float
    value: str | None


class Window(msgspec.Struct, frozen=True):
    """A part of the past that is drawn; times by the control plane's clock."""

    start: float
    end: float

    @property
    def length(self) -> str:
        """How long it is."""
        return length(self.end - self.start)

    def columns(self, spans: Iterable[Span]) -> list[tuple[str | None, int, int]]:
        """Each span's value, its first column and the one after its last, which are not the same."""
        start, scale = self.start, COLUMNS / (self.end - self.start)
        found = []
        for span in spans:
            first, stop = int((span.start - start) * scale), int((span.end - start) * scale)
            first = first if first < COLUMNS else COLUMNS - 1
            found.append((span.value, first, stop if stop > first else first + 1))
        return found


class Bars(msgspec.Struct, frozen=True):
    """What lasted with one value: the path that draws it, and for how much of the time that is known."""

    value: str
    path: str
    share: str


class Picture(msgspec.Struct, frozen=True):
    """Bars by value, and the same in words."""

    bars: Sequence[Bars]
    height: int
    words: str


def seconds_back(name: str, oldest_age: float) -> float:
    """The length of a range in seconds; ``auto`` reaches back to the oldest event in whole minutes, within bounds."""
    if name in RANGES:
        return RANGES[name]
    minutes = ceil(oldest_age * _MARGIN / 60)
    return min(max(minutes * 60.0, min(RANGES.values())), max(RANGES.values()))


def health_spans(pipeline: Pipeline, history: PipelineHistory, window: Window, as_of: float) -> list[Span]:
    """The healths in a window, up to the last good poll, at which the present one is known."""
    begun = max((status.since for status in pipeline.statuses.values() if status.since is not None), default=as_of)
    points = together(history.timeline.healths(window.start), history.healths)
    return _spans(_from_its_beginning(points, pipeline.health, min(begun, as_of), history), window, as_of)


def status_spans(
    pipeline: Pipeline, history: PipelineHistory, dimension: tuple[int, str], window: Window, as_of: float
) -> list[Span]:
    """The same for a dimension's statuses; ``dimension`` is its place in the kind's order, and its name."""
    number, name = dimension
    told = ((entry.at, entry.statuses[number]) for entry in history.timeline.entries())
    points = [next(group) for _, group in groupby(told, key=lambda point: point[1])]
    status = pipeline.statuses.get(name)
    begun = as_of if status is None or status.since is None else status.since
    return _spans([*points, *_present(status.value if status else None, begun, history, as_of)], window, as_of)


def strip(spans: Sequence[Span], window: Window) -> Picture:
    """One line of bars, the taller the worse; of several healths in a column the worst shows."""
    ranks: dict[str | None, int] = {None: 0}
    ranks |= {health: rank for rank, health in enumerate(reversed(WORST_FIRST), start=1)}
    columns = bytearray(COLUMNS)
    for rank, first, stop in sorted((ranks[value], first, stop) for value, first, stop in window.columns(spans)):
        columns[first:stop] = bytes((rank,)) * (stop - first)  # the worst last, and so on top
    shares = _shares(spans)
    paths = {health: _path(columns, ranks[health], _HEIGHTS[health], STRIP_HEIGHT) for health in shares}
    bars = [Bars(health, path, _percent(shares[health])) for health, path in paths.items()]
    return Picture(bars, STRIP_HEIGHT, _words(bars, window))


def lanes(spans: Sequence[Span], window: Window, order: Iterable[str]) -> Picture:
    """A line of bars for each value, in ``order`` and then as they were seen; the taller the more of the column."""
    shares = _shares(spans)
    values = [value for value in dict.fromkeys((*order, *shares)) if value in shares][:_MOST_LANES]
    bars = []
    for lane, value in enumerate(values):
        heights = _heights([span for span in spans if span.value == value], window)
        bottom = lane * LANE_HEIGHT + (LANE_HEIGHT + _BAR_HEIGHT) // 2
        path = "".join(_path(heights, height, height, bottom) for height in sorted(set(heights) - {0}))
        bars.append(Bars(value, path, _percent(shares[value])))
    return Picture(bars, len(bars) * LANE_HEIGHT, _words(bars, window))


def _heights(spans: Sequence[Span], window: Window) -> bytearray:
    """How tall the bar of each column is: as tall as the part of its time that these spans fill."""
    width = (window.end - window.start) / COLUMNS
    filled: dict[int, float] = {}
    for span, (_, first, stop) in zip(spans, window.columns(spans), strict=True):
        for column in range(first, min(stop + 1, COLUMNS)):
            begin = window.start + column * width
            lasted = min(span.end, begin + width) - max(span.start, begin)
            if lasted > 0 or column == first:
                filled[column] = filled.get(column, 0.0) + max(0.0, lasted)
    heights = bytearray(COLUMNS)
    for column, seconds in filled.items():
        heights[column] = min(_BAR_HEIGHT, max(_LEAST_BAR, round(seconds / width * _BAR_HEIGHT)))
    return heights


def _from_its_beginning(
    points: Sequence[tuple[float, Health]], health: Health, begun: float, history: PipelineHistory
) -> list[Point]:
    """The points, the present health from when the newest status began if that is younger than all known before."""
    *before, last = points or [(inf, health)]
    newest = max([at for at, _ in before[-1:]] + [history.last_event_at or -inf])
    return [*before, (begun, health) if health == last[1] and newest < begun < last[0] else last]


def _present(value: str | None, begun: float, history: PipelineHistory, as_of: float) -> list[Point]:
    """What the last poll said: from when it began if no event tells of it yet, else from the poll.

    Nothing if an event is younger than the poll.
    """
    newest = history.last_event_at
    if newest is not None and newest > as_of:
        return []
    return [(min(begun, as_of) if newest is None or begun > newest else as_of, value)]


def _spans(points: Sequence[Point], window: Window, as_of: float) -> list[Span]:
    """Each value up to the next one, as far as it is in the window; the last goes on to the poll.

    One that was first seen by the poll is a moment.
    """
    start, end = window.start, window.end
    until = [at for at, _ in points[1:]] + [max(as_of, points[-1][0])]
    return [
        Span(at if at > start else start, to if to < end else end, value)
        for (at, value), to in zip(points, until, strict=True)
        if to >= start and at <= end
    ]


def _path(columns: bytearray, rank: int, height: int, bottom: int) -> str:
    """Rectangles for the runs of ``rank``."""
    parts, x = [], 0
    for value, group in groupby(columns):
        count = sum(1 for _ in group)
        if value == rank:
            parts.append(f"M{x} {bottom - height}h{count}v{height}h-{count}z")
        x += count
    return "".join(parts)


def _shares(spans: Sequence[Span]) -> dict[str, float]:
    """How much of the time with a value each value has, the largest first; 0 for a moment."""
    seconds: dict[str, float] = {}
    for span in spans:
        if span.value is not None:
            seconds[span.value] = seconds.get(span.value, 0.0) + span.end - span.start
    total = sum(seconds.values()) or 1.0
    return {value: seconds[value] / total for value in sorted(seconds, key=lambda value: -seconds[value])}


def _percent(share: float) -> str:
    return "<1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")


def _words(bars: Sequence[Bars], window: Window) -> str:
    told = ", ".join(f"{bars.value} {bars.share}" for bars in bars)
    return f"Last {window.length}: {told or 'nothing is known'}."
