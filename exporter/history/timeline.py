"""A pipeline's past as stretches: events in a row that say the same, and what changes when one is added."""

from __future__ import annotations

from bisect import bisect_right
from typing import TypeAlias

import msgspec

from exporter.model import Event

Key: TypeAlias = tuple[float, str]
"""Order of events: time, then id (a transaction gives its events one time)."""

Change: TypeAlias = tuple["Stretch | None", "Stretch", int]
"""An edge between two stretches that came to be (+1) or is no longer (-1)."""

LONGEST = 512


class Stretch(msgspec.Struct, gc=False):
    """Events in a row with one state; ``counted`` says whether the first one counts, ``last_counted`` the last."""

    first: Key
    last: Key
    statuses: tuple[str | None, ...]
    has_error: bool
    counted: bool
    last_counted: bool

    def same_state(self, other: Stretch) -> bool:
        """Whether both say the same."""
        return self.statuses == other.statuses and self.has_error == other.has_error


def stretch_of(event: Event, *, counted: bool) -> Stretch:
    """A stretch of a single event."""
    key = (event.at, event.id)
    return Stretch(key, key, event.statuses, event.has_error, counted, counted)


def insert(timeline: list[Stretch], new: Stretch) -> list[Change]:
    """Put the stretch of one event where its time belongs; the edges that this made and unmade.

    The order in which events arrive makes no difference to the edges there are in the end.
    """
    index = bisect_right(timeline, new.first, key=_first) - 1
    before = timeline[index] if index >= 0 else None
    if before is not None and before.same_state(new):
        if new.last > before.last:
            before.last, before.last_counted = new.last, new.last_counted
        return []
    if before is not None and new.first < before.last:
        timeline.insert(index + 1, _split(before, new.first))
        after: Stretch | None = timeline[index + 1]
        made: list[Change] = []
    else:
        after = timeline[index + 1] if index + 1 < len(timeline) else None
        made = [] if after is None else [(before, after, -1)]
    if after is not None and after.same_state(new):
        after.first, after.counted = new.first, after.counted or new.counted
        return [*made, (before, after, +1)]
    timeline.insert(index + 1, new)
    del timeline[:-LONGEST]
    return [*made, (before, new, +1), *([] if after is None else [(new, after, +1)])]


def since(timeline: list[Stretch], dimension: int) -> tuple[float | None, bool]:
    """When the newest stretch's status of a dimension began, and whether its beginning was seen."""
    start: float | None = None
    for stretch in reversed(timeline):
        if stretch.statuses[dimension] != timeline[-1].statuses[dimension]:
            return start, True
        start = stretch.first[0]
    return start, False


def _first(stretch: Stretch) -> Key:
    return stretch.first


def _split(stretch: Stretch, at: Key) -> Stretch:
    """Cut a stretch in two at an event that came late; the second part is returned."""
    rest = Stretch(
        stretch.last, stretch.last, stretch.statuses, stretch.has_error, stretch.last_counted, stretch.last_counted
    )
    stretch.last, stretch.last_counted = at, stretch.counted
    return rest
