"""A trace session and the records Fluent Bit's tap sends into it, in all the forms the wire knows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec
from msgspec import UNSET, UnsetType

from exporter.demo.calyptia.times import go_duration, nanoseconds, rfc3339
from exporter.demo.calyptia.wire import Entry, TraceRecord, TraceSession

INPUT, FILTER, PRE_OUTPUT, OUTPUT = 1, 2, 3, 4
"""The types of trace records."""


class Tap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one trace record shall say; what is left out is as Fluent Bit does it for this type.

    Defaults: output (type 4) has return code 1 and no `records`, other types have the zero value 0 and one
    record whose payload holds the planted secret; times are whole unix seconds; no alias.
    """

    type: int
    plugin: str
    alias: str | UnsetType | None = UNSET
    return_code: int | UnsetType | None = UNSET
    without_return_code: bool = False
    records: object = UNSET
    start_time: object = UNSET
    end_time: object = UNSET
    trace_id: str = "trace_0"


class SimSession:
    """One trace session: its body, when it ends, and its newest records."""

    def __init__(self, entry: Entry[TraceSession], *, started: float, lifespan: float, record_limit: int) -> None:
        self.entry = entry
        self.started = started
        self.lifespan = lifespan
        self.terminated = False
        self.records: deque[Entry[TraceRecord]] = deque(maxlen=record_limit)

    @property
    def end(self) -> float:
        """When it ends or ended, unix seconds."""
        return self.started + self.lifespan

    def active(self, now: float) -> bool:
        """Tell whether it has not ended yet."""
        return not self.terminated and self.end >= now

    def terminate(self, now: float) -> None:
        """End it now, by making its lifespan shorter as the server does."""
        if self.active(now):
            self.terminated = True
            self.lifespan = max(0.0, now - self.started)
            self.entry.change(lifespan=go_duration(self.lifespan), updated_at=rfc3339(now))

    def newest_first(self) -> Iterator[Entry[TraceRecord]]:
        """Give the retained records, newest first."""
        return reversed(self.records)


def written_lifespan(seconds: float, *, as_number: bool) -> str | int:
    """Write a lifespan as a Go duration string, or as a number of nanoseconds."""
    return nanoseconds(seconds) if as_number else go_duration(seconds)


def build_record(tap: Tap, *, record_id: str, session_id: str, now: float, variant: int, secret: str) -> TraceRecord:
    """Give the body of a trace record received at `now`."""
    return TraceRecord(
        id=record_id,
        session_id=session_id,
        type=tap.type,
        trace_id=tap.trace_id,
        start_time=int(now) if tap.start_time is UNSET else tap.start_time,
        end_time=int(now) if tap.end_time is UNSET else tap.end_time,
        plugin_instance=tap.plugin,
        plugin_alias=tap.alias,
        return_code=_return_code(tap),
        records=_records(tap, now, secret),
        created_at=rfc3339(now, variant=variant),
    )


def payload(now: float, secret: str) -> list[object]:
    """Give one traced log line, secret included."""
    return [{"timestamp": int(now), "record": {"log": f"POST /login password={secret}", "level": "info"}}]


def _return_code(tap: Tap) -> int | UnsetType | None:
    if tap.without_return_code:
        return UNSET
    if tap.return_code is UNSET:
        return 1 if tap.type == OUTPUT else 0
    return tap.return_code


def _records(tap: Tap, now: float, secret: str) -> object:
    if tap.records is UNSET and tap.type != OUTPUT:
        return payload(now, secret)
    return tap.records
