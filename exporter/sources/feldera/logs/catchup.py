"""Which lines of a new connection are new, as long as it may still replay what was read before.

The *place* where the reading had ended is found when the last dated line comes again, and behind it the same lines
without a time; or if none was dated, the same lines from the beginning of the buffer. So:

- A dated line is new if it is later than all lines read before.
- A line without a time belongs to the line before it: it is new if that one is, or is the place.
- No line is new that came before on this connection.

All that follows the first new line which was logged after the connection was opened is new.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left

from exporter.model import LogPosition
from exporter.sources.feldera.logs.lines import time_of
from exporter.sources.feldera.logs.position import (
    FARTHEST_SECONDS,
    Bookmark,
    digest,
    key_of,
    key_of_beginning,
    was_read,
)

_LARGEST_REPLAY_BYTES = 2_000_000  # twice what the runner keeps, in bytes and in lines
_LARGEST_REPLAY_LINES = 100_000
_LONGEST_REPLAY_SECONDS = 600.0
_SILENCE_SECONDS = 30.0  # longer than a replay pauses
_FIRST_SILENCE_SECONDS = 1.0  # at first sight nothing was counted yet
_EMPTY_BUFFER_SECONDS = 2.0

_FRESH_START = b"Fresh start of pipeline logs"
_DISCARDED = re.compile(rb"\b(\d{1,18}) prior log lines were discarded due to buffer constraints")


class Digests:
    """A set of digests that takes eight bytes for each."""

    def __init__(self) -> None:
        self._keys = array("Q")

    def add(self, key: int) -> bool:
        """Add one, and tell whether it is new here."""
        place = bisect_left(self._keys, key)
        is_new = place == len(self._keys) or self._keys[place] != key
        if is_new:
            self._keys.insert(place, key)
        return is_new


class CatchUp:
    """Sifts the lines of one connection until they must be live, which ``is_over`` says.

    ``bookmark`` is where the reading stands: where it stood ``before``, until a new line comes or the place is found.
    ``lost`` grows by the lines that must have been lost. ``asked_at`` is the server's time when the connection was
    opened. A server that numbers its lines gives ``epoch`` and ``number``, and ``gap`` with how many it left out.
    """

    def __init__(
        self, before: LogPosition, *, asked_at: float, epoch: str = "", number: int | None = None, gap: int = 0
    ) -> None:
        self._before = before
        self._asked_at = asked_at
        self._known_until = before.after
        self._is_first = not was_read(before)
        self._is_exact = number is not None
        self._epoch = epoch
        self._number = self._discarded = number or 0
        self._gap = gap
        self._key = key_of_beginning(self._number)
        self._place = before.tail[-1] if before.tail else None
        self._seen = Digests()
        self._bytes = self._lines = 0
        self._has_begun = self._has_moved = False
        self._knows_place = False  # it came, or a later line did
        self._follows = False  # the line before was new, or the place
        self._takes_all = False  # whatever its time is
        self.bookmark = Bookmark(before)
        self.lost = 0
        self.is_over = False

    def sift(self, lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Those of the next lines that are new, and those that come when the replay is over, which all are."""
        if lines and not self._has_begun:
            lines = self._begin(lines)
        new: list[bytes] = []
        for index, line in enumerate(lines):
            if self.is_over:
                return new, lines[index:]
            if self._takes(line):
                new.append(line)
        if self._bytes > _LARGEST_REPLAY_BYTES or self._lines > _LARGEST_REPLAY_LINES:
            self._end()
        return new, []

    def wait(self, *, silent_seconds: float, open_seconds: float) -> None:
        """Say how long nothing came, and how long the connection is open: in the end no replay takes so long.

        A silence alone proves little if the place was not found: lines without a time are new then, but no dated ones.
        """
        if self._has_begun and open_seconds >= _LONGEST_REPLAY_SECONDS:
            self._end()
        elif self._is_first and not self._takes_all:
            if silent_seconds >= (_FIRST_SILENCE_SECONDS if self._has_begun else _EMPTY_BUFFER_SECONDS):
                self._take_all()
        elif self._has_begun and silent_seconds >= _SILENCE_SECONDS:
            self._pause()

    def _take_all(self) -> None:
        """At first sight of a log the buffer ends with a silence: what comes is new, unless it came before."""
        if not self._follows:
            self._move()
        self._takes_all = self._knows_place = self._follows = True
        self._known_until = None

    def _pause(self) -> None:
        """Nothing came for longer than a replay pauses."""
        if self._knows_place:
            self._end()
        elif not self._follows:
            self._give_up()

    def _begin(self, lines: list[bytes]) -> list[bytes]:
        """Read what the first line says of the buffer; the lines without the notice that may stand before them."""
        self._has_begun = True
        if not self._is_exact:
            lines = self._read_first(lines)
        if self._is_first and self._before.after is None:
            self._move(lost=self._gap if self._is_exact else self._discarded)
            self.is_over = True
        elif lines and self._is_other_buffer(lines[0]):
            self._move()
            self.is_over = True
        return lines

    def _read_first(self, lines: list[bytes]) -> list[bytes]:
        if notice := _DISCARDED.search(lines[0]):
            self._number = self._discarded = int(notice[1])
            self._key = key_of_beginning(self._number)
            return lines[1:]
        self._epoch = _epoch_of(lines[0])
        return lines

    def _is_other_buffer(self, first: bytes) -> bool:
        """Whether the runner began a buffer after all that was read."""
        if not self._before.tail or _epoch_of(first) in ("", self._before.epoch):
            return False
        began = time_of(first)
        return self._known_until is None or (began is not None and began > self._known_until)

    def _takes(self, line: bytes) -> bool:
        """Move on by a line, and tell whether it is new."""
        at = self._time_of(line)
        self._key = key_of(line, is_dated=at is not None, behind=self._key)
        self._number += 1
        self._lines += 1
        self._bytes += len(line) + 1
        if self._key == self._place and not self._has_moved:
            self._reach_place(line)
            is_new = False
        elif at is None:
            is_new = self._takes_undated(line)
        else:
            is_new = self._takes_dated(line, at)
        if self._is_exact and self._has_moved:
            self.bookmark.number = self._number
        return is_new

    def _time_of(self, line: bytes) -> float | None:
        at = time_of(line)
        return at if at is None or at <= self._asked_at + FARTHEST_SECONDS else None

    def _reach_place(self, line: bytes) -> None:
        self._knows_place = self._follows = True
        self._seen.add(digest(line))
        if self._is_exact:
            self._move()
        else:
            self.bookmark.epoch = self._epoch or self.bookmark.epoch

    def _takes_dated(self, line: bytes, at: float) -> bool:
        is_later = self._known_until is None or at > self._known_until
        is_new = (is_later or self._is_first) and self._seen.add(digest(line)) and is_later
        if is_new:
            self._go_on(at)
        self._follows = is_new
        self.is_over = is_new and at > self._asked_at
        return is_new

    def _go_on(self, at: float) -> None:
        """Go on with a new dated line; if what was known does not lead up to it, lines were lost before it."""
        if self._follows:
            self.bookmark.pass_line(self._key)
        else:
            self._move(lost=self._lost_at_least(1))
        self._knows_place = True
        self.bookmark.note_time(at)

    def _takes_undated(self, line: bytes) -> bool:
        is_other = self._seen.add(digest(line))
        if self._follows:
            self.bookmark.pass_line(self._key)
        return self._follows and is_other

    def _lost_at_least(self, least: int) -> int:
        """How many lines were lost between what was known and what came, if it did not come again."""
        if self._has_moved or self._knows_place or self._is_first:
            return 0
        return self._gap if self._is_exact else max(self._discarded - self._before.number, least)

    def _move(self, *, lost: int = 0) -> None:
        """Go on from here."""
        epoch = self._epoch or ("" if self._before.exact else self._before.epoch)
        tail = () if self._is_exact else (self._key,)
        self.bookmark = Bookmark(LogPosition(epoch, self._number, tail, self.bookmark.after, self._is_exact))
        self.lost += lost
        self._has_moved = True

    def _give_up(self) -> None:
        """What came and was not known to be new is old; a line without a time that comes next is new."""
        self._move(lost=self._lost_at_least(0))
        self._follows = True
        self._seen = Digests()

    def _end(self) -> None:
        """The replay is over."""
        if not self._follows:
            self._give_up()
        self.is_over = True


def _epoch_of(first: bytes) -> str:
    """A name for the life of the buffer that begins with this line; empty if none does."""
    return f"{digest(first):016x}" if _FRESH_START in first else ""
