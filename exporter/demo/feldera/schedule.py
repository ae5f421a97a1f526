"""Virtual time: a clock that stands still during an action, and a heap of actions yet to come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Action = Callable[[], None]


class Schedule:
    """Executes planned actions in order of their times, each at its own time. Seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Action]] = []
        self._count = 0
        self._virtual: float | None = None
        self._last = float("-inf")

    def now(self) -> float:
        """The virtual time inside an action, else the clock's; it never goes back."""
        return self._virtual if self._virtual is not None else max(self._clock(), self._last)

    def now_us(self) -> int:
        """The same in microseconds."""
        return round(self.now() * 1_000_000)

    def at(self, when: float, action: Action) -> None:
        """Plan an action; one whose time has passed runs at the next advance, without turning time back."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, action))

    def earliest(self) -> float | None:
        """When the next action is due."""
        return self._heap[0][0] if self._heap else None

    def advance(self, now: float) -> None:
        """Execute everything due until `now`, also what these actions plan."""
        if self._virtual is not None:
            return
        while self._heap and self._heap[0][0] <= now:
            when, _, action = heapq.heappop(self._heap)
            self._run(max(when, self._last), action)

    def _run(self, when: float, action: Action) -> None:
        self._virtual = self._last = when
        try:
            action()
        finally:
            self._virtual = None

    @contextmanager
    def action(self) -> Iterator[None]:
        """Catch up, then hold time still for the body, then do what the body planned for this very moment."""
        if self._virtual is not None:
            yield
            return
        now = self.now()
        self.advance(now)
        self._virtual = self._last = now = max(now, self._last)
        try:
            yield
        finally:
            self._virtual = None
        self.advance(now)
