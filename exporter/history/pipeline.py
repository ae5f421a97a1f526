"""The fold of one pipeline's events: counters that never go back, whatever order the events come in."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec

from exporter.history.timeline import Stretch, insert, since, stretch_of
from exporter.model import Event

_MOST_IDS = 10_000
_MOST_LABELS = 100
_CREATION_SECONDS = 60.0

State = tuple[tuple[str | None, ...], bool]
"""Statuses in the order of the dimensions, and whether there is an error."""


class Left(msgspec.Struct, frozen=True, gc=False):
    """A status that was left after ``seconds``."""

    dimension: int
    status: str
    seconds: float


class PipelineHistory:
    """What is known of one pipeline's past.

    ``transitions`` is keyed by (dimension, new status), ``seconds`` by (dimension, status); dimensions are given by
    their place in the kind's order. Events at or before ``counts_from`` are looked at but not counted: they were
    there before the exporter knew the source. ``initial`` is the state in which the pipeline was first seen; a
    pipeline that appeared later has none, and all of it counts.
    """

    def __init__(self, *, counts_from: float | None, initial: State | None) -> None:
        self.timeline: list[Stretch] = []
        self.transitions: dict[tuple[int, str], int] = {}
        self.seconds: dict[tuple[int, str], float] = {}
        self.events = 0
        self.failures = 0
        self.last_event_at: float | None = None
        self.frozen_at: float | None = counts_from
        self._ids: array[int] = array("Q")
        self._counts_from = counts_from
        self._seeded = counts_from is None
        self._current = initial
        self._initial = initial
        self._advanced = counts_from

    @property
    def open(self) -> list[tuple[int, str, float]]:
        """The stays that last: dimension, status, and the time from which they are not in ``seconds`` yet."""
        if self._current is None or self._advanced is None:
            return []
        return [(index, status, self._advanced) for index, status in enumerate(self._current[0]) if status]

    def fold(self, events: Sequence[Event], *, complete: bool, shown_until: float | None) -> tuple[list[Left], bool]:
        """Take in events, oldest first; those known already change nothing.

        ``shown_until`` is the time up to which time in state has been shown: what is shown is never taken back.
        Returns the statuses that were left, and whether history was lost between what was known and these.
        """
        keys = [_id(event.id) for event in events]
        known = set(self._ids)
        gap = complete and bool(known and keys) and known.isdisjoint(keys)
        if shown_until is not None and self._current is not None:
            self._advance(shown_until)
        left: list[Left] = []
        for key, event in zip(keys, events, strict=True):
            if key not in known:
                known.add(key)
                self._ids.append(key)
                left += self._fold_one(event, counted=self._counts(event))
        self._seeded = True
        if complete and keys:
            self._ids = array("Q", keys)
        del self._ids[:-_MOST_IDS]
        return left, gap

    def since(self, dimension: int, status: str, created_at: float | None) -> float | None:
        """When the present stay in ``status`` began, from the history alone; None if that is not known."""
        if not self.timeline or self.timeline[-1].statuses[dimension] != status:
            return None
        start, seen = since(self.timeline, dimension)
        from_creation = start is not None and created_at is not None and start <= created_at + _CREATION_SECONDS
        return start if seen or from_creation else None

    def _counts(self, event: Event) -> bool:
        return self._seeded or self._counts_from is None or event.at > self._counts_from

    def _fold_one(self, event: Event, *, counted: bool) -> list[Left]:
        self.events += counted
        self.last_event_at = max(self.last_event_at or event.at, event.at)
        is_newest = not self.timeline or (event.at, event.id) > self.timeline[-1].last
        left = self._left_by(event) if counted and is_newest else []
        for before, after, sign in insert(self.timeline, stretch_of(event, counted=counted)):
            self._count(before, after, sign)
        if is_newest:
            self._advance(event.at)
            self._current = (event.statuses, event.has_error)
        return left

    def _left_by(self, event: Event) -> list[Left]:
        """The statuses that end with this newest event, where their beginning is known."""
        if not self.timeline:
            return []
        left = []
        for dimension, (old, new) in enumerate(zip(self.timeline[-1].statuses, event.statuses, strict=True)):
            if old is not None and old != new:
                start, seen = since(self.timeline, dimension)
                if start is not None and (seen or self._counts_from is None):
                    left.append(Left(dimension, old, max(0.0, event.at - start)))
        return left

    def _count(self, before: Stretch | None, after: Stretch, sign: int) -> None:
        """Count the changes over an edge of the timeline, or take back those of one that is no longer there."""
        if not after.counted:
            return
        old, had_error = (before.statuses, before.has_error) if before else self._initial or (None, False)
        self.failures += sign * (after.has_error and not had_error)
        for dimension, status in enumerate(after.statuses):
            if old is not None and status is not None and old[dimension] != status:
                key = self._label(dimension, status)
                self.transitions[key] = self.transitions.get(key, 0) + sign

    def _label(self, dimension: int, status: str) -> tuple[int, str]:
        key = (dimension, status)
        return key if key in self.transitions or len(self.transitions) < _MOST_LABELS else (dimension, "other")

    def _advance(self, until: float) -> None:
        """Close the time up to ``until`` in the present statuses; time already closed stays as it is."""
        for dimension, status, start in self.open:
            if until > start:
                key = (dimension, status)
                if key not in self.seconds and len(self.seconds) >= _MOST_LABELS:
                    key = (dimension, "other")
                self.seconds[key] = self.seconds.get(key, 0.0) + until - start
        self._advanced = until if self._advanced is None else max(self._advanced, until)


def _id(text: str) -> int:
    """Eight bytes that stand for an event's id: the chance that two of 1,000 agree is below 1 in 10^13."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def state(statuses: Iterable[str | None], *, has_error: bool) -> State:
    """Statuses and error as one value."""
    return tuple(statuses), has_error
