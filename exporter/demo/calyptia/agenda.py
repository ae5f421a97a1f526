"""What is to happen and when: a heap of actions played in virtual time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

Action = Callable[[], object]


class Agenda:
    """Actions in the order of their times; each sees its own time as the present."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._playing: float | None = None
        self._reached = -math.inf

    def now(self) -> float:
        """Give the time of the action being played, else the clock's, never behind what was played."""
        return max(self._clock(), self._reached) if self._playing is None else self._playing

    def at(self, when: float, action: Action) -> None:
        """Have `action` happen at the unix time `when`."""
        heapq.heappush(self._heap, (when, next(self._order), action))

    def advance(self, now: float) -> None:
        """Play everything due up to and including `now`; within an action this does nothing."""
        if self._playing is not None:
            return
        try:
            while self._heap and self._heap[0][0] <= now:
                self._playing, _, action = heapq.heappop(self._heap)
                action()
        finally:
            self._playing = None
        self._reached = max(self._reached, now)
