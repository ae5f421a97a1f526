"""The simulator's own record of every event ever written, against which an exporter's counters are compared."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from exporter.demo.feldera.rows import Event

_DIMENSIONS = ("resources", "runtime", "program", "storage")


class Counts(Struct):
    """What happened to one pipeline: events, has_error edges, and transitions by (dimension, new status)."""

    events: int = 0
    failures: int = 0
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, before: Event | None, event: Event) -> None:
        """Count one event that follows another; the first of a pipeline has none before it."""
        self.events += 1
        self.failures += event.has_error and not (before and before.has_error)
        if before is not None:
            self.transitions.update(_transitions(before, event))


def _transitions(before: Event, event: Event) -> list[tuple[str, str]]:
    """The changes between two events; becoming null is none."""
    statuses = ((name, getattr(before, name), getattr(event, name)) for name in _DIMENSIONS)
    return [(name, new) for name, old, new in statuses if new is not None and new != old]


class Journal:
    """Keeps all events of all pipelines, also pruned ones and those of deleted pipelines, if it is switched on."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.events: dict[str, list[Event]] = {}
        self.names: dict[str, str] = {}

    def record(self, pipeline_id: str, name: str, event: Event) -> None:
        """Note an event; `name` is what the pipeline is called now."""
        if self.enabled:
            self.events.setdefault(pipeline_id, []).append(event)
            self.names[pipeline_id] = name

    def counts(self, pipeline_id: str, since: float = 0.0) -> Counts:
        """Count the events recorded at `since` (seconds) or later; earlier ones only say what was before."""
        counts, before = Counts(), None
        for event in sorted(self.events.get(pipeline_id, ()), key=lambda event: event.order):
            if event.at_us >= since * 1_000_000:
                counts.add(before, event)
            before = event
        return counts
