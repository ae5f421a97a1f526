"""Where the reading of one log stands while it goes on, over any number of connects, with a cursor or without."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from exporter.model import LogPosition
from exporter.sources.feldera.logs.lines import time_of
from exporter.sources.feldera.logs.position import (
    TAIL_LINES,
    Found,
    Replay,
    Sieve,
    digest,
    new_lines,
    replay_of,
    was_read,
)


class Sifted(msgspec.Struct, frozen=True):
    """A replay, what is new in it, and whether nothing of the log was known before."""

    replay: Replay
    found: Found
    first_sight: bool

    @property
    def block(self) -> bytes:
        """The new lines, each with its newline."""
        return _joined(self.found.lines)


class Progress:
    """Follows what was read. ``replays`` says that what comes first after a connect may be known already.

    With the server's cursor (from 0.351) the position is exact; else it is the digests of the last lines.
    """

    def __init__(self, position: LogPosition) -> None:
        self._before = position
        self._exact = position.exact
        self._epoch = position.epoch
        self._number = position.number
        self._after = position.after
        self._tail = position.tail
        self._recent: deque[bytes] = deque()
        self._recent_lines = 0
        self._sieve: Sieve | None = None
        self._gap = 0  # lines lost before a replay; they count once it was read
        self._is_blank = False  # an answer with neither numbers nor a line says nothing: what was known before holds
        self.replays = True

    @property
    def cursor(self) -> str:
        """What to ask for: the line after the last one counted; empty: from the beginning of the buffer."""
        exact, epoch, number = self._exact, self._epoch, self._number
        if self.replays or self._is_blank:
            exact, epoch, number = self._before.exact, self._before.epoch, self._before.number
        return f"{epoch}:{number}" if exact else ""

    @property
    def is_exact(self) -> bool:
        """Whether the server numbers its lines, and sends nothing but lines."""
        return self._exact

    def opened(self, headers: Mapping[str, str]) -> int:
        """Take in the headers of an answer; how many lines were lost before it, as far as that is known yet."""
        epoch, number = headers.get("feldera-logs-epoch", ""), _whole(headers.get("feldera-logs-seq"))
        before, asked = self.position(), bool(self.cursor)
        self._before, self._sieve, self.replays, self._gap = before, None, True, 0
        self._is_blank = False
        if number is None or not epoch:
            self._exact, self._epoch = False, "" if before.exact else before.epoch
            return 0
        self._exact, self._epoch, self._number = True, epoch, number
        self._forget_lines()
        self.replays = not asked or (epoch == before.epoch and number < before.number)
        counts = asked or (before.after is None and not was_read(before))
        gap = (_whole(headers.get("feldera-logs-gap")) or 0) if counts else 0
        self._gap = gap if self.replays else 0
        return gap - self._gap

    def sift(self, block: bytes) -> Sifted:
        """Tell which of the whole lines that came first are new; changes nothing, so that it may run in a thread."""
        lines = block.split(b"\n")[:-1]
        replay = Replay(lines) if self._exact else replay_of(lines)
        return Sifted(replay, new_lines(self._before, replay), first_sight=not was_read(self._before))

    def settle(self, sifted: Sifted, at: float | None) -> int:
        """Go on after the replay, and tell how many lines were lost; ``at`` is the time of the last dated new line."""
        replay, found = sifted.replay, sifted.found
        self.replays, self._sieve = False, found.sieve
        self._is_blank = self._before.exact and not self._exact and not replay.lines
        if self._exact:
            self._number += len(replay.lines)
        elif found.is_behind:
            self._epoch = self._epoch or replay.epoch
        else:
            self._epoch, self._number = replay.epoch or self._epoch, replay.discarded + len(replay.lines)
            if found.known is None:
                self._forget_lines()
            self._remember(_joined(replay.lines[found.known or 0 :][-TAIL_LINES:]))
        self._note_time(at)
        self._note_time(found.latest)
        return found.lost + self._gap

    def news(self, block: bytes) -> bytes:
        """The lines of a block that came after the replay which are new: all of them, unless the replay had stalled."""
        if self._sieve is None:
            return block
        found = self._sieve.block(block)
        if self._sieve.is_past:
            self._sieve = None
        return found

    def trust(self) -> None:
        """Say that the replay must be over: whatever comes now is new, however it is dated."""
        self._sieve = None

    def advance(self, block: bytes, found: bytes, at: float | None) -> None:
        """Whole lines were read, of which those in ``found`` count; the last dated of them ``at``."""
        self._is_blank = self._is_blank and not block
        self._number += block.count(b"\n") if self._exact else found.count(b"\n")
        self._note_time(at)
        if not self._exact:
            self._remember(found)

    def position(self) -> LogPosition:
        """The position now, as a value; during a replay the one before it."""
        if self.replays or self._is_blank:
            return self._before
        if self._exact:
            return LogPosition(self._epoch, self._number, after=self._after, exact=True)
        lines = [line for block in self._recent for line in block.split(b"\n")[:-1]][-TAIL_LINES:]
        times = (self._after, *map(time_of, lines))
        after = max((at for at in times if at is not None), default=None)
        return LogPosition(self._epoch, self._number, (*self._tail, *map(digest, lines))[-TAIL_LINES:], after)

    def _note_time(self, at: float | None) -> None:
        if at is not None:
            self._after = max(at, self._after or at)

    def _remember(self, block: bytes) -> None:
        """Keep the last lines, as blocks, until somebody asks for their digests."""
        count = block.count(b"\n")
        if count:
            self._recent.append(block)
            self._recent_lines += count
            while self._recent_lines - self._recent[0].count(b"\n") >= TAIL_LINES:
                self._recent_lines -= self._recent.popleft().count(b"\n")

    def _forget_lines(self) -> None:
        self._tail = ()
        self._recent.clear()
        self._recent_lines = 0


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(b"%b\n" % line for line in lines)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
