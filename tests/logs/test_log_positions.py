"""Nothing is counted twice, with a cursor and without: reconnects, restarts of either side, discards, other servers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.logs.buffers import Reader, Runner, seconds

COUNTS = st.integers(1, 90)


class Following(RuleBasedStateMachine):
    """A log followed through everything that can happen to its two ends."""

    cursors = st.booleans()
    lines = st.sampled_from([8, 40, 10_000])

    @initialize(cursor=cursors, most_lines=lines)
    def begin(self, cursor: bool, most_lines: int) -> None:
        """Nothing was read before; all of the pipeline is new."""
        self.most_lines = most_lines
        self.runner = Runner(cursor=cursor, most_lines=most_lines)
        self.reader = Reader()
        self.is_whole = True
        self.has_exact_only = cursor

    @rule(count=COUNTS)
    def write(self, count: int) -> None:
        """Lines are logged, and reach a reader who is there."""
        before = self.runner.buffer.discarded
        block = b"".join(self.runner.write(count))
        if self.reader.is_connected:
            self.reader.read(block)
        elif self.runner.buffer.discarded > before:
            self.is_whole = False

    @rule()
    def hand_over(self) -> None:
        """What was read is counted."""
        self.reader.hand_over()

    @precondition(lambda self: not self.reader.is_connected)
    @rule()
    def connect(self) -> None:
        """The stream is opened."""
        self.reader.connect(self.runner)

    @precondition(lambda self: not self.reader.is_connected)
    @rule()
    def connect_in_vain(self) -> None:
        """The stream breaks after its headers, before the replay is whole."""
        self.reader.open(self.runner)

    @rule()
    def disconnect(self) -> None:
        """The stream ends."""
        self.reader.is_connected = False

    @rule()
    def crash(self) -> None:
        """The exporter is killed: what was not handed over is read again, if the buffer still has it."""
        self.reader.crash()
        self.is_whole &= self.runner.buffer.discarded == 0

    @rule()
    def restart_runner(self) -> None:
        """The buffer is lost."""
        self._lose_what_was_not_read()
        self.runner.restart()

    def _lose_what_was_not_read(self) -> None:
        if not self.reader.is_connected:
            self.is_whole = self.has_exact_only = False
        self.reader.hand_over()
        self.reader.is_connected = False

    @rule(restarts=st.booleans())
    def change_version(self, restarts: bool) -> None:
        """Feldera is upgraded or downgraded, or something between begins or ceases to pass its headers on."""
        self._lose_what_was_not_read() if restarts else self.disconnect()
        self.runner.cursor = not self.runner.cursor
        self.has_exact_only = False
        if restarts:
            self.runner.restart()

    @invariant()
    def nothing_is_counted_twice(self) -> None:
        """No line, ever."""
        assert self.reader.twice() == []

    def teardown(self) -> None:
        """In the end every line was counted, or is told as lost as far as the protocol can tell."""
        if not self.reader.is_connected:
            self.reader.connect(self.runner)
        self.reader.hand_over()
        assert self.reader.twice() == []
        if self.is_whole:
            assert self.reader.missing(self.runner.written) == []
            assert self.reader.lost == 0 or not self.has_exact_only
        if self.has_exact_only:
            counted = self.reader.counted.total()
            assert counted + self.reader.lost == len(self.runner.written)


class TestFollowing(Following.TestCase):
    """Hypothesis plays."""

    settings = settings(max_examples=300, stateful_step_count=25, deadline=None)


# A replay that is not what was sent


Lines = list[bytes]


@st.composite
def mutated(draw: st.DrawFn, lines: Lines) -> Lines:
    """Lines cut, repeated, and with their blocks in another order."""
    lines = list(lines)
    for _ in range(draw(st.integers(0, 4))):
        a, b, c = sorted(draw(st.tuples(*[st.integers(0, len(lines))] * 3)))
        match draw(st.sampled_from(["shift", "truncate", "repeat", "swap", "drop"])):
            case "shift":
                lines = lines[a:]
            case "truncate":
                lines = lines[:b]
            case "repeat":
                lines = [*lines[:b], *lines[a:]]
            case "swap":
                lines = [*lines[:a], *lines[b:c], *lines[a:b], *lines[c:]]
            case "drop":
                lines = [*lines[:a], *lines[b:]]
    return lines


@settings(max_examples=400, deadline=None)
@given(st.data(), st.integers(1, 150), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.integers(1, 8))
def test_a_mutated_replay_counts_nothing_twice(data: st.DataObject, first: int, later: list[int], same: int) -> None:
    """Whatever is replayed in place of the buffer, also if many lines have the same time, nothing counts twice."""
    reader, runner = Reader(after=seconds(-1)), Runner(cursor=False, same_time=same)
    runner.write(first)
    reader.connect(runner)
    reader.hand_over()
    for count in later:
        runner.write(count)
        reader.open(runner)
        reader.read(b"".join(data.draw(mutated(runner.written[1:]))))
        reader.hand_over()
        assert reader.twice() == []
    reader.connect(runner)
    reader.hand_over()
    assert reader.twice() == []


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 150), st.lists(st.integers(0, 60), min_size=1, max_size=4), st.booleans())
def test_a_replay_that_stalls_counts_nothing_twice(
    data: st.DataObject, first: int, later: list[int], cursor: bool
) -> None:
    """A part of the buffer that comes in pieces, with pauses between them, is read as if it came at once."""
    reader, runner = Reader(after=seconds(-1)), Runner(cursor=cursor)
    runner.write(first)
    reader.connect(runner)
    reader.hand_over()
    runner.cursor = False
    for count in later:
        runner.write(count)
        begin, *cuts = sorted(data.draw(st.lists(st.integers(0, len(runner.written)), min_size=2, max_size=5)))
        reader.open(runner)
        reader.read(b"".join(runner.written[begin : cuts[0]]))
        for start, end in pairwise(cuts):
            reader.read(b"".join(runner.written[start:end]))
        reader.hand_over()
        assert reader.twice() == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=4),
)
def test_a_replay_that_is_cut_counts_nothing_twice(
    parts: list[tuple[int, bool]], cuts: list[tuple[int, int, int]]
) -> None:
    """Lines without a time among the others: a replay that begins late, ends early or pauses repeats none of them."""
    reader, runner = Reader(), Runner(cursor=False)
    reader.connect(runner)
    for count, plain in parts:
        reader.read(b"".join(runner.write(count, plain=plain)))
    reader.hand_over()
    for begin, length, pause in cuts:
        reader.open(runner)
        replay = runner.written[begin : begin + length]
        reader.read(b"".join(replay[:pause]))
        reader.hand_over()
        assert reader.twice() == []
