"""The log buffer of one pipeline in the runner's memory, and the followers that read it live."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

CHANNEL_LINES = 100_000


class LogLimits(Struct, frozen=True, kw_only=True):
    """How much of a log is kept, whichever is reached first, and how far a follower may fall behind."""

    max_bytes: int = 1_000_000
    max_lines: int = 50_000
    channel_lines: int = CHANNEL_LINES


class Follower:
    """One live reader: a bounded queue of encoded lines. `wake` is called when there is something to do."""

    __slots__ = ("_chunks", "_limit", "_pending", "closed", "wake")

    def __init__(self, limit: int) -> None:
        self._chunks: deque[bytes] = deque()
        self._limit = limit
        self._pending = 0
        self.closed = False
        self.wake: Callable[[], None] = _nothing

    def offer(self, chunk: bytes, lines: int) -> None:
        """Queue lines; a reader that is too slow is dropped instead."""
        if self._pending + lines > self._limit:
            self.close()
        elif not self.closed:
            self._chunks.append(chunk)
            self._pending += lines
            self.wake()

    def take(self) -> bytes:
        """Everything queued."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        self._pending = 0
        return taken

    def close(self) -> None:
        """End the stream after what is queued."""
        self.closed = True
        self.wake()


def _nothing() -> None:
    """What a follower does before anybody waits for it."""


class LogBuffer:
    """The last lines of a pipeline. Lines are bytes ending in a newline, numbered from 1 within the epoch."""

    __slots__ = ("_bytes", "_limits", "_lines", "epoch", "followers", "last")

    def __init__(self, epoch: str, limits: LogLimits) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._limits = limits
        self.epoch = epoch
        self.last = 0
        self.followers: set[Follower] = set()

    @property
    def discarded(self) -> int:
        """Lines that are no longer in the buffer."""
        return self.last - len(self._lines)

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines, hand them to the followers, and drop the oldest beyond the limits."""
        batch = list(lines)
        self._keep(batch)
        if self.followers:
            self._publish(batch)

    def skip(self, lines: int) -> None:
        """Count lines that came and went too fast for anybody; the buffer and the readers are gone with them."""
        self.close()
        self.last += lines
        self._lines.clear()
        self._bytes = 0

    def after(self, number: int) -> bytes:
        """The buffered lines that follow the line of this number."""
        start = max(0, number - self.discarded)
        return b"".join(line for index, line in enumerate(self._lines) if index >= start)

    def follow(self) -> Follower:
        """A new live reader, of lines appended from now on."""
        follower = Follower(self._limits.channel_lines)
        self.followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Forget a reader."""
        self.followers.discard(follower)

    def close(self) -> None:
        """End the streams of all readers."""
        for follower in list(self.followers):
            follower.close()
        self.followers.clear()

    def _keep(self, batch: list[bytes]) -> None:
        self._lines.extend(batch)
        self._bytes += sum(map(len, batch))
        self.last += len(batch)
        while self._bytes > self._limits.max_bytes or len(self._lines) > self._limits.max_lines:
            self._bytes -= len(self._lines.popleft())

    def _publish(self, batch: list[bytes]) -> None:
        chunk = b"".join(batch)
        for follower in list(self.followers):
            follower.offer(chunk, len(batch))
            if follower.closed:
                self.followers.discard(follower)
