"""What polls see of a pipeline beside its events: the newest failure with its reason, and healths that no event has."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from operator import itemgetter
from typing import TypeAlias

import msgspec

from exporter.history.timeline import Timeline
from exporter.model import FailureRead, Health, Pipeline

Point: TypeAlias = tuple[float, Health]
"""From this time on it was so."""

_MOST_POINTS = 32
_MARGIN_SECONDS = 2.0  # an event may be dated a moment after the poll that showed what it tells of


def polled(known: FailureRead | None, pipeline: Pipeline, *, begun: float, as_of: float) -> FailureRead | None:
    """The newest failure after a poll: one that goes on, one that began, or one that is over."""
    lasting = known if known is not None and known.until is None else None
    if pipeline.error is None:
        return known if lasting is None else msgspec.structs.replace(lasting, until=max(as_of, lasting.at))
    if lasting is not None and lasting.error.code == pipeline.error.code:
        return msgspec.structs.replace(lasting, error=pipeline.error)
    at = begun if known is None else max(begun, known.until or known.at)
    return FailureRead(pipeline.id, at, pipeline.error)


def newer(known: FailureRead | None, read: FailureRead) -> FailureRead:
    """Of two failures the one that began later; of the same one what the history tells."""
    return known if known is not None and known.at > read.at else read


def dated(failure: FailureRead, run: tuple[float, float | None] | None) -> FailureRead:
    """A failure with the times of its events, if it is the newest one that they tell of."""
    if run is None:
        return failure
    began, until = run
    came_later = began > (inf if failure.until is None else failure.until) + _MARGIN_SECONDS
    was_over = until is not None and until < failure.at - _MARGIN_SECONDS
    if came_later or was_over:
        return failure
    ended = failure.until if failure.until is None or until is None else until
    return msgspec.structs.replace(failure, at=began, until=ended)


def noted(points: tuple[Point, ...], timeline: Timeline, health: Health, as_of: float) -> tuple[Point, ...]:
    """The points with what a poll saw at ``as_of``, unless it was known already or an event is younger."""
    last = _known_at(points, timeline, inf)
    if last is not None and (last[1] == health or last[0] > as_of):
        return points
    return (*points, (as_of, health))[-_MOST_POINTS:]


def confirmed(points: tuple[Point, ...], timeline: Timeline) -> tuple[Point, ...]:
    """The points without those of which events tell as well."""
    kept: tuple[Point, ...] = ()
    for point in points:
        before = _known_at(kept, timeline, point[0] + _MARGIN_SECONDS)
        if before is None or before[1] != point[1]:
            kept = (*kept, point)
    return kept


def together(events: Iterable[Point], polls: Iterable[Point]) -> list[Point]:
    """What events and polls told, in the order of time; of two at one time the poll has the last word."""
    return sorted((*events, *polls), key=itemgetter(0))


def _known_at(points: tuple[Point, ...], timeline: Timeline, at: float) -> Point | None:
    """The newest that events and points tell of the time up to ``at``."""
    event = timeline.health_at(at)
    point = next((point for point in reversed(points) if point[0] <= at), None)
    if event is None or point is None:
        return event or point
    return point if point[0] >= event[0] else event
