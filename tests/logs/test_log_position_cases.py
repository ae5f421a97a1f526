"""What is new after a connect, case by case: first sight, gaps, stalls, lines that repeat, headers that say nothing."""

from __future__ import annotations

from collections import Counter

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
    reader.read(b"".join(replay[:20]))
    reader.read(b"".join(replay[20:40]))
    reader.hand_over()
    assert reader.counted.total() == 0
    reader.read(b"".join(replay[40:]))
    reader.hand_over()
    assert reader.missing(runner.written) == runner.written[:51]


@pytest.mark.parametrize("cursor", [True, False])
def test_a_silence_at_first_sight(cursor: bool) -> None:
    """After a second of it all lines are new, whatever their time, unless they came before."""
    runner, reader = Runner(cursor=cursor), Reader(after=seconds(1000))
    old = runner.write(50)
    reader.connect(runner)
    reader.wait(0.5)
    reader.read(b"".join(runner.write(3, plain=True)))
    reader.hand_over()
    assert reader.counted.total() == 0
    reader.wait(1)
    reader.read(b"".join([b"[p] 2020-01-01T00:00:00Z  INFO target: dated long ago\n", *old, b"not dated\n"]))
    reader.hand_over()
    assert reader.counted.total() == 1
    reader.read(b"".join([*runner.write(1), *runner.write(3, plain=True)]))
    reader.hand_over()
    assert reader.counted.total() == 5


@pytest.mark.parametrize("cursor", [True, False])
def test_an_empty_buffer_at_first_sight(cursor: bool) -> None:
    """When nothing came for two seconds there is no buffer: what comes is new, whatever its time."""
    runner, reader = Runner(cursor=cursor), Reader(after=seconds(1000))
    reader.open(runner)
    reader.wait(1)
    reader.read(b"".join(runner.write(3)))
    reader.hand_over()
    assert reader.counted.total() == 0
    reader = Reader(after=seconds(1000))
    reader.open(runner)
    reader.wait(2)
    reader.read(b"".join(runner.write(3)))
    reader.hand_over()
    assert reader.counted.total() == 3


@pytest.mark.parametrize("cursor", [True, False])
def test_what_comes_after_a_quiet_first_sight(cursor: bool) -> None:
    """What was passed over then stays so, and what comes while the stream is closed is found again by its place."""
    runner, reader = Runner(cursor=cursor), Reader(after=seconds(1000))
    runner.write(50, plain=True)
    reader.connect(runner)
    reader.wait(5)
    reader.hand_over()
    reader.crash()
    new = runner.write(7, plain=True)
    reader.connect(runner)
    reader.hand_over()
    assert reader.counted == Counter(new)


def test_a_silence_before_the_first_line_ends_no_replay() -> None:
    """A server that takes its time begins its replay later."""
    runner, reader = Runner(cursor=False), Reader()
    runner.write(50, plain=True)
    reader.connect(runner)
    reader.hand_over()
    replay = reader.open(runner)
    reader.wait(60)
    reader.read(replay)
    reader.hand_over()
    assert reader.too_many(runner) == Counter()


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
    reader.read(b"".join(runner.written[120:]))
    reader.hand_over()
    assert (reader.lost, reader.missing(runner.written)) == (1, runner.written[101:120])


def test_lines_that_repeat() -> None:
    """A log of the same few lines over and over: what is not sure to be new is not counted."""
    runner, reader = Runner(cursor=False), Reader()
    reader.connect(runner)
    same = [b"tick\n", b"tock\n"] * 100
    runner.buffer.append(same)
    reader.read(b"".join(same))
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
    reader.read(b"".join(runner.written[10:]))
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
    assert reader.progress.is_catching_up
    reader.read(b"".join(runner.written))
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
        reader.read(b"")
        reader.read(b"")
        reader.hand_over()
    assert reader.progress.cursor == cursor
    if restarts:
        reader.crash()
    runner.write(30, plain=True)
    reader.connect(runner)
    reader.hand_over()
    assert (reader.counted.total(), reader.lost) == (51, 0)


def test_a_position_is_small() -> None:
    """What is kept of a log to go on from is a few numbers, however much was read."""
    runner, reader = Runner(cursor=False), Reader()
    reader.connect(runner)
    for _ in range(50):
        reader.read(b"".join(runner.write(200)))
    reader.hand_over()
    assert len(reader.position.tail) == 1
    assert len(repr(reader.position)) < 200
