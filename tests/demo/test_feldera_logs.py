"""The simulated log buffer: limits, numbering, followers, firehose."""

from __future__ import annotations

import re

from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.logs import LogBuffer, LogLimits
from exporter.demo.feldera.world import World

LINE = re.compile(
    r"^\[(?P<src>[^\]]*)\] (?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)\s+"
    r"(?P<lvl>TRACE|DEBUG|INFO|WARN|ERROR) (?P<msg>.*)$"
)


def numbered(first: int, last: int) -> list[bytes]:
    """Lines that say their number."""
    return [b"%d\n" % number for number in range(first, last + 1)]


def test_the_buffer_keeps_the_last_lines() -> None:
    """Lines beyond the limit are discarded, and numbers stay those of the epoch."""
    buffer = LogBuffer("e", LogLimits(max_lines=3))
    buffer.append(numbered(1, 5))
    assert (buffer.last, buffer.discarded, buffer.after(0)) == (5, 2, b"3\n4\n5\n")
    assert buffer.after(4) == b"5\n"


def test_the_buffer_keeps_bytes_in_bounds() -> None:
    """A line larger than the buffer empties it."""
    buffer = LogBuffer("e", LogLimits(max_bytes=10))
    buffer.append(numbered(1, 4))
    buffer.append([b"x" * 20 + b"\n"])
    assert (buffer.after(0), buffer.discarded) == (b"", 5)


def test_a_slow_follower_is_dropped() -> None:
    """Who leaves too many lines unread gets what is queued, then the end."""
    buffer = LogBuffer("e", LogLimits(channel_lines=4))
    follower = buffer.follow()
    buffer.append(numbered(1, 3))
    assert not follower.closed
    buffer.append(numbered(4, 6))
    assert (follower.closed, follower.take(), buffer.followers) == (True, b"1\n2\n3\n", set())


def test_a_firehose_without_readers_costs_one_buffer() -> None:
    """Lines nobody could read are counted, not made; the buffer holds the newest."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0], delays=Delays.none(), log_limits=LogLimits(max_lines=100))
    row = world.create("p")
    world.firehose("p", 100_000)
    now[0] += 60
    world.advance(now[0])
    buffer = world.logbook.of(row)
    assert buffer.last == 6_000_000 + 1
    lines = buffer.after(0).decode().splitlines()
    assert (len(lines), lines[-1].rpartition(" ")[2]) == (100, "5999999")


def test_lines_look_like_the_real_ones() -> None:
    """Control-plane and pipeline lines match the known pattern once colours are gone; panics do not."""
    world = World(clock=lambda: 1_800_000_000.0, delays=Delays.none())
    row = world.create("p")
    world.start("p")
    world.fail("p", "RuntimeError.WorkerPanic", "boom", None)
    text = world.logbook.of(row).after(0).decode()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain != text
    first, *_ = lines = plain.splitlines()
    assert "Fresh start of pipeline logs" in first
    assert 'pipeline-name="N/A"' in first
    unmatched = [line for line in lines if not LINE.match(line)]
    assert unmatched[0].startswith("thread 'dbsp-worker-")
    assert len(unmatched) == 7
    assert "Resources transition: stopped -> provisioning (desired: provisioned)" in plain
    assert "Storage transition: cleared -> in_use" in plain
