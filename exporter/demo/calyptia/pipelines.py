"""A simulated pipeline: its body, its retained status rows and its trace sessions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from exporter.demo.calyptia.times import rfc3339
from exporter.demo.calyptia.traces import SimSession
from exporter.demo.calyptia.wire import Config, Entry, Event, Events, Pipeline, StatusRow

INTERNAL_PREFIX = "health-check-"
"""How the names of the pipelines begin that `exclude_internal` hides."""


class KubeEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Kubernetes event to report; `logged_at` is RFC 3339, absent: the moment of the report."""

    reason: str
    source: str = "k8s:deployment"
    message: str | UnsetType = UNSET
    logged_at: str | None = None


KubeEvents = Sequence[KubeEvent] | None | UnsetType
"""What a report says about events: some, none (`[]`), null, or nothing at all (absent)."""


class SimPipeline:
    """One pipeline as the server keeps it."""

    def __init__(self, entry: Entry[Pipeline], *, instance_id: str, history_limit: int) -> None:
        self.entry = entry
        self.instance_id = instance_id
        self.history: deque[Entry[StatusRow]] = deque(maxlen=history_limit)
        self.sessions: list[SimSession] = []

    @property
    def body(self) -> Pipeline:
        """The pipeline as it is sent."""
        return self.entry.body

    @property
    def internal(self) -> bool:
        """Whether it is one of the operator's own health checks."""
        return self.body.name.startswith(INTERNAL_PREFIX)

    def change(self, now: float, **fields: object) -> None:
        """Replace fields of the body and its time of update."""
        self.entry.change(updated_at=rfc3339(now), **fields)

    def append(self, now: float, row: Entry[StatusRow]) -> None:
        """Add a status row, which becomes the current status."""
        self.history.append(row)
        self.change(now, status=row.body)

    def newest_first(self) -> Iterator[Entry[StatusRow]]:
        """Give the retained status rows, newest first."""
        return reversed(self.history)

    def active_session(self, now: float) -> SimSession | None:
        """Give the trace session that has not ended, if there is one."""
        newest = self.sessions[-1] if self.sessions else None
        return newest if newest is not None and newest.active(now) else None


def status_row(now: float, *, row_id: str, config: Config, status: str, events: KubeEvents, variant: int) -> StatusRow:
    """Give the row a report at `now` leaves behind."""
    created = rfc3339(now, variant=variant)
    return StatusRow(row_id, config, status, created, _wire_events(events, now))


def _wire_events(events: KubeEvents, now: float) -> Events:
    if events is None:
        return None
    if isinstance(events, UnsetType):
        return UNSET
    return [Event(e.source, e.reason, e.logged_at or rfc3339(now), e.message) for e in events]
