"""What a replay brings again never counts again, however it is cut, repeated and held up; and how much that costs."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.logs.buffers import Reader, Runner, dated, undated

Lines = list[bytes]

BLANK, TICK, PANIC = b"\n", b"tick\n", b"thread 'w' panicked at src/a.rs:1:1:\n"
BACKTRACE = [PANIC, *(b"   %d: std::panicking\n" % number for number in range(30))]


class Following:
    """A log that is read, and replays of it that are not what was sent."""

    def __init__(self, lines: Lines) -> None:
        self.runner = Runner(cursor=False)
        self.reader = Reader()
        self.reader.connect(self.runner)
        self.write(lines)

    def write(self, lines: Lines) -> None:
        """Lines that come while the stream is open."""
        self.runner.log(lines)
        self.reader.read(b"".join(lines))
        self.reader.hand_over()

    def replay(self, *pieces: Lines) -> None:
        """A new connection brings these pieces, with a pause after each."""
        self.reader.open(self.runner)
        for piece in pieces:
            self.reader.read(b"".join(piece))
            self.reader.hand_over()

    @property
    def too_many(self) -> Counter[bytes]:
        """Lines that were counted more often than they were written."""
        return self.reader.too_many(self.runner)


def numbered(count: int, *, begin: int = 1) -> Lines:
    """Dated lines."""
    return [dated(number, "line", at=number) for number in range(begin, begin + count)]


def with_blanks(lines: Lines) -> Lines:
    """A blank line after every ten."""
    return [one for number, line in enumerate(lines) for one in ([line, BLANK] if number % 10 == 9 else [line])]


# Cases


@pytest.mark.parametrize("lines", [with_blanks([undated(n) for n in range(200)]), with_blanks(numbered(200))])
@pytest.mark.parametrize("cuts", [[60], [12, 13, 90], list(range(11, 111))])
def test_a_replay_that_begins_with_a_line_that_repeats(lines: Lines, cuts: list[int]) -> None:
    """A blank line at the beginning, and one at the end of what was read: that is no overlap."""
    following = Following(lines)
    places = [11, *cuts, 111]
    pieces = [following.runner.written[a:b] for a, b in pairwise(places)]
    following.replay(*pieces)
    assert following.too_many == Counter()


@pytest.mark.parametrize("pause", [0, 1, 30, 31, 32, 50, 62, 63])
def test_a_replay_that_pauses_around_an_old_panic(pause: int) -> None:
    """A panic whose lines have no time belongs to the line before it, whatever pause comes between them."""
    following = Following([*numbered(30), *BACKTRACE, *numbered(100, begin=30)])
    written = following.runner.written
    following.replay(written[:pause], written[pause:])
    assert following.too_many == Counter()
    following.write([*BACKTRACE, *numbered(3, begin=500)])
    assert following.reader.counted[dated(502, "line", at=502)] == 1


@pytest.mark.parametrize("begin", [0, 1])
def test_a_block_that_repeats(begin: int) -> None:
    """The same backtrace twice, the last thing in the log: the first is not taken for the second."""
    block = [b"same %d\n" % number for number in range(24)]
    following = Following([*block, *numbered(100), *block])
    written = following.runner.written
    following.replay(written[begin:25], written[25:])
    assert following.too_many == Counter()


def test_a_long_pause_within_a_replay() -> None:
    """The replay is not over because some seconds went by."""
    lines = [*numbered(30), *BACKTRACE, *numbered(70, begin=30)]
    following = Following(lines)
    following.reader.open(following.runner)
    following.reader.read(b"".join(following.runner.written[:31]))
    following.reader.wait(29)
    following.reader.read(b"".join(following.runner.written[31:]))
    following.reader.hand_over()
    assert following.too_many == Counter()


@pytest.mark.parametrize("seconds", [31, 599])
def test_a_replay_that_stands_still_for_long(seconds: float) -> None:
    """A silence is no proof: of what comes behind it dated lines do not count again, nor what belongs to them."""
    following = Following([*numbered(30), *BACKTRACE, *numbered(70, begin=30)])
    following.reader.open(following.runner)
    following.reader.read(b"".join(following.runner.written[:20]))
    following.reader.wait(seconds)
    following.reader.read(b"".join(following.runner.written[20:]))
    following.reader.hand_over()
    assert following.too_many == Counter()


def test_what_comes_behind_the_place_is_new() -> None:
    """The last line read is found again, and what follows counts, also a panic."""
    following = Following([*numbered(50), b"a last word\n"])
    later = [*BACKTRACE, *numbered(5, begin=60)]
    following.runner.log(later)
    following.replay(following.runner.written)
    assert following.reader.missing(later) == []
    assert following.too_many == Counter()
    assert following.reader.lost == 0


@pytest.mark.parametrize("count", [3, 63, 64, 65, 200])
def test_a_log_without_times_goes_on_by_number(count: int) -> None:
    """However many lines without a time came last, those that follow in the replay are new, as long as they differ."""
    following = Following([undated(number) for number in range(count)])
    following.runner.log([undated(1000), undated(1001)])
    following.replay(following.runner.written)
    assert following.reader.missing(following.runner.written) == []
    assert following.too_many == Counter()


def test_a_log_that_says_the_same_for_ever() -> None:
    """Lines without a time that came before in the replay do not count again; after ten minutes at most they do."""
    following = Following([TICK] * 100)
    following.runner.log([TICK] * 50)
    following.replay(following.runner.written)
    assert following.reader.counted[TICK] == 100
    following.reader.progress.wait(silent_seconds=1, open_seconds=601)
    following.write([TICK] * 7)
    assert following.reader.counted[TICK] == 107


def test_a_line_of_now_ends_the_replay() -> None:
    """A line dated after the connection was opened is live, and all that follows is: whatever it says, and its time."""
    following = Following([TICK] * 100)
    following.replay(following.runner.written)
    now = len(following.runner.written) + 1
    following.write([dated(0, "live", at=now), TICK, TICK, dated(1, "a clock behind", at=5), TICK])
    assert following.reader.counted[TICK] == 103
    assert following.reader.counted[dated(1, "a clock behind", at=5)] == 1


def test_more_than_a_buffer_holds() -> None:
    """A replay that tells nothing is over when more came than the runner keeps."""
    following = Following([undated(number) for number in range(100)])
    following.replay(*[[b"x" * 1000 + b"\n"] * 300] * 7)
    following.write([TICK] * 3)
    assert following.reader.counted[TICK] == 3


def test_a_line_from_the_far_future() -> None:
    """A time that cannot be holds up nothing: neither the lines that follow, nor those of later connections."""
    far = dated(0, "far", at=10**12)
    following = Following(numbered(30))
    for _ in range(3):
        following.replay(following.runner.written)
        following.write([far, *numbered(20, begin=len(following.runner.written) + 1)])
        later = numbered(20, begin=len(following.runner.written))
        following.runner.log(later)
        following.replay(following.runner.written)
        assert following.reader.missing(later) == []
    assert following.too_many == Counter()


def test_lines_out_of_order_in_one_piece() -> None:
    """The newest of all times is what is known, not that of the last line."""
    lines = numbered(150)
    following = Following([*numbered(2, begin=200), *lines])
    following.replay(following.runner.written[1:3], lines[:70])
    assert following.too_many == Counter()


def test_another_buffer_is_one_that_began_later() -> None:
    """Words about a fresh start are no fresh start if they are older than what was read."""
    words = dated(17, "Fresh start of pipeline logs", at=17)
    following = Following([*numbered(16), words, undated(1), *numbered(80, begin=18)])
    following.replay(following.runner.written[17:])
    assert following.too_many == Counter()


def test_long_lines_are_not_kept() -> None:
    """Of lines of any length no more is remembered than of short ones."""
    following = Following([])
    following.reader.read(b"".join(b"%d" % number + b"x" * 1_000_000 + b"\n" for number in range(70)))
    position = following.reader.progress.position()
    assert len(position.tail) == 1
    assert position.tail[0] < 2**64


# Properties


TEXTS = st.one_of(
    st.lists(st.sampled_from([BLANK, TICK, PANIC]), min_size=1, max_size=5),
    st.just(BACKTRACE),
    st.integers(1, 70).map(lambda count: [None] * count),  # lines without a time, each another one
    st.integers(-30, 0),  # dated lines, as many
)


@st.composite
def logs(draw: st.DrawFn, *, begin: int, most_same: int = 8) -> Lines:
    """Lines dated and undated, blank ones, blocks that repeat; sometimes many of the same time."""
    lines: Lines = []
    same = draw(st.integers(1, most_same))
    for part in draw(st.lists(TEXTS, max_size=8)):
        for text in [b""] * -part if isinstance(part, int) else part:
            number = begin + len(lines)
            lines.append(dated(number, "line", at=number - number % same) if text == b"" else text or undated(number))
    return lines


@st.composite
def mutated(draw: st.DrawFn, lines: Lines) -> Lines:
    """A replay that begins late, ends early, and goes back to repeat lines it brought."""
    begin, end = sorted(draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
    lines = lines[begin:end]
    for _ in range(draw(st.integers(0, 3))):
        back, place = sorted(draw(st.tuples(*[st.integers(0, len(lines))] * 2)))
        lines = [*lines[:place], *lines[back:]]
    return lines


@st.composite
def in_pieces(draw: st.DrawFn, lines: Lines) -> list[Lines]:
    """A replay with pauses at any place."""
    places = [0, *sorted(draw(st.lists(st.integers(0, len(lines)), max_size=4))), len(lines)]
    return [lines[a:b] for a, b in pairwise(places)]


@settings(max_examples=600, deadline=None)
@given(st.data(), st.lists(st.booleans(), min_size=1, max_size=5))
def test_a_mutated_replay_never_counts_a_line_twice(data: st.DataObject, crashes: list[bool]) -> None:
    """Any lines, any number of connections, whatever each of them replays, with pauses anywhere."""
    following = Following(data.draw(logs(begin=1)))
    for crash in crashes:
        following.runner.log(data.draw(logs(begin=1 + len(following.runner.written))))
        if crash:
            following.reader.crash()
        following.replay(*data.draw(in_pieces(data.draw(mutated(following.runner.written)))))
        assert following.too_many == Counter()
    following.replay(following.runner.written)
    assert following.too_many == Counter()


@settings(max_examples=400, deadline=None)
@given(st.data(), st.integers(1, 5))
def test_what_caution_costs(data: st.DataObject, connects: int) -> None:
    """Of a buffer that is whole and comes in order nothing is left out but lines without a time that repeat."""
    following = Following(data.draw(logs(begin=1, most_same=1)))
    for _ in range(connects):
        following.runner.log(data.draw(logs(begin=1 + len(following.runner.written), most_same=1)))
        cut = data.draw(st.integers(0, len(following.runner.written)))
        following.replay(*data.draw(in_pieces(following.runner.written[:cut])))
    following.replay(following.runner.written)
    written = Counter(following.runner.written)
    left_out = written - following.reader.counted
    assert following.too_many == Counter()
    assert all(written[line] > 1 for line in left_out)
    assert all(following.reader.counted[line] for line in left_out)
