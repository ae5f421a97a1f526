"""Alerts in the state file: a file from before there were any, rows that change, and a disk that is full."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from exporter.errors import StateError
from exporter.persistence import Saver
from exporter.statefile import MIGRATIONS, StateFile, open_state

ROW = ("alert", '["a"]', b"facts")
OTHER = ("handled", '["a"]', b"other")


def opened(path: Path) -> StateFile:
    """The file, opened."""
    state = open_state(path)
    assert state is not None
    return state


async def test_rows_are_there_in_the_next_life(tmp_path: Path) -> None:
    """The newest of each kind and key; what was taken out is gone."""
    path = tmp_path / "state.db"
    saver = Saver(opened(path), written=lambda worked: None)
    saver.note_alerts([ROW, OTHER, ("alert", "gone", b"x")])
    await saver.flush()
    saver.note_alerts([("alert", "gone", None), (*ROW[:2], b"newer")])
    await saver.close()
    following = Saver(opened(path), written=lambda worked: None)
    assert sorted(following.restore_alerts()) == [(*ROW[:2], b"newer"), OTHER]
    await following.close()


async def test_a_file_from_before_is_brought_up_to_date(tmp_path: Path) -> None:
    """A file of the first version keeps what it has, and can keep alerts."""
    path = tmp_path / "state.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE alerts")
        connection.execute("INSERT INTO sources VALUES ('prod', 'feldera', x'00')")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    saver = Saver(opened(path), written=lambda worked: None)
    assert saver.restore_alerts() == []
    saver.note_alerts([ROW])
    await saver.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT kind, key, facts FROM alerts").fetchall() == [ROW]
        assert connection.execute("SELECT name FROM sources").fetchall() == [("prod",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


async def test_rows_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    """What could not be written is written later; what changed meanwhile wins."""
    path, written = tmp_path / "state.db", list[bool]()
    state = opened(path)
    saver = Saver(state, written=written.append)
    pages = state._connection.execute("PRAGMA page_count").fetchone()[0]
    state._connection.execute(f"PRAGMA max_page_count = {pages}")
    saver.note_alerts([("alert", str(number), b"x" * 10_000) for number in range(100)])
    await saver.flush()
    assert written[-1] is False
    saver.note_alerts([("alert", "0", b"newer"), ("alert", "1", None)])
    state._connection.execute("PRAGMA max_page_count = 100000")
    await saver.close()
    assert written[-1] is True
    following = Saver(opened(path), written=lambda worked: None)
    rows = {key: facts for _, key, facts in following.restore_alerts()}
    assert (len(rows), rows["0"], "1" in rows) == (99, b"newer", False)
    await following.close()


async def test_without_a_file_nothing_is_kept() -> None:
    """Memory only: nothing to restore, nothing piles up."""
    saver = Saver(None, written=lambda worked: None)
    saver.note_alerts([ROW])
    await saver.flush()
    assert saver.restore_alerts() == []


async def test_a_table_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """The exporter does not start with half a memory; the sentence says what to do."""
    state = opened(tmp_path / "state.db")
    state._connection.execute("DROP TABLE alerts")
    saver = Saver(state, written=lambda worked: None)
    with pytest.raises(StateError, match="what it says of alerts cannot be read; move the file away"):
        saver.restore_alerts()
    await saver.close()
