"""One pipeline's log, followed for as long as somebody wants it: opened, read, and opened again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time

from exporter.errors import BadResponse, NotFound, SourceError
from exporter.http.retryafter import backoff
from exporter.model import LogLine, LogPosition, LogRead
from exporter.sources.feldera.logs.lines import Summary, summarize
from exporter.sources.feldera.logs.progress import Progress
from exporter.sources.feldera.logs.splitter import Splitter
from exporter.sources.feldera.logs.tally import Tally
from exporter.sources.http import ApiClient, Stream

LOGS = "/v0/pipelines/{name}/logs"

_SMALL_READ = 16 * 1024
_GATHER_SECONDS = 0.25  # after a small read more is let gather, which costs less than many small reads
_LOOK_SECONDS, _CLOSE_LOOK_SECONDS = 2.0, 0.5
_IDLE_SECONDS = 600.0
_LIVED_SECONDS = 5.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_DISCOVERY_ATTEMPTS = 5
_UNKNOWN_PIPELINE = "UnknownPipelineName"
_NO_LOGS = ("text/html", "application/xhtml+xml", "application/json")


class LogStream:
    """Reads one log. ``errors`` are the lines of failures kept so far.

    To catch up takes more work than to go on: of all streams with the same ``gate`` only as many do so at once as it
    lets in, piece by piece, so that none holds up the others.
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
        errors: tuple[LogLine, ...] = (),
    ) -> None:
        self._client = client
        self._pipeline_id = pipeline_id
        self._name = name
        self._gate = gate
        self._most_errors = most_errors
        self._progress = Progress(position)
        self._tally = Tally(pipeline_id, most_errors=most_errors, errors=errors)
        self._handed_over = position
        self._splitter = Splitter()
        self._in_a_row = 0
        self._reopening = False
        self._doubted = False
        self._shows_known = False
        self._failure: SourceError | None = None
        self._opened_at: float | None = None
        self._last_data = time.monotonic()
        self.is_up = False
        self.is_failing = False

    def take(self) -> LogRead | None:
        """What was read since the last time, with the position it leads to; None: nothing changed."""
        position = self._progress.position()
        read = self._tally.take(lambda: position, up=self.is_up)
        if read is None and position != self._handed_over:
            read = LogRead(self._pipeline_id, up=self.is_up, position=position)
        self._handed_over = position
        return read

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
        """Keep what people should hear of."""
        if not self._is_passing(error):
            self._failure = error
            self.is_failing = True

    def _is_passing(self, error: SourceError) -> bool:
        """Whether the pipeline is gone, which the next poll tells, or the runner has not found it yet."""
        if not isinstance(error, NotFound):
            return False
        not_found_yet = error.code is None and self._in_a_row < _DISCOVERY_ATTEMPTS
        return not_found_yet or error.code == _UNKNOWN_PIPELINE

    async def _pause(self, asked_to_wait: float) -> None:
        """Wait before the next attempt: not at all after a stream that lived, else longer and longer."""
        lived = self._opened_at is not None and time.monotonic() - self._opened_at >= _LIVED_SECONDS
        self._in_a_row = 0 if lived else self._in_a_row + 1
        if self._in_a_row:
            wait = backoff(self._in_a_row, first=_FIRST_WAIT, longest=_LONGEST_WAIT)
            await asyncio.sleep(max(min(asked_to_wait, 2 * _LONGEST_WAIT), wait))

    async def _read_to_the_end(self) -> None:
        opening = self._client.stream(LOGS, {"cursor": self._progress.cursor}, accept="text/plain", name=self._name)
        async with opening as stream, contextlib.aclosing(_Reader(stream)) as reader:
            self._opened(stream)
            await self._follow(reader)

    def _opened(self, stream: Stream) -> None:
        content_type = stream.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type in _NO_LOGS:
            raise BadResponse(f"{LOGS}: {content_type} came in place of a log; is there a proxy that wants a login?")
        self._progress.opened(stream.headers, asked_at=stream.asked_at)
        self._tally.lost += self._progress.take_lost()
        self._tally.reconnects += self._reopening
        self._splitter = Splitter()
        self._reopening, self._doubted = True, False
        self._shows_known = not self._tally.shows_any
        self.is_up, self.is_failing = True, False
        self._opened_at = self._last_data = time.monotonic()

    async def _follow(self, reader: _Reader) -> None:
        """Count lines as they come, until the stream ends, or is given up because it may be dead."""
        silent_seconds = 0.0  # not by the clock, which goes on while this program is held up
        while (data := await reader.read(patience := self._patience())) != b"":
            silent_seconds = 0.0 if data else silent_seconds + patience
            if data:
                await self._take_in(data)
                await asyncio.sleep(_GATHER_SECONDS if len(data) < _SMALL_READ else 0)
            elif self._is_given_up():
                return
            self._wait(silent_seconds)

    def _patience(self) -> float:
        """How long to wait for data at a time; a pause tells the end of a replay."""
        return _CLOSE_LOOK_SECONDS if self._progress.is_catching_up else _LOOK_SECONDS

    def _is_given_up(self) -> bool:
        """Whether a stream that brings nothing is opened anew."""
        is_idle = time.monotonic() - self._last_data > _IDLE_SECONDS
        if is_idle:
            self._reopening = False
        return is_idle or self._doubted

    def _wait(self, silent_seconds: float) -> None:
        open_seconds = time.monotonic() - (self._opened_at or 0.0)
        self._progress.wait(silent_seconds=silent_seconds, open_seconds=open_seconds)
        self._tally.lost += self._progress.take_lost()

    async def _take_in(self, data: bytes) -> None:
        self._last_data = time.monotonic()
        self._doubted = False
        block = self._splitter.feed(data)
        if not self._progress.is_catching_up:
            self._count(block)
            return
        async with self._gate:
            self._count(block)
            await asyncio.sleep(0)

    def _count(self, block: bytes) -> None:
        """Count what is new in whole lines; at first also lines of failures that are known already are kept."""
        shows_known = self._shows_known and self._progress.is_catching_up
        found = self._progress.read(block)
        self._tally.lost += self._progress.take_lost()
        if found:
            self._tally.count(summarize(found, most_telling=0) if shows_known else self._show(found))
        if shows_known:
            self._show(block)

    def _show(self, block: bytes) -> Summary:
        summary = summarize(block, most_telling=self._most_errors)
        self._tally.show(summary)
        return summary


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
