"""The state file: what is written is read back, and a file that must not be touched is not touched."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import StateError
from exporter.history.pipeline import PipelineHistory, SavedPipeline
from exporter.model import (
    DeploymentError,
    Dimension,
    Event,
    Fact,
    FailureRead,
    HistoryRead,
    Note,
    Pipeline,
    Snapshot,
    Status,
    TraceRead,
    TraceRecord,
    TraceSession,
)
from exporter.persistence import Saver
from exporter.statefile import MIGRATIONS, StateFile, open_state
from exporter.store import SourceFacts

DIMENSIONS = (Dimension("a", ("x", "y", "z"), "A."), Dimension("b", ("u", "v"), "B."))
ONE = Pipeline(id="one", name="one", statuses={"a": Status("x")}, health="healthy")


def source(kind: str = "test") -> SourceFacts:
    """A source of which nothing is known."""
    return SourceFacts("prod", kind=kind, dimensions=DIMENSIONS)


def event(number: int, a: str | None, *, error: bool = False) -> Event:
    """An event at its number."""
    return Event(f"event-{number:04}", float(number), (a, "u"), error, notes=(Note("pod", "OOMKilled", float(number)),))


def apply(facts: SourceFacts, saver: Saver, *new: Fact) -> None:
    """Take in facts and remember what they changed."""
    for fact in new:
        saver.note(facts, facts.apply(fact))


async def reopened(path: Path, facts: SourceFacts, saver: Saver) -> tuple[SourceFacts, Saver]:
    """The same source in the next process."""
    await saver.close()
    state = open_state(path)
    assert state is not None
    following, again = Saver(state, written=lambda _: None), source()
    following.restore(again)
    return again, following


def new_saver(path: Path, written: list[bool] | None = None) -> Saver:
    """A saver on a state file."""
    state = open_state(path)
    assert state is not None
    return Saver(state, written=(written if written is not None else []).append)


async def test_everything_that_is_counted_survives(tmp_path: Path) -> None:
    """Counters, time in state, durations, notes, traces and gaps are the same in the next process."""
    path, facts = tmp_path / "state.db", source()
    saver = new_saver(path)
    apply(facts, saver, Snapshot(10.0, changed=(ONE,)))
    apply(facts, saver, HistoryRead("one", (event(5, "x"), event(12, "y"), event(14, "z", error=True))))
    apply(facts, saver, HistoryRead("one", (event(90, "z"), event(91, "x"))))
    record = TraceRecord("r1", 20.0, 20.0, stage="output", plugin="http.0", result="ok")
    apply(facts, saver, TraceRead("one", TraceSession("s", 99.0, True), (record,)))
    apply(facts, saver, Snapshot(100.0))
    again, following = await reopened(path, facts, saver)
    assert again.history.saved() == facts.history.saved()
    assert again.history.pipelines["one"].saved() == facts.history.pipelines["one"].saved()
    assert again.history.gaps == 1
    assert again.history.pipelines["one"].failures == 1
    await following.close()


async def test_what_polls_saw_survives(tmp_path: Path) -> None:
    """Why a pipeline failed, and that it was not well: whoever looks after a restart still reads it."""
    path, facts = tmp_path / "state.db", source()
    saver = new_saver(path)
    failed = msgspec.structs.replace(ONE, health="failed", error=DeploymentError("OutOfMemory", "killed"))
    for as_of, one in ((10.0, ONE), (20.0, failed), (30.0, ONE)):
        apply(facts, saver, Snapshot(as_of, changed=(one,)))
    again, following = await reopened(path, facts, saver)
    assert again.failures["one"] == FailureRead("one", 20.0, DeploymentError("OutOfMemory", "killed"), 30.0)
    assert [at for at, _ in again.history.pipelines["one"].healths] == [10.0, 20.0, 30.0]
    await following.close()


def test_a_file_from_before_polls_were_kept_can_be_read() -> None:
    """Rows without what was added since are restored as if there was nothing of it."""
    facts = source()
    facts.apply(Snapshot(10.0, changed=(ONE,)))
    row: list[object] = msgspec.msgpack.decode(msgspec.msgpack.encode(facts.history.pipelines["one"].saved()))
    restored = PipelineHistory.restored(msgspec.convert(row[:-2], SavedPipeline))
    assert (restored.failure, restored.healths) == (None, ())


@given(st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.booleans()), min_size=1, max_size=20), st.data())
def test_a_restart_anywhere_counts_like_none(states: list[tuple[str | None, bool]], data: st.DataObject) -> None:
    """Saving and restoring between any two reads leaves the counters as one process has them, duplicates included."""
    events = [event(number, status, error=error) for number, (status, error) in enumerate(states, start=20)]
    straight, restarted = source(), source()
    for facts in (straight, restarted):
        facts.apply(Snapshot(10.0, changed=(ONE,)))
    rest = list(events)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        read, rest = rest[:size], rest[size:]
        overlap = events[: events.index(read[0])][-data.draw(st.integers(0, 3)) :]
        straight.apply(HistoryRead("one", tuple(read), complete=False))
        restarted.apply(HistoryRead("one", (*overlap, *read), complete=False))
        if data.draw(st.booleans()):
            pipeline = type(restarted.history.pipelines["one"]).restored(restarted.history.pipelines["one"].saved())
            restarted.history.pipelines["one"] = pipeline
    assert restarted.history.pipelines["one"].saved() == straight.history.pipelines["one"].saved()


async def test_a_pipeline_deleted_meanwhile_is_gone_with_the_first_answer(tmp_path: Path) -> None:
    """What the file remembers of pipelines that no longer exist is dropped, in memory and in the file."""
    path, facts = tmp_path / "state.db", source()
    saver = new_saver(path)
    apply(facts, saver, Snapshot(10.0, changed=(ONE,)))
    again, following = await reopened(path, facts, saver)
    again.reopened()
    apply(again, following, Snapshot(20.0))
    assert again.history.pipelines == {}
    third, last = await reopened(path, again, following)
    assert third.history.pipelines == {}
    await last.close()


async def test_a_name_that_stands_for_another_kind_begins_anew(tmp_path: Path) -> None:
    """A source of another kind does not inherit the counters of its name."""
    path, facts = tmp_path / "state.db", source()
    saver = new_saver(path)
    apply(facts, saver, Snapshot(10.0, changed=(ONE,)))
    await saver.close()
    following, other = new_saver(path), source(kind="other")
    following.restore(other)
    assert other.history.pipelines == {}
    await following.close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A downgrade does not destroy what the newer version wrote."""
    path = tmp_path / "state.db"
    opened = open_state(path)
    assert opened is not None
    opened.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"newer version.*move the file away"):
        open_state(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A path that was mistyped does not cost somebody else's data."""
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(StateError, match="another program's"):
        open_state(path)


@pytest.mark.parametrize("garbage", [b"this is no database, but long enough to be one " * 100, b"SQLite format 3\0"])
def test_a_broken_file_is_set_aside_and_counting_begins_anew(tmp_path: Path, garbage: bytes) -> None:
    """The broken file keeps its bytes under another name, which the log tells."""
    path = tmp_path / "state.db"
    path.write_bytes(garbage)
    with structlog.testing.capture_logs() as logged:
        state = open_state(path)
    assert isinstance(state, StateFile)
    state.close()
    (aside,) = (other for other in tmp_path.iterdir() if ".broken-" in other.name)
    assert aside.read_bytes() == garbage
    assert logged[0]["set_aside"] == str(aside)


def test_a_file_that_cannot_be_made_leaves_memory(tmp_path: Path) -> None:
    """Without a folder to write in the exporter goes on, and says so."""
    with structlog.testing.capture_logs() as logged:
        assert open_state(tmp_path / "nowhere" / "state.db") is None
    assert "memory" in logged[0]["event"]


def test_two_processes_cannot_share_a_file(tmp_path: Path) -> None:
    """The second one is refused with a sentence."""
    path = tmp_path / "state.db"
    state = open_state(path)
    code = "import sys, pathlib, exporter.statefile as p\ntry: p.open_state(pathlib.Path(sys.argv[1]))\n"
    code += "except p.StateError as error: print(error)"
    found = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert state is not None
    state.close()
    assert "is in use by another process" in found.stdout, found.stderr


async def test_a_full_disk_is_ridden_out(tmp_path: Path) -> None:
    """While nothing can be written everything waits in memory; then all of it is written."""
    path, facts, written = tmp_path / "state.db", source(), list[bool]()
    state = open_state(path)
    assert state is not None
    saver = Saver(state, written=written.append)
    limit = state._connection.execute("PRAGMA page_count").fetchone()[0]
    state._connection.execute(f"PRAGMA max_page_count = {limit}")
    many = tuple(Pipeline(id=f"p{n}", name=f"p{n}", statuses={}, health="idle") for n in range(300))
    apply(facts, saver, Snapshot(10.0, changed=many))
    with structlog.testing.capture_logs() as logged:
        await saver.flush()
    assert written == [True, False]
    assert "full" in logged[0]["err"]
    state._connection.execute("PRAGMA max_page_count = 100000")
    saver._retry_at = 0.0
    await saver.flush()
    assert written[-1] is True
    again, following = await reopened(path, facts, saver)
    assert len(again.history.pipelines) == 300
    await following.close()
