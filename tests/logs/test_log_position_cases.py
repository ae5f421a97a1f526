"""What is new after a connect, case by case: first sight, gaps, stalls, lines that repeat, headers that say nothing."""

from __future__ import annotations

import pytest

from tests.logs.buffers import Reader, Runner, seconds


@pytest.mark.parametrize("cursor", [True, False])
def test_what_was_there_before_is_not_counted(cursor: bool) -> None:
    """At first sight of a pipeline that was there when the exporter began, lines count that are dated later."""
    runner, reader = Runner(cursor=cursor), Reader(after=seconds(50))
    runner.write(100)
    reader.connect(runner)
    reader.hand_over()
    assert reader.missing(runner.written) == runner.written[:51]
    assert reader.lost == 0


@pytest.mark.parametrize("cursor", [True, False])
def test_a_replay_that_stalls_at_first_sight(cursor: bool) -> None:
    """Old lines that come after a pause in the replay are still old; once the replay is surely over all lines count."""
    runner, reader = Runner(cursor=cursor), Reader(after=seconds(50))
    runner.write(60)
    replay = reader.open(runner).splitlines(keepends=True)
    reader.replayed(b"".join(replay[:20]))
    reader.live(b"".join(replay[20:40]))
    reader.hand_over()
    assert reader.counted.total() == 0
    reader.live(b"".join(replay[40:]))
    reader.hand_over()
    assert reader.missing(runner.written) == runner.written[:51]
    late = Reader(after=seconds(50_000))
    late.connect(runner)
    late.progress.trust()
    late.live(b"".join(runner.write(3)))
    late.hand_over()
    assert late.counted.total() == 3


def test_a_panic_right_after_the_replay_counts() -> None:
    """Lines without a time that come once the replay was read are no part of it."""
    runner, reader = Runner(cursor=False), Reader(after=seconds(1000))
    reader.connect(runner)
    reader.live(b"".join(runner.write(7, plain=True)))
    reader.hand_over()
    assert reader.counted.total() == 7


@pytest.mark.parametrize("cursor", [True, False])
def test_a_gap_is_told(cursor: bool) -> None:
    """Lines that were discarded before they could be read are counted as lost, all of them."""
    runner, reader = Runner(cursor=cursor, most_lines=100), Reader()
    reader.connect(runner)
    reader.hand_over()
    runner.write(1000)
    reader.connect(runner)
    reader.hand_over()
    assert (reader.counted.total(), reader.lost) == (101, 900)


def test_a_gap_of_unknown_size_counts_one() -> None:
    """A buffer that has nothing in common with what was read, and tells of nothing discarded, is one line lost."""
    runner, reader = Runner(cursor=False), Reader()
    runner.write(100)
    reader.connect(runner)
    reader.hand_over()
    runner.write(50)
    reader.open(runner)
    reader.replayed(b"".join(runner.written[120:]))
    reader.hand_over()
    assert (reader.lost, reader.missing(runner.written)) == (1, runner.written[101:120])


def test_lines_that_repeat() -> None:
    """A log of the same few lines over and over: what is not sure to be new is not counted."""
    runner, reader = Runner(cursor=False), Reader()
    reader.connect(runner)
    same = [b"tick\n", b"tock\n"] * 100
    runner.buffer.append(same)
    reader.live(b"".join(same))
    reader.hand_over()
    reader.connect(runner)
    reader.hand_over()
    assert reader.counted.total() == 201
    runner.buffer.append([b"tick\n", *runner.write(1)])
    reader.connect(runner)
    reader.hand_over()
    assert reader.counted.total() >= 202


def test_a_server_that_goes_back() -> None:
    """A cursor is not believed blindly: lines before it, sent again, do not count again."""
    runner, reader = Runner(cursor=True), Reader()
    runner.write(20)
    reader.connect(runner)
    reader.hand_over()
    new = runner.write(5)
    reader.progress.opened({"feldera-logs-epoch": "epoch-1", "feldera-logs-seq": "10", "feldera-logs-gap": "0"})
    reader.replayed(b"".join(runner.written[10:]))
    reader.hand_over()
    assert (reader.twice(), reader.missing(new)) == ([], [])
    assert (reader.position.number, reader.position.exact) == (26, True)


@pytest.mark.parametrize("headers", [
    {"feldera-logs-epoch": "e"}, {"feldera-logs-seq": "3"}, {"feldera-logs-epoch": "", "feldera-logs-seq": "3"},
    {"feldera-logs-epoch": "e", "feldera-logs-seq": "-3"}, {"feldera-logs-epoch": "e", "feldera-logs-seq": "9" * 30},
])  # fmt: skip
def test_headers_that_say_nothing(headers: dict[str, str]) -> None:
    """Without both headers, as they should be, the server is one without a cursor."""
    runner, reader = Runner(cursor=True), Reader()
    runner.write(20)
    reader.connect(runner)
    reader.hand_over()
    reader.progress.opened(headers)
    assert (reader.progress.replays, reader.progress.is_exact) == (True, False)
    reader.replayed(b"".join(runner.written))
    reader.hand_over()
    assert reader.twice() == []


@pytest.mark.parametrize("restarts", [False, True])
def test_an_answer_without_anything_changes_nothing(restarts: bool) -> None:
    """A page of a proxy, or a gzip that breaks off: neither numbers nor a line. The cursor before it still holds."""
    runner, reader = Runner(cursor=True), Reader()
    runner.write(20, plain=True)
    reader.connect(runner)
    reader.hand_over()
    cursor = reader.progress.cursor
    for _ in range(2):
        reader.progress.opened({})
        reader.replayed(b"")
        reader.live(b"")
        reader.hand_over()
    assert reader.progress.cursor == cursor
    if restarts:
        reader.crash()
    runner.write(30, plain=True)
    reader.connect(runner)
    reader.hand_over()
    assert (reader.counted.total(), reader.lost) == (51, 0)


def test_a_position_is_small() -> None:
    """What is kept of a log to go on from is less than a kilobyte, however much was read."""
    runner, reader = Runner(cursor=False), Reader()
    reader.connect(runner)
    for _ in range(50):
        reader.live(b"".join(runner.write(200)))
    reader.hand_over()
    assert len(reader.position.tail) == 64
    assert len(repr(reader.position)) < 2000
