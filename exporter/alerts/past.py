"""What alerts ask of a pipeline's past: the failure that is over, the last transitions, the state at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import msgspec

from exporter.alerts.text import rfc3339
from exporter.history import PipelineHistory
from exporter.history.timeline import Entry, Timeline
from exporter.model import Dimension

_WINDOW = 32
_MOST_TRANSITIONS = 5
_MOST_LOOKED_AT = 2048


class Episode(msgspec.Struct, frozen=True):
    """A failure that is over: from when until when, by the control plane's clock."""

    at: float
    until: float


def last_episode(history: PipelineHistory | None) -> Episode | None:
    """The newest failure that counts, if it is over."""
    last = history.last_failure if history else None
    return Episode(last[0], last[1]) if last and last[1] is not None else None


def statuses_at(history: PipelineHistory | None, at: float) -> tuple[str | None, ...]:
    """The statuses that lasted at a time, in the order of the dimensions; nothing if that is not known."""
    entries = _newest_first(history.timeline) if history else iter(())
    return next((entry.statuses for entry in entries if entry.at <= at), ())


def last_transitions(history: PipelineHistory | None, dimensions: Sequence[Dimension]) -> list[str]:
    """The newest changes of status, newest first, a line each."""
    if history is None:
        return []
    return list(islice(_transitions(history.timeline, dimensions), _MOST_TRANSITIONS))


def _transitions(timeline: Timeline, dimensions: Sequence[Dimension]) -> Iterator[str]:
    for after, before in pairwise(_newest_first(timeline)):
        for dimension, old, new in zip(dimensions, before.statuses, after.statuses, strict=True):
            if old != new:
                yield f"{rfc3339(after.at)} {dimension.name}: {old or 'none'} -> {new or 'none'}"


def _newest_first(timeline: Timeline) -> Iterator[Entry]:
    """Events from the last one back, some at a time: what is asked for mostly lies near the end."""
    end = len(timeline)
    for stop in range(end, max(0, end - _MOST_LOOKED_AT), -_WINDOW):
        yield from reversed(list(timeline.entries(max(0, stop - _WINDOW), stop)))
