"""Each way a stream ends, on raw sockets: what is counted, what is told, and that it is opened again."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, socket

from exporter.config.units import Interval
from exporter.errors import SourceError
from exporter.model import LogLine, LogPosition, LogRead
from exporter.sources.feldera.logs.stream import LogStream
from tests.logs.running import eventually
from tests.sources.raw import Behaviour, Raw, answer
from tests.sources.test_http import client

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = [f"[p] 2026-01-01T00:00:00.{number:06d}Z  INFO t: line {number}\n".encode() for number in range(30)]
LATER = [f"[p] 2026-01-01T00:00:01.{number:06d}Z ERROR t: line {number}\n".encode() for number in range(30)]

Ending = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def sending(*pieces: bytes, end: Ending, pause: float = 0.8) -> Behaviour:
    """A stream of these pieces, the first of them at once, and how it ends."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for piece in pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(pause)
        await end(reader, writer)

    return behave


async def in_order(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The body ends as HTTP has it."""
    writer.write(b"0\r\n\r\n")


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is closed within the body."""
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is reset."""
    sock: socket = writer.get_extra_info("socket")
    sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """The connection stays, silently."""
    await reader.read()


class Watched:
    """A stream that runs, and all that it handed over."""

    def __init__(self, stream: LogStream) -> None:
        self.stream = stream
        self.reads: list[LogRead] = []
        self.failures: list[SourceError] = []

    def take(self) -> None:
        """As the follower does every second."""
        if (read := self.stream.take()) is not None:
            self.reads.append(read)
        if (failure := self.stream.take_failure()) is not None:
            self.failures.append(failure)

    def lines(self) -> int:
        """How many were counted."""
        self.take()
        return sum(sum(read.lines.values()) for read in self.reads)

    def reasons(self) -> list[str]:
        """Of failures, each once."""
        self.take()
        return sorted({failure.reason for failure in self.failures})


@contextlib.asynccontextmanager
async def watching(url: str, name: str = "p", *, errors: tuple[LogLine, ...] = ()) -> AsyncIterator[Watched]:
    """A stream of a new pipeline's log at ``url``; it has time for an answer, also on a machine with much to do."""
    async with client(url, timeout=Interval(30)) as opened:
        stream = LogStream(
            opened,
            pipeline_id="p",
            name=name,
            position=LogPosition(),
            most_errors=3,
            gate=asyncio.Semaphore(1),
            errors=errors,
        )
        task = asyncio.create_task(stream.run())
        try:
            yield Watched(stream)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


ALL = b"".join((*FIRST, *LATER))
WHOLE = sending(ALL, end=never)
BEGUN = b"".join(FIRST)

ENDS: dict[str, tuple[Behaviour, list[str], int]] = {
    "the runner says so": (sending(BEGUN + b"Logs have ended\n", end=in_order), [], 1),
    "the runner says so later": (sending(BEGUN, b"Logs have ended\n", end=in_order), [], 1),
    "it just ends": (sending(BEGUN, end=in_order), [], 1),
    "in the middle of a line": (sending(BEGUN, LATER[0][:20], end=in_order), [], 1),
    "in the middle of the body": (sending(BEGUN, LATER[0], end=cut), ["connection"], 1),
    "with a reset": (sending(BEGUN, LATER[0], end=reset), ["connection"], 1),
    "with a reset in the replay": (sending(BEGUN[:700], end=reset), ["connection"], 1),
    "unknown pipeline": (answer("404 Not Found", b'{"error_code":"UnknownPipelineName"}'), [], 0),
    "not discovered yet": (answer("404 Not Found", b""), [], 0),
    "runner not reachable": (answer("503 X", b'{"error_code":"RunnerInteractionUnreachable"}'), ["server_error"], 0),
    "runner closed": (answer("500 X", b"{}"), ["server_error"], 0),
    "bad key": (answer("401 X", b'{"error_code":"AuthenticationFailed"}'), ["unauthorized"], 0),
    "no right": (answer("403 X", b"{}"), ["forbidden"], 0),
    "a proxy's page": (answer("200 OK", b"<html>log in</html>\n", content_type="text/html"), ["bad_response"], 0),
    "an ingress that knows no such path": (answer("404 X", b'{"error":"Not Found"}'), ["not_found"], 0),
    "a gateway's own answer": (
        answer("200 OK", b'{"status":"ok"}\n', content_type="application/json; charset=utf-8"),
        ["bad_response"],
        0,
    ),
    "a redirect": (answer("302 Found", b"", location="/login"), ["bad_response"], 0),
}
"""How a first stream ends, the reasons people hear of, and whether the second counts as a stream opened again."""


async def test_each_end() -> None:
    """However a stream ends, it is opened again; every line counts once; what is no passing thing is told."""
    seen = await asyncio.gather(*(outcome(behaviour) for behaviour, *_ in ENDS.values()))
    expected = [(len(FIRST) + len(LATER), reasons, reconnects) for _, reasons, reconnects in ENDS.values()]
    assert dict(zip(ENDS, seen, strict=True)) == dict(zip(ENDS, expected, strict=True))


async def outcome(first: Behaviour) -> tuple[int, list[str], int]:
    """What is counted and told after a first stream and a second one, which has all lines and stays."""
    server = Raw(first, WHOLE)
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: len(server.requests) >= 2, seconds=60)
        await eventually(lambda: watched.lines() >= len(FIRST) + len(LATER), seconds=60)
        await asyncio.sleep(0.3)
        assert not watched.stream.is_failing
        assert all("\r\naccept: text/plain\r\n" in request.lower() for request in server.requests)
        return watched.lines(), watched.reasons(), sum(read.reconnects for read in watched.reads)


async def a_wait_that_is_asked_for() -> None:
    """``Retry-After`` of one log is kept for that log."""
    server = Raw(answer("503 X", b"{}", retry_after="2"), WHOLE)
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.lines() == len(FIRST) + len(LATER))
        assert server.times[1] - server.times[0] >= 1.9


async def a_pipeline_that_is_not_discovered_for_long_is_told() -> None:
    """The runner needs seconds to find a pipeline; if it never does, people hear of it. It is asked less and less."""
    server = Raw(answer("404 Not Found", b""))
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.reasons() == ["not_found"], seconds=30)
        assert len(server.requests) >= 5
    waits = [later - earlier for earlier, later in pairwise(server.times)]
    assert waits[-1] > 2 * waits[0]


async def a_stream_that_lived_is_reopened_at_once() -> None:
    """After more than a few seconds of life an end costs no wait."""
    server = Raw(sending(BEGUN, *LATER[:6], end=in_order), WHOLE)
    ended: list[float] = []
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.lines() >= len(FIRST) + 6)
        ended.append(asyncio.get_running_loop().time())
        await eventually(lambda: len(server.requests) == 2)
        await eventually(lambda: watched.lines() == len(FIRST) + len(LATER))
    assert server.times[1] - server.times[0] >= 5


async def a_line_that_comes_in_two_pieces() -> None:
    """A replay that stops within a line is waited for, and is still a replay."""
    pieces = (BEGUN[:705], BEGUN[705:])
    server = Raw(sending(BEGUN, end=in_order), sending(*pieces, LATER[0], end=never, pause=1.5))
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.lines() == len(FIRST) + 1)
        await asyncio.sleep(0.2)
        assert watched.lines() == len(FIRST) + 1


async def test_the_peer_is_watched_by_the_kernel() -> None:
    """A connection whose other side vanished without a word is noticed: the socket's keep-alive timer runs."""
    server = Raw(WHOLE)
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.lines() > 0)
        port = int(url.rpartition(":")[2])
        timers = [row for row in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
                  if row[2].endswith(f":{port:04X}") and row[3] == "01"]  # fmt: skip
        (timer,) = {row[5] for row in timers}
    kind, _, due = timer.partition(":")
    assert kind == "02"
    assert 0 < int(due, 16) <= 20 * 100


async def a_doubted_stream_is_opened_anew() -> None:
    """A stream that brought nothing though there must have been lines may be dead: it is opened again, once."""
    server = Raw(sending(BEGUN, end=never), WHOLE)
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: watched.lines() == len(FIRST))
        watched.stream.doubt(time.monotonic() - 60)
        await asyncio.sleep(2.5)
        assert len(server.requests) == 1, "it did bring lines since"
        watched.stream.doubt(time.monotonic())
        await eventually(lambda: watched.lines() == len(FIRST) + len(LATER))
        assert len(server.requests) == 2
        assert watched.reasons() == []


async def test_cases_that_take_seconds() -> None:
    """The cases above, played at the same time."""
    await asyncio.gather(
        a_wait_that_is_asked_for(),
        a_pipeline_that_is_not_discovered_for_long_is_told(),
        a_stream_that_lived_is_reopened_at_once(),
        a_line_that_comes_in_two_pieces(),
        a_doubted_stream_is_opened_anew(),
    )
