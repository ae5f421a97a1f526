"""The simulated database: pipelines by id and by name, and the monitor event that every write leaves behind."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Mapping
from typing import Any

from exporter.demo.feldera.errors import NAME_PATTERN, bad_name, duplicate_name, unknown_pipeline
from exporter.demo.feldera.identity import Ids, uuid_text
from exporter.demo.feldera.journal import Journal
from exporter.demo.feldera.rows import PROVISIONED, Event, Row
from exporter.demo.feldera.schedule import Schedule

_CLEANUP_US = 30_000_000
_NAME = re.compile(NAME_PATTERN)
_DATED = frozenset({"program", "storage", "resources", "resources_desired", "runtime", "runtime_desired"})


class Ledger:
    """Rows and events. `revision` grows with every change, so that a reader can tell whether it must look again."""

    def __init__(self, schedule: Schedule, ids: Ids, *, retention: int, version: str, journal: Journal) -> None:
        self._schedule = schedule
        self._ids = ids
        self._version = version
        self._names: dict[str, Row] = {}
        self.retention = retention
        self.journal = journal
        self.rows: dict[str, Row] = {}
        self.revision = 0

    def find(self, name: str) -> Row:
        """The row of this name, or UnknownPipelineName."""
        row = self._names.get(name)
        if row is None:
            raise unknown_pipeline(name)
        return row

    def has(self, name: str) -> bool:
        """Whether a pipeline has this name."""
        return name in self._names

    def insert(self, name: str, fields: dict[str, Any]) -> Row:
        """A new pipeline with its first event. Raises for a bad or a taken name."""
        self._check_name(name)
        now = self._schedule.now_us()
        row = Row(
            id=self.new_id(), name=name, created_us=now, platform_version=self._version, pruned_us=now,
            program_since=now, resources_since=now, resources_desired_since=now, storage_since=now,
        )  # fmt: skip
        self._names[name] = self.rows[row.id] = row
        self.record(row, fields)
        return row

    def delete(self, row: Row) -> None:
        """Forget a pipeline and its events; the journal does not."""
        del self._names[row.name], self.rows[row.id]
        self._changed(row)

    def rename(self, row: Row, name: str) -> None:
        """Give a pipeline another name; its id and history stay. Writes no event by itself."""
        if name != row.name:
            self._check_name(name)
            del self._names[row.name]
            self._names[name] = row
            row.name = name

    def new_id(self) -> str:
        """A fresh identifier as text."""
        return uuid_text(self._ids.next(self._schedule.now_us()))

    def edit(self, row: Row, **values: object) -> None:
        """Set columns without an event. A `_since` moves only when its value changes, and is null with it."""
        now = self._schedule.now_us()
        for column, value in values.items():
            if column in _DATED and getattr(row, column) != value:
                setattr(row, f"{column}_since", None if value is None else now)
            setattr(row, column, value)
        self._changed(row)

    def write(self, row: Row, *, bump: bool = False, **values: object) -> Event:
        """Set columns and record the event; `bump` raises refresh_version."""
        return self.record(row, values, bump=bump)

    def record(self, row: Row, values: Mapping[str, object], *, bump: bool = False, late_us: int = 0) -> Event:
        """The same for a mapping of columns; `late_us` dates the event back."""
        self.edit(row, **values)
        row.refresh_version += bump
        now = self._schedule.now_us()
        if bump and row.resources == PROVISIONED:
            row.beat_us = now
        event = row.snapshot(now - late_us, self._ids.next(now))
        self._store(row, event)
        return event

    def events(self, row: Row) -> list[Event]:
        """The retained events, oldest first."""
        self._prune(row)
        return row.events

    def _store(self, row: Row, event: Event) -> None:
        if row.events and event.order < row.events[-1].order:
            insort(row.events, event, key=lambda stored: stored.order)
        else:
            row.events.append(event)
        self.journal.record(row.id, row.name, event)
        self._prune(row)

    def _prune(self, row: Row) -> None:
        now = self._schedule.now_us()
        if now - row.pruned_us >= _CLEANUP_US:
            row.pruned_us = now
            del row.events[: -self.retention]

    def _changed(self, row: Row) -> None:
        self.revision += 1
        row.revision = self.revision

    def _check_name(self, name: str) -> None:
        if len(name.encode()) > 63 or not _NAME.fullmatch(name):
            raise bad_name(name)
        if name in self._names:
            raise duplicate_name()
