"""The publisher: a page made after each change, compressed in the background, and by nobody twice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from exporter.metrics import publish
from exporter.metrics.exposition import Piece
from exporter.metrics.own import OwnMetrics
from exporter.metrics.publish import Publisher
from exporter.metrics.text import FORMATS, Format

LONGEST = 10.0
"""Seconds after which a test gives up; none waits for them when all is well."""

TURN = 0.011
"""Seconds that a piece takes after which others get their turn."""


class FakeBody:
    """A body of one line that counts how often its text was read; until ``gate`` is open there is more before it."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.series = 1
        self.reads: Counter[Format] = Counter()
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def pieces(self, format: Format) -> Iterator[Piece]:
        self.reads[format] += 1
        self.begun.set()
        while not self.gate.is_set():
            time.sleep(TURN)
            yield Piece([])
        yield Piece([self.line])

    def texts(self, format: Format) -> Iterator[bytes]:
        return map(Piece.text, self.pieces(format))

    def size(self, format: Format) -> int:
        return len(self.line)


class World:
    """A publisher and the bodies it makes, numbered from 1."""

    def __init__(self) -> None:
        self.bodies: list[FakeBody] = []
        self.closed = False
        self.own = OwnMetrics()
        make: Callable[[], Any] = self._make
        self.publisher = Publisher(make, self.own)
        self.made = asyncio.Event()

    def _make(self) -> FakeBody:
        self.bodies.append(FakeBody(b"page %d\n" % (len(self.bodies) + 1)))
        if self.closed:
            self.bodies[-1].gate.clear()
        self.made.set()
        return self.bodies[-1]

    async def gzip(self, format: Format = "text") -> str:
        """The first line of the page, as it comes compressed."""
        return gzip.decompress(b"".join(await self.publisher.gzip(format))).decode().partition("\n")[0]

    def own_value(self, name: str) -> float:
        """A sample of the exporter's own metrics."""
        (line,) = (line for line in self.own.render("text").decode().splitlines() if line.startswith(f"{name} "))
        return float(line.split()[1])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A publisher that has made nothing yet; whoever is still held up at the end is let go."""
    made = World()
    yield made
    for body in made.bodies:
        body.gate.set()


@pytest.fixture
async def running(world: World) -> AsyncIterator[World]:
    """The same, publishing."""
    task = asyncio.create_task(world.publisher.run())
    yield world
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("format", FORMATS)
async def test_the_page_ends_with_the_own_metrics(world: World, format: Format) -> None:
    """Identity text is the body, then the exporter's own metrics, and as long as was said."""
    await world.publisher.publish()
    for _ in range(3):
        world.publisher.identity(format)  # the size of the page is on the page: let it settle
    length, pieces = world.publisher.identity(format)
    text = b"".join(pieces)
    assert text == b"page 1\n" + world.own.render(format)
    assert length == len(text)
    assert text.endswith(b"# EOF\n") is (format == "openmetrics")


async def test_before_the_first_change_there_is_only_the_exporter_itself(world: World) -> None:
    """Someone who asks early gets a valid page."""
    _, pieces = world.publisher.identity("text")
    assert b"".join(pieces).startswith(b"# HELP pipeline_exporter_")
    assert (await world.gzip()).startswith("# HELP pipeline_exporter_")


async def test_a_change_makes_a_new_page(running: World) -> None:
    """Each change is followed by a page; several at once by one."""
    for number in (1, 2):
        for _ in range(5):
            running.publisher.changed()
        await asyncio.wait_for(running.made.wait(), LONGEST)
        running.made.clear()
        assert next(running.publisher.identity("text")[1]) == b"page %d\n" % number
    assert len(running.bodies) == 2


async def test_nothing_is_made_without_a_change(running: World) -> None:
    """A quiet exporter does no work."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert running.bodies == []


async def test_several_askers_share_one_compression(world: World) -> None:
    """However many ask at once, a page is compressed once a format."""
    await world.publisher.publish()
    pages = await asyncio.gather(*(world.gzip(format) for format in FORMATS for _ in range(5)))
    assert pages == ["page 1"] * 10
    assert world.bodies[0].reads == {"text": 1, "openmetrics": 1}


async def test_a_page_is_compressed_before_it_is_asked_for_again(world: World) -> None:
    """A format that is in use is compressed when the page changes; one that nobody asks for is not."""
    await world.publisher.publish()
    await world.gzip("text")
    await world.publisher.publish()
    assert world.bodies[1].reads == {"text": 1}
    assert await world.gzip("text") == "page 2"
    assert world.bodies[1].reads == {"text": 1}


async def test_the_old_page_is_served_while_the_new_one_is_compressed(world: World) -> None:
    """Nobody waits for a compression but the first who asks."""
    await world.publisher.publish()
    await world.gzip()
    world.closed = True
    publishing = asyncio.create_task(world.publisher.publish())
    await asyncio.sleep(0)
    assert len(world.bodies) == 2
    assert await asyncio.wait_for(world.gzip(), LONGEST) == "page 1"
    world.bodies[1].gate.set()
    await publishing
    assert await world.gzip() == "page 2"


async def test_a_client_that_goes_away_takes_nobody_with_it(world: World) -> None:
    """Cancelling one asker leaves the compression to the others."""
    world.closed = True
    await world.publisher.publish()
    first, second = (asyncio.create_task(world.gzip()) for _ in range(2))
    await asyncio.wait_for(world.bodies[0].begun.wait(), LONGEST)
    first.cancel()
    world.bodies[0].gate.set()
    assert await second == "page 1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert world.bodies[0].reads == {"text": 1}


async def test_a_format_asked_for_during_a_publication_harms_nobody(world: World) -> None:
    """The first request for a format may come while another one is being compressed."""
    await world.publisher.publish()
    await world.gzip("text")
    world.closed = True
    publishing = asyncio.create_task(world.publisher.publish())
    await asyncio.sleep(0)
    asking = asyncio.create_task(world.gzip("openmetrics"))
    await asyncio.sleep(0)
    world.bodies[1].gate.set()
    await publishing
    assert await asking == "page 2"


async def test_the_publisher_measures_itself(world: World) -> None:
    """How many samples, how many bytes, how long it took."""
    await world.publisher.publish()
    length, pieces = world.publisher.identity("text")
    samples = [line for line in b"".join(pieces).splitlines() if not line.startswith(b"#")]
    assert world.own_value("pipeline_exporter_exposition_series") == len(samples)
    assert world.own_value("pipeline_exporter_render_duration_seconds_count") == 1
    assert world.own_value("pipeline_exporter_exposition_bytes") == pytest.approx(length, abs=32)


async def test_whoever_waits_is_told_when_the_page_has_caught_up(running: World) -> None:
    """Not by a page that was begun before the last change; and at once if nothing changed."""
    await asyncio.wait_for(running.publisher.caught_up(), LONGEST)
    assert running.bodies == []
    running.publisher.changed()
    await asyncio.wait_for(running.publisher.caught_up(), LONGEST)
    assert len(running.bodies) == 1
    await running.gzip()
    running.closed = True
    running.publisher.changed()
    while len(running.bodies) < 2:
        await asyncio.sleep(0.01)
    running.publisher.changed()  # while the second is being compressed
    waiting = asyncio.create_task(running.publisher.caught_up())
    running.closed = False
    running.bodies[1].gate.set()
    await asyncio.wait_for(waiting, LONGEST)
    assert len(running.bodies) == 3


async def test_nobody_waits_for_ever_for_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody who publishes, waiting ends all the same."""
    monkeypatch.setattr(publish, "_PATIENCE_SECONDS", 0.05)
    world.publisher.changed()
    await asyncio.wait_for(world.publisher.caught_up(), LONGEST)
    assert world.bodies == []
