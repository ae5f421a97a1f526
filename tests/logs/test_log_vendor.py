"""The vendor's own Python client and our stream read the same lines from the same server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.world import World
from exporter.sources.feldera.logs.splitter import Splitter
from exporter.sources.feldera.logs.stream import LOGS
from tests.demo.test_feldera_vendor import FelderaClient, Served
from tests.logs.running import eventually
from tests.logs.test_log_stream_ends import watching
from tests.sources.test_http import client

WRITTEN = ["an ordinary line", "", "  spaces  ", "ünïcödé", "\x1b[31mred\x1b[0m", "a\rcarriage return",
           "\x0bvertical tab", '{"level":"INFO"}', "next line\x85 in latin-1", "paragraph\u2029separator"]  # fmt: skip


@contextlib.contextmanager
def served(*, cursor: bool) -> Iterator[Served]:
    """A world with a pipeline that has logged, served in a thread of its own."""
    world = World(delays=Delays.none(), log_cursor=cursor)
    world.create("orders")
    with Served(world) as server:
        world.log("orders", *WRITTEN)
        yield server


def replayed(server: Served) -> list[str]:
    """All lines and the last words, as the vendor's client gives them; the runner restarts meanwhile."""
    stream = FelderaClient(server.url).get_pipeline_logs("orders")
    first = next(stream)
    server.world.restart_runner()
    return [first, *stream]


def resumed(server: Served, count: int) -> tuple[list[str], str]:
    """So many lines as the vendor's client gives them, and where it says that it stands then."""
    with FelderaClient(server.url).resume_pipeline_logs("orders") as lines:
        return list(itertools.islice(lines, count)), lines.cursor()


async def ours(server: Served) -> list[str]:
    """All whole lines that come at once, as our stream reads and cuts them."""
    splitter, block = Splitter(), b""
    async with client(server.url) as opened, opened.stream(LOGS, {"cursor": ""}, name="orders") as stream:
        with contextlib.suppress(TimeoutError):
            while data := await asyncio.wait_for(stream.read(), 1):
                block += splitter.feed(data)
    return block.decode().split("\n")[:-1]


async def test_the_same_lines_by_replay() -> None:
    """``get_pipeline_logs`` drops empty lines and cuts at carriage returns; but for that its lines are ours."""
    with served(cursor=False) as server:
        lines = await ours(server)
        read = await asyncio.to_thread(replayed, server)
    assert lines[1:] == WRITTEN
    assert read == [*filter(None, "\r".join(lines).split("\r")), "Logs have ended"]


async def test_the_same_lines_and_position_by_cursor() -> None:
    """``resume_pipeline_logs`` reads the lines we read, and stands where our stream stands after them."""
    with served(cursor=True) as server:
        lines = await ours(server)
        read, cursor = await asyncio.to_thread(resumed, server, len(lines))
        async with watching(server.url, "orders") as watched:
            await eventually(lambda: watched.lines() == len(lines))
            position = watched.reads[-1].position
    assert lines[1:] == WRITTEN
    assert read == lines
    assert position is not None
    assert f"{position.epoch}:{position.number}" == cursor
