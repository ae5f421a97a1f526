"""Which lines of a replayed buffer are new: the overlap with what was read before, and where it cannot tell, times.

Every connect replays the buffer. With a cursor the server leaves out what is known; without one, the digests of the
last lines are looked for in the replay. Never is a line counted twice: where nothing can be told, lines are new only
if they are dated later than everything known.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from exporter.model import LogPosition
from exporter.sources.feldera.logs.lines import last_time_of, time_of

TAIL_LINES = 64
"""How many lines back are remembered."""

_RUN = 20  # so many lines in a row are no coincidence; lines repeat
_BYTES = 8

_FRESH_START = b"Fresh start of pipeline logs"
_DISCARDED = re.compile(rb"\b(\d{1,18}) prior log lines were discarded due to buffer constraints")


def digest(line: bytes) -> int:
    """Eight bytes for a raw line."""
    return int.from_bytes(blake2b(line, digest_size=_BYTES).digest(), "big")


def known_lines(tail: Sequence[int], replay: Sequence[int]) -> int | None:
    """How many lines at the start of ``replay`` end with what is known of the log's end; None: it is not there.

    Both are digests of lines. The longest part of the tail that is there counts, at its last place: a run of at
    least twenty lines, the whole of a shorter tail, or what the replay begins with.
    """
    haystack = array("Q", replay).tobytes()
    length = _longest(haystack, tail)
    if length >= min(_RUN, len(tail)) > 0:
        return _last_place(haystack, tail[-length:]) + length
    sizes = range(min(_RUN, len(tail), len(replay)), 0, -1)
    return next((size for size in sizes if list(replay[:size]) == list(tail[-size:])), None)


def _longest(haystack: bytes, tail: Sequence[int]) -> int:
    """The length of the longest end of ``tail`` that is in the haystack; if one is, all shorter ones are."""
    there, not_there = 0, len(tail) + 1
    while there + 1 < not_there:
        middle = (there + not_there) // 2
        if _last_place(haystack, tail[-middle:]) >= 0:
            there = middle
        else:
            not_there = middle
    return there


def _last_place(haystack: bytes, needle: Sequence[int]) -> int:
    """Where a run of digests stands last, in lines; -1 if nowhere."""
    wanted = array("Q", needle).tobytes()
    found = haystack.rfind(wanted)
    while found >= 0 and found % _BYTES:
        found = haystack.rfind(wanted, 0, found + len(wanted) - 1)
    return found // _BYTES


class Replay(msgspec.Struct, frozen=True):
    """A replayed buffer: its lines without the notice before them, and how many before them the server let go."""

    lines: Sequence[bytes]
    discarded: int = 0

    @property
    def epoch(self) -> str:
        """A name for the buffer's life, from the line that begins it; empty if that line is gone."""
        return next((f"{digest(line):016x}" for line in self.lines[:1] if _FRESH_START in line), "")


def replay_of(lines: Sequence[bytes]) -> Replay:
    """Tell the notice of discarded lines from the lines."""
    if lines and (notice := _DISCARDED.search(lines[0])):
        return Replay(lines[1:], int(notice[1]))
    return Replay(lines)


class Found(msgspec.Struct, frozen=True):
    """What a replay brought: its new lines, and how many at least were lost before them.

    ``known`` of its lines are the overlap and what stands before it; None: there is no overlap. ``is_behind``: it does
    not reach what was read before, so it tells nothing of where the reading stands. ``latest``: the latest time among
    the new lines, if it was looked for. ``sieve`` is for the lines that come next, as long as they may belong to the
    replay; None: they are new.
    """

    lines: list[bytes]
    lost: int = 0
    known: int | None = None
    is_behind: bool = False
    latest: float | None = None
    sieve: Sieve | None = None


def new_lines(position: LogPosition, replay: Replay) -> Found:
    """Tell which lines of a replay are new."""
    is_other_buffer = _is_other_buffer(position, replay)
    if is_other_buffer or (position.after is None and not was_read(position)):
        return Found(list(replay.lines), 0 if is_other_buffer else replay.discarded)
    digests = list(map(digest, replay.lines))
    known = known_lines(position.tail, digests) if position.tail else None
    begin = known or 0
    sieve = Sieve(position, overlaps=known is not None, last_at=last_time_of(b"\n".join(replay.lines[:begin])))
    found = [line for line, key in zip(replay.lines[begin:], digests[begin:], strict=True) if sieve.takes(line, key)]
    if known is not None:
        return Found(found, known=known, latest=sieve.latest)
    lost = max(replay.discarded - position.number, int(bool(found))) if was_read(position) else 0
    is_behind = was_read(position) and not found and not lost
    following = None if sieve.is_past else sieve
    return Found(found, lost, is_behind=is_behind, latest=sieve.latest, sieve=following)


def _is_other_buffer(position: LogPosition, replay: Replay) -> bool:
    """Whether the replay is of a buffer that began after all that was read."""
    if not position.tail or replay.epoch in ("", position.epoch):
        return False
    began = time_of(replay.lines[0])
    return bool(position.epoch) or position.after is None or (began is not None and began > position.after)


def was_read(position: LogPosition) -> bool:
    """Whether lines were read up to this position."""
    return bool(position.epoch or position.tail or position.number)


class Sieve:
    """Lets new lines through: those dated later than what is known; a line without a time goes with the one before.

    Behind an overlap, until a line is refused, also lines of the same time as its end are new, and lines without a
    time, if they are other lines than those known. ``is_past``: a line was dated later, and so are those that follow.
    """

    def __init__(self, position: LogPosition, *, overlaps: bool, last_at: float | None) -> None:
        self._after = position.after
        self._same_time_too = overlaps and last_at == position.after
        self._goes_on = overlaps
        self._seen = set(position.tail)
        self._remembers = was_read(position)
        self.is_past = False
        self.latest: float | None = None

    def block(self, block: bytes) -> bytes:
        """The lines of a block that are new; of a block that comes later, so what has no time is no replay's rest."""
        self._goes_on = True
        lines = block.split(b"\n")[:-1]
        return b"".join(b"%b\n" % line for line in lines if self.takes(line, digest(line)))

    def takes(self, line: bytes, key: int) -> bool:
        """Whether a line, given with its digest, is new."""
        at = time_of(line)
        if at is None:
            return self._goes_on and (self.is_past or key not in self._seen)
        self._goes_on = key not in self._seen and self._is_later(at)
        if self._goes_on:
            self.latest = max(at, self.latest or at)
        self.is_past |= self._goes_on and at != self._after
        self._same_time_too &= self._goes_on
        if self._remembers:
            self._seen.add(key)
        return self._goes_on

    def _is_later(self, at: float) -> bool:
        return self._after is None or at > self._after or (self._same_time_too and at == self._after)
