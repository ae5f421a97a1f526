"""One pipeline's log, followed for as long as somebody wants it: opened, read, and opened again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time

from exporter.errors import BadResponse, NotFound, SourceError
from exporter.http.retryafter import backoff
from exporter.model import LogPosition, LogRead
from exporter.sources.feldera.logs.lines import Summary, last_time_of, summarize
from exporter.sources.feldera.logs.progress import Progress, Sifted
from exporter.sources.feldera.logs.splitter import Splitter
from exporter.sources.feldera.logs.tally import Tally
from exporter.sources.http import ApiClient, Stream

LOGS = "/v0/pipelines/{name}/logs"

_QUIET_SECONDS = 0.5  # a replay comes at once: a pause this long, with no line cut in two, ends it
_REPLAY_BYTES = 1_500_000  # the runner keeps 1,000,000 and a line
_REPLAY_SECONDS = 0.5
_LONGEST_REPLAY_SECONDS = 10.0
_SMALL_READ = 16 * 1024
_GATHER_SECONDS = 0.25  # after a small read more is let gather, which costs less than many small reads
_LOOK_SECONDS = 2.0
_IDLE_SECONDS = 600.0
_LIVED_SECONDS = 5.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_DISCOVERY_ATTEMPTS = 5


class LogStream:
    """Reads one log. ``gate`` holds the replays of all streams to a few at a time, because each takes memory.

    ``failure`` is the newest one that people should hear of, until ``take_failure``.
    """

    def __init__(
        self,
        client: ApiClient,
        *,
        pipeline_id: str,
        name: str,
        position: LogPosition,
        most_errors: int,
        gate: asyncio.Semaphore,
    ) -> None:
        self._client = client
        self._name = name
        self._gate = gate
        self._most_errors = most_errors
        self._progress = Progress(position)
        self._tally = Tally(pipeline_id, most_errors=most_errors)
        self._splitter = Splitter(says_end=True)
        self._in_a_row = 0
        self._reopening = False
        self._doubted = False
        self._failure: SourceError | None = None
        self._opened_at: float | None = None
        self._last_data = self._caught_up_at = time.monotonic()
        self.is_up = False
        self.is_failing = False

    def take(self) -> LogRead | None:
        """What was read since the last time, with the position it leads to; None: nothing changed."""
        return self._tally.take(self._progress.position, up=self.is_up)

    def take_failure(self) -> SourceError | None:
        """The newest failure since the last time."""
        failure, self._failure = self._failure, None
        return failure

    def doubt(self, since: float) -> None:
        """Say that there must have been lines after ``since`` (monotonic): a stream without them is opened anew."""
        self._doubted = self.is_up and self._last_data < since

    async def run(self) -> None:
        """Follow the log for ever."""
        while True:
            self._opened_at, asked_to_wait = None, 0.0
            try:
                await self._read_to_the_end()
            except SourceError as error:
                asked_to_wait = error.retry_after or 0.0
                self._failed(error)
            finally:
                self.is_up = False
            await self._pause(asked_to_wait)

    def _failed(self, error: SourceError) -> None:
        """Keep what people should hear of; that the runner has not found the pipeline yet, or it is gone, is not."""
        passing = isinstance(error, NotFound) and (error.code is not None or self._in_a_row < _DISCOVERY_ATTEMPTS)
        if not passing:
            self._failure = error
            self.is_failing = True

    async def _pause(self, asked_to_wait: float) -> None:
        """Wait before the next attempt: not at all after a stream that lived, else longer and longer."""
        lived = self._opened_at is not None and time.monotonic() - self._opened_at >= _LIVED_SECONDS
        self._in_a_row = 0 if lived else self._in_a_row + 1
        if self._in_a_row:
            wait = backoff(self._in_a_row, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
            await asyncio.sleep(max(min(asked_to_wait, 2 * _LONGEST_WAIT), wait))

    async def _read_to_the_end(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with self._gate:
                opening = self._client.stream(LOGS, {"cursor": self._progress.cursor}, name=self._name)
                reader = _Reader(await stack.enter_async_context(opening))
                stack.push_async_callback(reader.aclose)
                self._opened(reader.stream)
                if self._progress.replays:
                    await self._catch_up(reader)
            await self._go_on(reader)

    def _opened(self, stream: Stream) -> None:
        if stream.headers.get("content-type", "text/plain").startswith("text/html"):
            raise BadResponse(f"{LOGS}: a web page came in place of a log; is there a proxy that wants a login?")
        self._tally.lost += self._progress.opened(stream.headers)
        self._tally.reconnects += self._reopening
        self._splitter = Splitter(says_end=not self._progress.is_exact)
        self._reopening, self._doubted = True, False
        self.is_up, self.is_failing = True, False
        self._opened_at = self._last_data = time.monotonic()

    async def _catch_up(self, reader: _Reader) -> None:
        """Read the replayed buffer and count what is new in it."""
        block = await self._replay(reader)
        sifted, new, shown = await asyncio.to_thread(self._sift, block)
        self._tally.lost += self._progress.settle(sifted, new.last_at)
        if sifted.found.lines:
            self._tally.add(new)
        self._tally.show(shown.telling)

    async def _replay(self, reader: _Reader) -> bytes:
        """The lines that come at once.

        They end with a pause, or with a line that was logged after we asked; or are more than a buffer can hold.
        """
        blocks, size, began = [], 0, time.monotonic()
        while size < _REPLAY_BYTES and time.monotonic() - began < _LONGEST_REPLAY_SECONDS:
            data = await reader.read(_QUIET_SECONDS)
            if data == b"" or (data is None and not self._splitter.is_within_a_line):
                break
            blocks.append(block := self._splitter.feed(data or b""))
            size += len(data or b"")
            if time.monotonic() - began > _REPLAY_SECONDS and (last_time_of(block) or 0) > reader.stream.asked_at:
                break
        return b"".join(blocks)

    def _sift(self, block: bytes) -> tuple[Sifted, Summary, Summary]:
        """What is new in a replay, that read, and the lines to show: old ones too if none are shown yet."""
        sifted = self._progress.sift(block)
        shows_all = not self._tally.shows_any
        new = summarize(sifted.block, most_telling=0 if shows_all else self._most_errors)
        return sifted, new, summarize(block if shows_all else b"", most_telling=self._most_errors)

    async def _go_on(self, reader: _Reader) -> None:
        """Count lines as they come, until the stream ends, or is given up because it may be dead."""
        self._caught_up_at = time.monotonic()
        while (data := await reader.read(_LOOK_SECONDS)) != b"":
            if data is not None:
                self._take_in(self._splitter.feed(data))
                await asyncio.sleep(_GATHER_SECONDS if len(data) < _SMALL_READ else 0)
            elif self._doubted:
                return
            elif time.monotonic() - self._last_data > _IDLE_SECONDS:
                self._reopening = False
                return

    def _take_in(self, block: bytes) -> None:
        self._last_data = time.monotonic()
        self._doubted = False
        if self._last_data - self._caught_up_at > _LONGEST_REPLAY_SECONDS:
            self._progress.trust()
        found = self._progress.news(block)
        summary = summarize(found, most_telling=self._most_errors)
        self._progress.advance(block, found, summary.last_at)
        if found:
            self._tally.add(summary)


class _Reader:
    """Reads a stream with patience: a read that takes too long goes on in the background."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._pending: asyncio.Task[bytes] | None = None

    async def read(self, patience: float) -> bytes | None:
        """The next bytes, none at the end; None if nothing came within ``patience`` seconds. Raises SourceError."""
        reading = self._pending or asyncio.create_task(self.stream.read())
        self._pending = reading
        await asyncio.wait({reading}, timeout=patience)
        if not reading.done():
            return None
        self._pending = None
        return reading.result()

    async def aclose(self) -> None:
        """End the read that goes on; what becomes of it does not matter any more."""
        if self._pending:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)
