"""What a pipeline was at every time: its events, reduced to times and shared states."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from exporter.model import Dimension, Event, Health, Pipeline

State: TypeAlias = Mapping[str, str]
"""The present value of each family: a status, a health, or ``0`` or ``1``; a status that is null is not there."""

Point: TypeAlias = tuple[float, State]
"""From this time on it was so."""

HEALTH = "pipeline_health"
HAS_ERROR = "pipeline_deployment_has_error"


def status_family(dimension: str) -> str:
    """The family of a dimension's statuses."""
    return f"pipeline_{dimension}_status"


class States:
    """Every state of one source once: there are few, however many events."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._dimensions = dimensions
        self._families = [status_family(dimension.name) for dimension in dimensions]
        self._known: dict[tuple[tuple[str | None, ...], bool, Health], State] = {}

    def then(self, event: Event) -> State:
        """The state that an event records."""
        return self._state(event.statuses, event.has_error, event.health)

    def now(self, pipeline: Pipeline) -> State:
        """The present state."""
        found = (pipeline.statuses.get(dimension.name) for dimension in self._dimensions)
        statuses = tuple(status.value if status else None for status in found)
        return self._state(statuses, pipeline.error is not None, pipeline.health)

    def _state(self, statuses: tuple[str | None, ...], has_error: bool, health: Health) -> State:
        key = (statuses, has_error, health)
        if key not in self._known:
            pairs = zip(self._families, statuses, strict=True)
            told = {family: status for family, status in pairs if status is not None}
            self._known[key] = {**told, HAS_ERROR: str(int(has_error)), HEALTH: health}
        return self._known[key]


class Past:
    """The history of one pipeline up to ``as_of``, when it was in the state ``now``; 16 bytes an event."""

    def __init__(self, source: str, pipeline: Pipeline, *, as_of: float, now: State) -> None:
        self.labels = (("source", source), ("pipeline", pipeline.id), ("pipeline_name", pipeline.name))
        self.as_of = as_of
        self._now = now
        self._times = array("d")
        self._states: list[State] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, events: Sequence[Event], states: States, *, complete: bool) -> None:
        """Take in events; a complete list replaces what is known."""
        if complete:
            del self._times[:], self._states[:]
        self._times.extend(event.at for event in events)
        self._states.extend(map(states.then, events))

    def points(self, max_age: float) -> list[Point]:
        """When the state was told, in order, the last time by the present one at ``as_of``.

        Of several in one millisecond, the resolution of Prometheus, the last one counts. The state at the time
        that lies ``max_age`` seconds back stands for everything before.
        """
        oldest = self.as_of - max_age
        told = sorted(zip(self._times, self._states, strict=True), key=lambda point: point[0])
        points = [(max(at, oldest), state) for at, state in told if at < self.as_of]
        return list({milliseconds(at): (at, state) for at, state in (*points, (self.as_of, self._now))}.values())


def milliseconds(at: float) -> int:
    """A time as Prometheus keeps it: it reads the text as a number of seconds and cuts off the rest."""
    return int(at * 1000)
