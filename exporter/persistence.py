"""Counters that survive a restart: one SQLite file, in which a counter and the events it covers change together.

A pipeline's history is one row, so it is there whole or not at all; all rows that changed since the last write go
into one transaction, and a page is shown only after the counters on it were written.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec
import structlog

from exporter.errors import StateError
from exporter.history import PipelineHistory
from exporter.history.pipeline import SavedPipeline
from exporter.history.source import SavedSource
from exporter.store import Change, SourceFacts

log = structlog.get_logger(__name__)

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE sources (name TEXT PRIMARY KEY, kind TEXT NOT NULL, facts BLOB NOT NULL);
    CREATE TABLE pipelines (
        source TEXT NOT NULL, id TEXT NOT NULL, facts BLOB NOT NULL, PRIMARY KEY (source, id)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE alerts (kind TEXT NOT NULL, key TEXT NOT NULL, facts BLOB NOT NULL, PRIMARY KEY (kind, key));
    """,
)
"""Each script takes the file from the version before (its place in the row) to the next."""

_APPLICATION_ID = 0x70697065
_RETRY_SECONDS = 10.0
_AT_ONCE = 200  # pipelines whose rows are made in one step: a few milliseconds
_ROUNDS = 5

Row = tuple[str, str, bytes]


class Batch(msgspec.Struct):
    """Rows to write in one transaction."""

    sources: list[Row]
    pipelines: list[Row]
    removed: list[tuple[str, str]]
    alerts: list[Row]
    alerts_removed: list[tuple[str, str]]


class StateFile:
    """The file; its methods block and are called from one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def restore(self, facts: SourceFacts) -> None:
        """Give a source the history that was kept for it, if there is one of its kind."""
        row = self._connection.execute("SELECT kind, facts FROM sources WHERE name = ?", (facts.name,)).fetchone()
        if row is None or row[0] != facts.kind:
            with self._transaction():  # the name may stand for a source of another kind now
                self._connection.execute("DELETE FROM pipelines WHERE source = ?", (facts.name,))
            return
        rows = self._connection.execute("SELECT id, facts FROM pipelines WHERE source = ?", (facts.name,))
        saved = {key: msgspec.msgpack.decode(blob, type=SavedPipeline) for key, blob in rows}
        pipelines = {key: PipelineHistory.restored(one) for key, one in saved.items()}
        facts.history.restore(msgspec.msgpack.decode(row[1], type=SavedSource), pipelines)

    def write(self, batch: Batch) -> None:
        """Write all rows, or none. Raises sqlite3.Error."""
        with self._transaction():
            self._connection.executemany("REPLACE INTO sources VALUES (?, ?, ?)", batch.sources)
            self._connection.executemany("REPLACE INTO pipelines VALUES (?, ?, ?)", batch.pipelines)
            self._connection.executemany("DELETE FROM pipelines WHERE source = ? AND id = ?", batch.removed)
            self._connection.executemany("REPLACE INTO alerts VALUES (?, ?, ?)", batch.alerts)
            self._connection.executemany("DELETE FROM alerts WHERE kind = ? AND key = ?", batch.alerts_removed)

    def alerts(self) -> list[Row]:
        """The rows about alerts."""
        return self._connection.execute("SELECT kind, key, facts FROM alerts").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise


def open_state(path: Path) -> StateFile | None:
    """Open the state file, made if it is not there; None if there can be none and memory has to do.

    A broken file is set aside under another name, and a new one begun. Raises StateError if the file must not be
    touched: another process uses it, a newer version wrote it, or it is not ours.
    """
    try:
        return _open(path)
    except _Broken as error:
        aside = _set_aside(path)
        log.error("the state file is broken; it was set aside and counting begins anew", path=str(path),
                  set_aside=str(aside), err=str(error))  # fmt: skip
        return _open(path)
    except (sqlite3.OperationalError, OSError) as error:
        log.error("there can be no state file; counters live in memory only", path=str(path), err=str(error))
        return None


class _Broken(Exception):
    """The file is no database, or a damaged one."""


def _open(path: Path) -> StateFile:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _check(path, connection)
        _migrate(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise StateError(f"state.path: {path} is in use by another process; give each its own file") from error
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _Broken(str(error)) from error
    except BaseException:
        connection.close()
        raise
    return StateFile(path, connection)


def _check(path: Path, connection: sqlite3.Connection) -> None:
    """Whether the file is whole, ours, and of a version this program knows."""
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise _Broken(found)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != _APPLICATION_ID and not is_empty:
        raise StateError(f"state.path: {path} is another program's database; name another file")
    if version > len(MIGRATIONS):
        raise StateError(
            f"state.path: {path} was written by a newer version of pipeline-exporter (format {version}, this one knows "
            f"{len(MIGRATIONS)}); run that version, or move the file away to begin anew"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the present version, a transaction for each step."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        owner = f"PRAGMA application_id = {_APPLICATION_ID}"
        connection.executescript(f"BEGIN IMMEDIATE; {script}; {owner}; PRAGMA user_version = {number}; COMMIT;")


def _set_aside(path: Path) -> Path:
    """Rename the file and what SQLite put beside it; nothing is lost."""
    aside = path.with_name(f"{path.name}.broken-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


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
