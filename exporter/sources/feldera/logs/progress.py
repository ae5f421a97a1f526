"""Where the reading of one log stands while it goes on, over any number of connects, with a cursor or without."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import structs

from exporter.model import LogPosition
from exporter.sources.feldera.logs.lines import time_of
from exporter.sources.feldera.logs.position import TAIL_LINES, Replay, digest, new_lines, replay_of, was_read


class Sifted(msgspec.Struct, frozen=True):
    """What a replay brought: the new lines as a block, how many were lost before them; whether none was known."""

    replay: Replay
    found: bytes
    lost: int
    first_sight: bool


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
        self._recent: deque[bytes] = deque()
        self._recent_lines = 0
        self.replays = True

    @property
    def cursor(self) -> str:
        """What to ask for: the line after the last one read; empty: from the beginning of the buffer."""
        return f"{self._epoch}:{self._number}" if self._exact else ""

    @property
    def is_exact(self) -> bool:
        """Whether the server numbers its lines, and sends nothing but lines."""
        return self._exact

    def opened(self, headers: Mapping[str, str]) -> int:
        """Take in the headers of an answer; how many lines were lost before what it brings."""
        epoch, number = headers.get("feldera-logs-epoch", ""), _whole(headers.get("feldera-logs-seq"))
        asked = bool(self.cursor)
        self._before = self.position()
        self._forget_recent()
        self._exact = bool(epoch) and number is not None
        self.replays = not (self._exact and asked)
        if number is None or not epoch:
            return 0
        self._epoch, self._number = epoch, number
        counts = asked or self._before.after is None
        return (_whole(headers.get("feldera-logs-gap")) or 0) if counts else 0

    def sift(self, block: bytes) -> Sifted:
        """Tell which of the whole lines that came first are new; changes nothing, so that it may run in a thread."""
        lines = block.split(b"\n")[:-1]
        replay = Replay(lines) if self._exact else replay_of(lines)
        found, lost = new_lines(self._before, replay)
        return Sifted(replay, _joined(found), lost, first_sight=not was_read(self._before))

    def settle(self, sifted: Sifted, at: float | None) -> None:
        """Go on after the replay; ``at`` is the time of the last dated new line."""
        replay = sifted.replay
        if not self._exact:
            self._epoch, self._number = replay.epoch or self._epoch, replay.discarded
            if replay.lines:
                self._before = structs.replace(self._before, tail=())
        self.replays = False
        self.advance(_joined(replay.lines), at)

    def advance(self, block: bytes, at: float | None) -> None:
        """Whole lines were read, the last dated of those that count ``at``."""
        count = block.count(b"\n")
        self._number += count
        if at is not None:
            self._after = max(at, self._after or at)
        if not self._exact and count:
            self._recent.append(block)
            self._recent_lines += count
            while self._recent_lines - self._recent[0].count(b"\n") >= TAIL_LINES:
                self._recent_lines -= self._recent.popleft().count(b"\n")

    def position(self) -> LogPosition:
        """The position now, as a value; during a replay the one before it."""
        if self.replays:
            return self._before
        if self._exact:
            return LogPosition(self._epoch, self._number, after=self._after, exact=True)
        lines = [line for block in self._recent for line in block.split(b"\n")[:-1]][-TAIL_LINES:]
        tail = (*self._before.tail, *map(digest, lines))[-TAIL_LINES:]
        times = (time_of(line) for line in lines)
        after = max((at for at in (self._after, *times) if at is not None), default=None)
        return LogPosition(self._epoch, self._number, tail, after)

    def _forget_recent(self) -> None:
        self._recent.clear()
        self._recent_lines = 0


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"".join(b"%b\n" % line for line in lines)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
