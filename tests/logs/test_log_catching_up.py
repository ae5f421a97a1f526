"""Streams that catch up, on raw sockets: pauses in a replay, logs that hang, the lines of failures that are kept."""

from __future__ import annotations

import asyncio
import contextlib

from exporter.config.units import Interval
from exporter.model import LogLine, LogPosition
from exporter.sources.feldera.logs.stream import LogStream
from tests.logs.buffers import dated
from tests.logs.running import eventually
from tests.logs.test_log_stream_ends import ALL, BEGUN, FIRST, LATER, Watched, in_order, never, sending, watching
from tests.sources.raw import Behaviour, Raw
from tests.sources.test_http import client

PANIC = [b"thread 'w' panicked at src/a.rs:1:1:\n", *(b"frame %d\n" % number for number in range(40))]
WITH_PANIC = [
    *(dated(number, "line", at=number) for number in range(30)),
    *PANIC,
    *(dated(number, "line", at=number) for number in range(30, 130)),
]


async def test_a_replay_that_pauses_before_an_old_panic() -> None:
    """A panic that was counted does not count again, wherever the replay pauses."""
    whole = sending(b"".join(WITH_PANIC), end=in_order)
    pauses = [sending(b"".join(WITH_PANIC[:cut]), b"".join(WITH_PANIC[cut:]), end=in_order) for cut in (30, 31, 50)]
    server = Raw(whole, *pauses, sending(b"".join([*WITH_PANIC, *PANIC]), end=never))
    async with server.running() as url, watching(url) as watched:
        await eventually(lambda: len(server.requests) == 5, seconds=60)
        await eventually(lambda: watched.stream.is_up, seconds=60)
        await asyncio.sleep(1)
        assert watched.lines() == len(WITH_PANIC)
        assert sum(read.panics for read in watched.reads) == 1
        assert sum(read.lost for read in watched.reads) == 0


async def hanging(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """No answer at all."""
    await reader.read()


async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A replay that takes for ever."""
    await sending(b"a", end=in_order, pause=0)(reader, writer)
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(b"1\r\na\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


async def test_a_log_is_not_held_up_by_others() -> None:
    """Of logs that hang or dribble there may be many: one that works is read at once, through the same gate."""
    for others in (hanging, trickling):
        await _a_log_is_not_held_up_by(others)


async def _a_log_is_not_held_up_by(others: Behaviour) -> None:
    works = sending(ALL, end=never)

    async def by_name(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (works if "/good/" in server.requests[-1] else others)(reader, writer)

    server, gate = Raw(by_name), asyncio.Semaphore(1)
    async with server.running() as url, client(url, timeout=Interval(600)) as opened:
        streams = [
            LogStream(opened, pipeline_id=name, name=name, position=LogPosition(after=1.0), most_errors=3, gate=gate)
            for name in (*(f"bad{number}" for number in range(20)), "good")
        ]
        good = Watched(streams[-1])
        tasks = [asyncio.create_task(stream.run()) for stream in streams]
        await eventually(lambda: len(server.requests) == len(streams))
        await eventually(lambda: good.lines() == len(FIRST) + len(LATER))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_lines_of_failures_of_an_earlier_stream_are_kept() -> None:
    """A new stream goes on with the lines that were kept, the oldest of which give way."""
    kept = tuple(LogLine(f"kept {number}", float(number)) for number in range(2))
    server = Raw(sending(BEGUN, LATER[0], b"".join(LATER[1:3]), end=never))
    async with server.running() as url, watching(url, errors=kept) as watched:
        await eventually(lambda: watched.lines() == len(FIRST) + 3)
        await eventually(lambda: watched.lines() > 0 and "kept" not in shown(watched)[-1])
        assert shown(watched)[0][:2] == ["kept", "kept"]


def shown(watched: Watched) -> list[list[str]]:
    """The beginnings of the lines of failures, each time they were handed over."""
    return [[line.text.rpartition(" ")[0] for line in read.errors] for read in watched.reads if read.errors]


async def test_more_lines_of_failures_than_are_to_be_kept() -> None:
    """Where fewer are wanted than were kept, the others are gone at once."""
    kept = tuple(LogLine(f"kept {number}", float(number)) for number in range(5))
    async with Raw(sending(BEGUN, end=never)).running() as url, watching(url, errors=kept) as watched:
        await eventually(lambda: watched.lines() == len(FIRST))
        errors = [read.errors for read in watched.reads if read.errors is not None]
    assert errors == [kept[2:]]
