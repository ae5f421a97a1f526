"""The state file: SQLite, its migrations, and what is done with one that cannot be used."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from exporter.errors import StateError
from exporter.history import PipelineHistory
from exporter.history.pipeline import SavedPipeline
from exporter.history.source import SavedSource
from exporter.store import SourceFacts

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
