"""A line to a server that a test can cut: what comes over it goes on, until nothing does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Line:
    """A line to the server at ``url``, and its own address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._end = (str(parts.hostname), int(parts.port or 80))
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        """Carry what comes."""
        async with await asyncio.start_server(self._carry, "127.0.0.1", 0) as server:
            self.url = "http://{}:{}".format(*server.sockets[0].getsockname())
            try:
                yield self
            finally:
                self.cut()

    def cut(self) -> None:
        """Carry nothing any more, and end what is under way."""
        self._is_cut = True
        for writer in self._writers:
            writer.close()

    def mend(self) -> None:
        """Carry what comes from now on."""
        self._is_cut = False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            if self._is_cut:
                return
            there, back = await asyncio.open_connection(*self._end)
            with contextlib.closing(back):
                both = {writer, back}
                self._writers |= both
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
                self._writers -= both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()
