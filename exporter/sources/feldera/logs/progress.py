"""Where the reading of one log stands while it goes on, over any number of connects, with a cursor or without."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.model import LogPosition
from exporter.sources.feldera.logs.catchup import CatchUp
from exporter.sources.feldera.logs.position import FARTHEST_SECONDS, Bookmark, was_read


class Progress:
    """Follows what was read, and tells which lines are new.

    With the server's cursor (from 0.351) the position is exact, and what comes is new. Else what comes first after a
    connect may be known already: that is caught up with.
    """

    def __init__(self, position: LogPosition) -> None:
        self._bookmark = Bookmark(position)
        self._catch_up: CatchUp | None = None
        self._asked_at = self._until = float("inf")
        self._lost = 0

    @property
    def cursor(self) -> str:
        """What to ask for: the line after the last one counted; empty: from the beginning of the buffer."""
        bookmark = self._now
        return f"{bookmark.epoch}:{bookmark.number}" if bookmark.exact else ""

    @property
    def is_catching_up(self) -> bool:
        """Whether what comes now may be known already."""
        return self._catch_up is not None

    def opened(self, headers: Mapping[str, str], *, asked_at: float = float("inf")) -> None:
        """Take in the headers of the answer to a request that was sent at ``asked_at``, by the server's clock."""
        self._asked_at, self._until = asked_at, asked_at + FARTHEST_SECONDS
        before, asked = self.position(), bool(self.cursor)
        epoch, number = headers.get("feldera-logs-epoch", ""), _whole(headers.get("feldera-logs-seq"))
        if number is None or not epoch:
            self._catch_up = CatchUp(before, asked_at=asked_at)
            return
        knows_all = before.after is None and not was_read(before)
        gap = (_whole(headers.get("feldera-logs-gap")) or 0) if asked or knows_all else 0
        if asked and (epoch != before.epoch or number >= before.number):
            self._catch_up = None
            self._lost += gap
            self._bookmark = Bookmark(LogPosition(epoch, number, after=before.after, exact=True))
        else:
            self._catch_up = CatchUp(before, asked_at=asked_at, epoch=epoch, number=number, gap=gap)

    def read(self, block: bytes) -> bytes:
        """Take in whole lines, each ending in a newline, and give back those that are new."""
        catch_up = self._catch_up
        if catch_up is None:
            self._bookmark.pass_block(block, until=self._until)
            return block
        new, live = catch_up.sift(block.split(b"\n")[:-1])
        self._look(catch_up)
        self._bookmark.pass_block(_joined(live), until=self._until)
        return _joined([*new, *live])

    def wait(self, *, silent_seconds: float, open_seconds: float) -> None:
        """Say how long nothing came, and how long the connection is open: no replay takes for ever."""
        self._until = self._asked_at + open_seconds + FARTHEST_SECONDS
        if self._catch_up:
            self._catch_up.wait(silent_seconds=silent_seconds, open_seconds=open_seconds)
            self._look(self._catch_up)

    def take_lost(self) -> int:
        """How many lines were lost since the last time, as far as can be told."""
        lost, self._lost = self._lost, 0
        return lost

    def position(self) -> LogPosition:
        """The position now, as a value; as long as nothing new came the one before."""
        return self._now.position()

    @property
    def _now(self) -> Bookmark:
        return self._catch_up.bookmark if self._catch_up else self._bookmark

    def _look(self, catch_up: CatchUp) -> None:
        """Take over what catching up has brought."""
        self._lost += catch_up.lost
        catch_up.lost = 0
        if catch_up.is_over:
            self._catch_up, self._bookmark = None, catch_up.bookmark


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(b"%b\n" % line for line in lines)


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
