"""A pipeline's past in order: every event's time, id, state and health, and what changes when one is put among them."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeAlias

import msgspec

from exporter.model import HEALTHS, Health

State: TypeAlias = tuple[tuple[str | None, ...], bool]
"""Statuses in the order of the kind's dimensions, and whether there is an error."""

Change: TypeAlias = tuple[State | None, State, int]
"""A counted step from one state to the next that came to be (+1) or is no longer (-1)."""

_LEAST_KEPT = 1024
_LOW = 2**64 - 1
_HEALTH_NUMBERS = {health: number for number, health in enumerate(HEALTHS)}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event as it is kept; ``id`` is the number made of the event's id, a UUID's own value if it is one."""

    at: float
    id: int
    statuses: tuple[str | None, ...]
    has_error: bool
    health: Health


class SavedTimeline(msgspec.Struct, array_like=True):
    """A timeline as it is kept in a file: arrays in the machine's byte order are turned to little endian."""

    times: bytes
    ids: tuple[bytes, bytes]
    states: list[State]
    state_of: bytes
    counted: bytes
    kept: int
    trimmed: bool
    healths: bytes = b""


class Timeline:
    """Events in the order of their time and id, 34 bytes each; the oldest are let go when there are too many.

    Wherever an event belongs, adding it tells which steps that made and unmade, so that the order in which events
    arrive makes no difference in the end.
    """

    def __init__(self) -> None:
        self._times = array("d")
        self._ids = (array("Q"), array("Q"))  # high and low half
        self._states: list[State] = []
        self._counted = bytearray()
        self._healths = bytearray()
        self._kept = _LEAST_KEPT
        self._trimmed = False

    def __len__(self) -> int:
        return len(self._states)

    def saved(self) -> SavedTimeline:
        """All of it, as a value."""
        number = {state: index for index, state in enumerate(dict.fromkeys(self._states))}
        return SavedTimeline(
            times=_bytes(self._times),
            ids=(_bytes(self._ids[0]), _bytes(self._ids[1])),
            states=list(number),
            state_of=_bytes(array("I", [number[state] for state in self._states])),
            counted=bytes(self._counted),
            kept=self._kept,
            trimmed=self._trimmed,
            healths=bytes(self._healths),
        )

    @classmethod
    def restored(cls, saved: SavedTimeline) -> Timeline:
        """The timeline that was saved."""
        timeline = cls()
        timeline._times = _array("d", saved.times)
        timeline._ids = (_array("Q", saved.ids[0]), _array("Q", saved.ids[1]))
        timeline._states = [shared(saved.states[index]) for index in _array("I", saved.state_of)]
        timeline._counted = bytearray(saved.counted)
        timeline._kept = saved.kept
        timeline._trimmed = saved.trimmed
        unknown = bytes([_HEALTH_NUMBERS["unknown"]]) * len(timeline)  # in a file from before healths were kept
        timeline._healths = bytearray(saved.healths or unknown)
        return timeline

    @property
    def newest(self) -> State | None:
        """The state after the last event."""
        return self._states[-1] if self._states else None

    @property
    def newest_at(self) -> float | None:
        """The time of the last event."""
        return self._times[-1] if self._times else None

    @property
    def oldest_at(self) -> float | None:
        """The time of the first event that is kept."""
        return self._times[0] if self._times else None

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Events from one place to before another, oldest first."""
        for index in range(*slice(start, stop).indices(len(self))):
            key = self._ids[0][index] << 64 | self._ids[1][index]
            statuses, has_error = self._states[index]
            yield Entry(self._times[index], key, statuses, has_error, HEALTHS[self._healths[index]])

    def healths(self, since: float) -> Iterator[tuple[float, Health]]:
        """The healths one after the other and when each began, from the one that lasted at ``since`` on."""
        index = max(0, bisect_right(self._times, since) - 1)
        for number, group in groupby(self._healths[index:]):
            yield self._times[index], HEALTHS[number]
            index += sum(1 for _ in group)

    def health_at(self, at: float) -> tuple[float, Health] | None:
        """The time and the health of the last event up to ``at``."""
        index = bisect_right(self._times, at) - 1
        return (self._times[index], HEALTHS[self._healths[index]]) if index >= 0 else None

    def known(self) -> set[int]:
        """The ids of all events."""
        return {high << 64 | low for high, low in zip(*self._ids, strict=True)}

    def keep(self, count: int) -> None:
        """Make room for a retained history of ``count`` events, so that none of it is forgotten and counted again."""
        self._kept = max(_LEAST_KEPT, 2 * count)

    def add(self, at: float, event_id: int, state: State, *, counted: bool, health: Health = "unknown") -> list[Change]:
        """Put an event where it belongs; the counted steps that this made and unmade."""
        index = self._place(at, event_id)
        before = self._states[index - 1] if index else None
        after = self._states[index] if index < len(self._states) else None
        changes: list[Change] = []
        if index or not self._trimmed:
            changes = self._changes(before, state, after, counted=counted, after_counted=self._is_counted(index))
        self._insert(index, at, event_id, before if before == state else after if after == state else state, counted)
        self._healths.insert(index, _HEALTH_NUMBERS[health])
        del self._healths[: -len(self)]
        return changes

    def since(self, dimension: int) -> tuple[float | None, bool]:
        """When the last event's status of a dimension began, and whether its beginning was seen."""
        start: float | None = None
        last = self._states[-1] if self._states else None
        for index in range(len(self._states) - 1, -1, -1):
            state = self._states[index]
            if state is not last and last is not None and state[0][dimension] != last[0][dimension]:
                return start, True
            start = self._times[index]
        return start, False

    def last_failure(self, *, counted: bool = True) -> tuple[float, float | None] | None:
        """The newest run of states with an error: when it began, and when it was over if it is.

        None if there is none, or if it is not counted and only what is ``counted`` is wanted.
        """
        until: float | None = None
        began: int | None = None
        for index in range(len(self._states) - 1, -1, -1):
            if self._states[index][1]:
                began = index
            elif began is not None:
                break
            else:
                until = self._times[index]
        if began is None or (counted and not self._counted[began]):
            return None
        return self._times[began], until

    def _place(self, at: float, event_id: int) -> int:
        index = bisect_left(self._times, at)
        key = (event_id >> 64, event_id & _LOW)
        high, low = self._ids
        while index < len(self._times) and self._times[index] == at and (high[index], low[index]) < key:
            index += 1
        return index

    def _is_counted(self, index: int) -> bool:
        return index < len(self._counted) and bool(self._counted[index])

    @staticmethod
    def _changes(
        before: State | None, state: State, after: State | None, *, counted: bool, after_counted: bool
    ) -> list[Change]:
        made: list[Change] = [(before, state, +1)] if counted and before != state else []
        if after is not None and after_counted and before != state:
            made += [(before, after, -1), (state, after, +1)]
        return made

    def _insert(self, index: int, at: float, event_id: int, state: State, counted: bool) -> None:
        self._times.insert(index, at)
        self._ids[0].insert(index, event_id >> 64)
        self._ids[1].insert(index, event_id & _LOW)
        self._states.insert(index, state)
        self._counted.insert(index, counted)
        if len(self._states) > self._kept:
            self._trimmed = True
            del self._times[0], self._ids[0][0], self._ids[1][0], self._states[0], self._counted[0]


@lru_cache(maxsize=4096)
def shared(state: State) -> State:
    """One object for all states that are equal: there are few, however many events."""
    return state


def _bytes(values: array[Any]) -> bytes:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _array(code: str, raw: bytes) -> array[Any]:
    values: array[Any] = array(code, raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values
