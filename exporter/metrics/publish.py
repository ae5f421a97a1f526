"""Keeps the page ready: put together after each change, compressed before anyone asks for it again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain

import msgspec

from exporter.gradually import gradually
from exporter.metrics.exposition import Body, Deflated, Piece, deflate, gzip_stream
from exporter.metrics.own import OwnMetrics
from exporter.metrics.text import Format

_WANTED_SECONDS = 300.0
_LEAST_PAUSE_SECONDS = 0.02
_PAUSE_PER_WORK = 4.0
_PATIENCE_SECONDS = 5.0


class _Packed(msgspec.Struct, frozen=True):
    """A compressed page and the number of the body it was made from."""

    edition: int
    deflated: Deflated


class Publisher:
    """Serves the newest page without making anyone wait for it to be made.

    ``changed()`` is called after each change. The page is put together at once, and then not again before a pause
    that grows with what it cost, so that a storm of changes takes a fifth of one core at most. A format that was
    asked for in gzip within the last five minutes is compressed bit by bit, while the page before it is served.
    ``prepare`` does beforehand, bit by bit, most of what ``make`` does in one step; ``keep`` writes down what the page
    tells before anyone sees it, so that no counter goes back after a crash.
    """

    def __init__(
        self,
        make: Callable[[], Body],
        own: OwnMetrics,
        *,
        prepare: Callable[[], Awaitable[None]] | None = None,
        keep: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._make = make
        self._prepare = prepare
        self._keep = keep
        self._own = own
        self._body = Body((), 0)
        self._edition = 0
        self._packed: dict[Format, _Packed] = {}
        self._packing: dict[Format, asyncio.Task[_Packed]] = {}
        self._asked_at: dict[Format, float] = {}
        self._changed = asyncio.Event()
        self._begun = self._ended = 0
        self._news = asyncio.Condition()

    def changed(self) -> None:
        """Say that the page is out of date."""
        self._changed.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._changed.wait()
            begin = time.monotonic()
            await self.publish()
            pause = max(_LEAST_PAUSE_SECONDS, _PAUSE_PER_WORK * (time.monotonic() - begin))
            await asyncio.sleep(pause)

    async def caught_up(self) -> None:
        """Return when a page is ready that tells what is known now, or after a few seconds without."""
        page = self._begun + self._changed.is_set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._news:
                await self._news.wait_for(lambda: self._ended >= page)

    async def publish(self) -> None:
        """Put the page together and compress it for those who are used to that."""
        self._changed.clear()
        self._begun += 1
        page = self._begun
        await self._publish()
        async with self._news:
            self._ended = page
            self._news.notify_all()

    async def _publish(self) -> None:
        with self._own.render_duration.time():
            if self._prepare:
                await self._prepare()
            body = self._make()
        if self._keep:
            await self._keep()
        self._body = body
        self._edition += 1
        for format in list(self._asked_at):
            if time.monotonic() - self._asked_at[format] > _WANTED_SECONDS:
                del self._asked_at[format]
                self._packed.pop(format, None)
            elif (await self._pack(format)).edition != self._edition:  # that was under way already
                await self._pack(format)
        self._measure()

    def _measure(self) -> None:
        """Note the size of the whole page in the text format, and the number of its samples."""
        end = self._own.render("text")
        self._own.exposition_bytes.set(self._body.size("text") + len(end))
        comments = end.startswith(b"#") + end.count(b"\n#")
        self._own.exposition_series.set(self._body.series + end.count(b"\n") - comments)

    def identity(self, format: Format) -> tuple[int, Iterator[bytes]]:
        """The newest page as it is: its length in bytes, and its pieces."""
        end = self._own.render(format)
        return self._body.size(format) + len(end), chain(self._body.texts(format), (end,))

    async def gzip(self, format: Format) -> Sequence[bytes]:
        """The page as one gzip stream: the newest that is compressed, or one that is being asked for first."""
        self._asked_at[format] = time.monotonic()
        packed = self._packed.get(format)
        if packed is None or (packed.edition != self._edition and format not in self._packing):
            packed = await self._pack(format)
        return gzip_stream(packed.deflated, self._own.render(format))

    async def _pack(self, format: Format) -> _Packed:
        """Compress the present body; whoever asks meanwhile waits for the same work."""
        if format not in self._packing:
            self._packing[format] = asyncio.create_task(self._compress(format))
        return await asyncio.shield(self._packing[format])

    async def _compress(self, format: Format) -> _Packed:
        try:
            edition = self._edition
            pieces = await gradually(Piece.packed, self._body.pieces(format))
            packed = _Packed(edition, deflate(pieces))
            self._packed[format] = packed
            return packed
        finally:
            del self._packing[format]
