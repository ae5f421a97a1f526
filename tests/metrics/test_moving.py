"""Lines that grow: the value of each at any time, and the piece they are in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.moving import Moving

SECONDS = st.floats(0, 1e9)
TIMES = st.floats(1.6e9, 2.0e9)


def text(moving: Moving, now: float) -> bytes:
    """All lines."""
    return b"".join(piece.text() for piece in moving.pieces(now))


@given(stays=st.lists(st.tuples(st.text().map(str.encode), SECONDS, TIMES), max_size=5), now=TIMES)
def test_each_line_has_its_own_value(stays: list[tuple[bytes, float, float]], now: float) -> None:
    """The seconds so far and, from its start on, the time since; whatever is in the labels."""
    moving = Moving()
    moving.put("a", b'{pipeline="100%s",', tuple(stays))
    lines = [b'{pipeline="100%%s",%b%.3f\n' % (end, seconds + max(0.0, now - start)) for end, seconds, start in stays]
    assert text(moving, now) == b"".join(lines)
    assert moving.series == len(stays)


def test_a_value_does_not_go_back_when_a_stay_ends() -> None:
    """What is shown last of a stay is what is counted for it: the same sum, to the last bit."""
    seconds, start, now = 20.0004999, 1795234200.1234567, 1795234207.7654321
    moving = Moving()
    moving.put("a", b"", ((b"", seconds, start),))
    assert text(moving, now) == b"%.3f\n" % (seconds + (now - start))


def test_pieces_change_only_with_the_time_and_their_own_pipelines() -> None:
    """A piece that nothing happened to is the same object, which is not compressed again."""
    moving = Moving()
    for number in range(100):
        moving.put(f"p{number}", b"%d " % number, ((b"", 1.0, 1000.0),))
    before = moving.pieces(1010.0)
    assert all(old is new for old, new in zip(before, moving.pieces(1010.0), strict=True))
    moving.put("p0", b"0 ", ((b"", 2.0, 1000.0),))
    same = [old is new for old, new in zip(before, moving.pieces(1010.0), strict=True)]
    assert same == [False, *[True] * (len(before) - 1)]
    assert not any(old is new for old, new in zip(before, moving.pieces(1011.0), strict=True))


def test_a_pipeline_that_is_gone_leaves_its_place() -> None:
    """Dropped lines are gone, dropping twice is harmless, and the place is used again."""
    moving = Moving()
    for number in range(40):
        moving.put(f"p{number}", b"%d " % number, ((b"", 0.0, 1000.0),))
    moving.drop("p0")
    moving.drop("p0")
    assert not text(moving, 1000.0).startswith(b"0 ")
    pieces = len(moving.pieces(1000.0))
    moving.put("new", b"new ", ((b"", 0.0, 1000.0),))
    assert b"new 0.000\n" in moving.pieces(1000.0)[0].text()
    assert (len(moving.pieces(1000.0)), moving.series) == (pieces, 40)
