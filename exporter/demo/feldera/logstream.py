"""The log endpoint: the buffer of a pipeline, then its live lines, for as long as somebody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from exporter.demo.feldera.answers import empty
from exporter.demo.feldera.logs import Follower, LogBuffer
from exporter.demo.feldera.rows import Row
from exporter.demo.feldera.world import World

_TICK_SECONDS = 0.05
_ENDED = b"Logs have ended\n"


class LogEndpoint:
    """The ASGI application at `/v0/pipelines/{name}/logs`; raises SimulatedError for an unknown name."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, until the stream ends or the client is gone."""
        request = Request(scope)
        row = self._world.find(request.path_params["name"])
        if self._world.now() - row.created_us / 1_000_000 < self._world.delays.discovery:
            await empty(404)(scope, receive, send)
            return
        cursor = request.query_params.get("cursor") if self._world.log_cursor else None
        await self._stream(_Reading(self._world, row, cursor), receive, send)

    async def _stream(self, reading: _Reading, receive: Receive, send: Send) -> None:
        """Send until either side ends; the follower is gone afterwards in any case."""
        gone = asyncio.create_task(_disconnected(receive))
        sending = asyncio.create_task(_send_all(reading, send))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops; it complains of bodies that have no end
            with suppress(RuntimeError, OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            reading.close()
            for task in (gone, sending):
                task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await asyncio.gather(gone, sending)


class _Reading:
    """One open stream: where it starts, and what is to be sent."""

    def __init__(self, world: World, row: Row, cursor: str | None) -> None:
        self._world = world
        self._row = row
        self._plain = cursor is None
        self._buffer: LogBuffer = world.logbook.of(row)
        self._asked = self._buffer.discarded if cursor is None else self._resume_after(cursor)
        self._start = max(self._asked, self._buffer.discarded)
        notice = world.logbook.notice(row) if self._plain else b""
        self._replay = notice + self._buffer.after(self._start)  # together with following: no line twice, none left out
        self._follower: Follower = self._buffer.follow()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response headers, with the position if it was asked for."""
        headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-cache"}
        if not self._plain:
            gap = self._start - self._asked
            position = {"epoch": self._buffer.epoch, "seq": str(self._start), "gap": str(gap)}
            headers |= {f"feldera-logs-{name}": value for name, value in position.items()}
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes of the body."""
        yield self._replay
        woken = asyncio.Event()
        self._follower.wake = woken.set
        while True:
            woken.clear()
            self._world.advance(self._world.clock())
            yield self._follower.take()
            if self._follower.closed:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), _TICK_SECONDS)
        if self._plain:
            yield _ENDED

    def close(self) -> None:
        """Forget the reader."""
        self._buffer.leave(self._follower)

    def _resume_after(self, cursor: str) -> int:
        """The number of the line the reader knows already; 0 for a cursor of another life of the buffer."""
        epoch, _, number = cursor.rpartition(":")
        known = epoch == self._buffer.epoch and number.isdecimal() and int(number) <= self._buffer.last
        return int(number) if known else 0


async def _send_all(reading: _Reading, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": reading.headers()})
    async for chunk in reading.chunks():
        if chunk:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
