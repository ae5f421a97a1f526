"""Follows the logs of the pipelines that were chosen: which, with how many streams, and what they brought."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping
from itertools import islice

import msgspec
import structlog

from exporter.model import LogRead
from exporter.sources.base import Known, Run
from exporter.sources.feldera import translate
from exporter.sources.feldera.config import FelderaConfig, Logs
from exporter.sources.feldera.logs.stream import LogStream
from exporter.sources.feldera.wire import Row
from exporter.sources.http import ApiClient

log = structlog.get_logger(__name__)

_CATCHING_UP_AT_ONCE = 1
_GRACE_SECONDS = 5.0


class _Followed(msgspec.Struct):
    """A pipeline's stream and the task that runs it."""

    name: str
    stream: LogStream
    task: asyncio.Task[None]


class LogFollower:
    """The streams of one source. ``tend`` is called again and again: it opens, closes, and hands over what came."""

    def __init__(self, client: ApiClient, rows: Mapping[str, Row], config: FelderaConfig) -> None:
        self._client = client
        self._rows = rows
        self._source = config.name
        self._logs = config.logs or Logs(include=())
        self._followed: dict[str, _Followed] = {}
        self._chosen: dict[str, None] = {}
        self._moved: dict[str, tuple[float, float]] = {}
        self._polled_at = time.monotonic()
        self._left_out = 0
        self._gate = asyncio.Semaphore(_CATCHING_UP_AT_ONCE)

    def choose(self, before: Mapping[str, Row], *, ambiguous: Collection[str] = ()) -> None:
        """Take in a poll: choose the pipelines to follow, and note whose log must have gone on.

        Whose log an ambiguous name asks for nobody could tell.
        """
        rows = (row for row in self._rows.values() if row.name not in ambiguous)
        fitting = [row for row in rows if self._logs.chooses(row.name)]
        fitting.sort(key=lambda row: (row.deployment_resources_status == "Stopped", row.id not in self._followed))
        self._chosen = {row.id: None for row in islice(fitting, self._logs.max_streams)}
        self._tell_left_out(len(fitting) - len(self._chosen))
        now = time.monotonic()
        for key in self._chosen:
            if (old := before.get(key)) is not None and _logged(old) != _logged(self._rows[key]):
                self._moved[key] = (self._polled_at, now + _GRACE_SECONDS)
        self._polled_at = now

    async def tend(self, run: Run) -> None:
        """Open and close streams, hand over what they brought, tell of failures."""
        await self._close_others(run)
        for key in self._chosen:
            if key not in self._followed:
                self._follow(run, self._rows[key])
        for followed in self._followed.values():
            self._hand_over(run, followed.stream)
        self._doubt()
        self._restart_crashed()

    async def aclose(self) -> None:
        """Close every stream."""
        streams, self._followed = self._followed, {}
        for followed in streams.values():
            followed.task.cancel()
        await asyncio.gather(*(followed.task for followed in streams.values()), return_exceptions=True)

    def _follow(self, run: Run, row: Row) -> None:
        identity = translate.identity(row)
        if (known := run.known(identity)) is None:
            return
        stream = self._stream(row, known)
        self._followed[row.id] = _Followed(row.name, stream, asyncio.create_task(stream.run()))

    def _stream(self, row: Row, known: Known) -> LogStream:
        return LogStream(
            self._client,
            pipeline_id=translate.identity(row),
            name=row.name,
            position=known.log,
            most_errors=self._logs.error_lines,
            gate=self._gate,
            errors=known.log_errors,
        )

    async def _close_others(self, run: Run) -> None:
        """Close streams of pipelines that are gone, no longer chosen, or go by another name now."""
        for key in [key for key, one in self._followed.items() if not self._is_wanted(key, one.name)]:
            followed = self._followed.pop(key)
            self._moved.pop(key, None)
            followed.task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await followed.task
            while self._hand_over(run, followed.stream):
                pass
            if key in self._rows and key not in self._chosen:
                run.deliver(LogRead(translate.identity(self._rows[key]), up=None))

    def _is_wanted(self, key: str, name: str) -> bool:
        return key in self._chosen and key in self._rows and self._rows[key].name == name

    def _hand_over(self, run: Run, stream: LogStream) -> bool:
        """Deliver what a stream brought, and tell whether that was anything."""
        if (read := stream.take()) is not None:
            run.deliver(read)
        if (failure := stream.take_failure()) is not None:
            run.fail(failure)
        elif stream.is_failing:
            run.still_failing()
        return read is not None

    def _doubt(self) -> None:
        """The runner logs every change of status: a stream that did not bring it may be dead and not know it."""
        now = time.monotonic()
        for key, (since, due) in list(self._moved.items()):
            if now >= due:
                del self._moved[key]
                if key in self._followed:
                    self._followed[key].stream.doubt(since)

    def _restart_crashed(self) -> None:
        """Start streams anew that ended through a fault of ours. Raises RuntimeError for the first of them."""
        crashed = [followed for followed in self._followed.values() if followed.task.done()]
        causes = [None if one.task.cancelled() else one.task.exception() for one in crashed]
        for followed in crashed:
            followed.task = asyncio.create_task(followed.stream.run())
        for cause in causes:
            raise RuntimeError("a log stream ended unexpectedly; it is opened again") from cause

    def _tell_left_out(self, count: int) -> None:
        if count and not self._left_out:
            log.warning(
                "logs.max_streams: there are more pipelines to follow; those that are stopped are left out first",
                source=self._source,
                left_out=count,
            )
        self._left_out = count


def _logged(row: Row) -> tuple[object, ...]:
    """What the runner writes a log line about when it changes."""
    return row.deployment_resources_status, row.deployment_runtime_status, row.deployment_id
