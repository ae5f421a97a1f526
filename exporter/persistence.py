"""Counters that survive a restart: one SQLite file, in which a counter and the events it covers change together.

A pipeline's history is one row, so it is there whole or not at all; all rows that changed since the last write go
into one transaction, and a page is shown only after the counters on it were written.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import msgspec
import structlog

from exporter.errors import StateError
from exporter.statefile import Batch, Row, StateFile
from exporter.store import Change, SourceFacts

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 10.0
_AT_ONCE = 200  # pipelines whose rows are made in one step: a few milliseconds
_ROUNDS = 5


class Saver:
    """Collects what changed and writes it; while that fails, everything waits and goes on from memory."""

    def __init__(self, file: StateFile | None, *, written: Callable[[bool], None]) -> None:
        self._file = file
        self._written = written
        self._facts: dict[str, SourceFacts] = {}
        self._sources: set[str] = set()
        self._pipelines: set[tuple[str, str]] = set()
        self._alerts: dict[tuple[str, str], bytes | None] = {}
        self._writing = asyncio.Lock()
        self._failing = False
        self._retry_at = 0.0
        if file:
            written(True)

    def restore(self, facts: SourceFacts) -> None:
        """Begin to keep a source, from what was kept of it."""
        if self._file:
            try:
                self._file.restore(facts)
            except (sqlite3.Error, msgspec.MsgspecError) as error:
                message = f"state.path: {self._file.path}: what it says of source {facts.name} cannot be read"
                raise StateError(f"{message}; move the file away to begin anew") from error

    def note(self, facts: SourceFacts, change: Change) -> None:
        """Remember that a source and these pipelines of it are to be written."""
        if self._file:
            self._facts[facts.name] = facts
            self._sources.add(facts.name)
            self._pipelines.update((facts.name, key) for key in chain(change.changed, change.removed))

    def restore_alerts(self) -> list[Row]:
        """The rows about alerts that were written: kind, key, facts."""
        if self._file is None:
            return []
        try:
            return self._file.alerts()
        except sqlite3.Error as error:
            message = f"state.path: {self._file.path}: what it says of alerts cannot be read"
            raise StateError(f"{message}; move the file away to begin anew") from error

    def note_alerts(self, rows: Iterable[tuple[str, str, bytes | None]]) -> None:
        """Remember rows about alerts that are to be written; without facts: to be removed."""
        if self._file:
            self._alerts.update(((kind, key), facts) for kind, key, facts in rows)

    async def flush(self) -> None:
        """Write what changed; returns when it is on disk, or when it failed and waits for another time.

        Whoever gives up waiting does not end the writing.
        """
        await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        async with self._writing:
            if self._file and (self._sources or self._alerts) and time.monotonic() >= self._retry_at:
                await self._write(self._file)

    async def close(self) -> None:
        """Write what is left and let go of the file."""
        if self._file:
            self._retry_at = 0.0
            await self.flush()
            await asyncio.to_thread(self._file.close)
            self._file = None

    async def _write(self, file: StateFile) -> None:
        batch = await self._batch()
        try:
            await asyncio.to_thread(file.write, batch)
            self._note_success()
        except sqlite3.Error as error:
            self._put_back(batch)
            self._note_failure(error)

    async def _batch(self) -> Batch:
        """What changed, as it is at one moment, put together without holding the event loop for long.

        A pipeline that changes again meanwhile has its row made again. The last few are made in one step with the
        rows of the sources, which count what all pipelines brought.
        """
        rows: dict[tuple[str, str], bytes | None] = {}
        for _ in range(_ROUNDS):
            if len(self._pipelines) <= _AT_ONCE:
                break
            for part in _parts(self._take_pipelines()):
                rows.update((key, self._pipeline_row(*key)) for key in part)
                await asyncio.sleep(0)
        rows.update((key, self._pipeline_row(*key)) for key in self._take_pipelines())
        sources, self._sources = self._sources, set()
        alerts, self._alerts = self._alerts, {}
        return Batch(
            sources=[self._source_row(source) for source in sources],
            pipelines=[(*key, row) for key, row in rows.items() if row is not None],
            removed=[key for key, row in rows.items() if row is None],
            alerts=[(*key, row) for key, row in alerts.items() if row is not None],
            alerts_removed=[key for key, row in alerts.items() if row is None],
        )

    def _take_pipelines(self) -> list[tuple[str, str]]:
        taken, self._pipelines = list(self._pipelines), set()
        return taken

    def _pipeline_row(self, source: str, key: str) -> bytes | None:
        history = self._facts[source].history.pipelines.get(key)
        return msgspec.msgpack.encode(history.saved()) if history else None

    def _source_row(self, source: str) -> Row:
        facts = self._facts[source]
        return source, facts.kind, msgspec.msgpack.encode(facts.history.saved())

    def _put_back(self, batch: Batch) -> None:
        """What could not be written waits; what was noted meanwhile is newer."""
        self._sources.update(source for source, _, _ in batch.sources)
        self._pipelines.update((source, key) for source, key, _ in batch.pipelines)
        self._pipelines.update(batch.removed)
        gone: dict[tuple[str, str], bytes | None] = dict.fromkeys(batch.alerts_removed)
        self._alerts = gone | {(kind, key): row for kind, key, row in batch.alerts} | self._alerts

    def _note_success(self) -> None:
        if self._failing:
            log.info("the state file can be written again")
        self._failing = False
        self._written(True)

    def _note_failure(self, error: sqlite3.Error) -> None:
        if not self._failing:
            log.error("the state file cannot be written; counters go on from memory", err=str(error))
        self._failing = True
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        self._written(False)


def _parts(keys: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
