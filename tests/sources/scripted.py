"""A server that plays a script of raw bytes, so that a client can be shown what no real server would send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What happens after a request's head was read."""


class Scripted:
    """Plays ``play`` for every request; ``heads`` are those requests, as they came."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.heads: list[str] = []
        self.url = ""
        self._open: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode())
            await self.play(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        """End every connection."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@contextlib.asynccontextmanager
async def scripted(play: Play) -> AsyncIterator[Scripted]:
    """A scripted server on a free port of this machine."""
    playing = Scripted(play)
    server = await asyncio.start_server(playing.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    playing.url = f"http://{host}:{port}"
    try:
        yield playing
    finally:
        server.close()
        await playing.stop()
        await server.wait_closed()


def saying(status: int, body: bytes, **headers: str) -> Play:
    """An answer as it should be, at least in form."""

    async def play(writer: asyncio.StreamWriter) -> None:
        fields = {"Content-Length": str(len(body)), "Connection": "close", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()

    return play


def saying_json(status: int, body: object, **headers: str) -> Play:
    """The same with a body in JSON."""
    return saying(status, json.dumps(body).encode(), Content_Type="application/json", **headers)


async def silence(writer: asyncio.StreamWriter) -> None:
    """No answer at all, for a long time."""
    await asyncio.sleep(60)


async def dripping(writer: asyncio.StreamWriter) -> None:
    """A body that comes byte by byte and never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(writer: asyncio.StreamWriter) -> None:
    """The connection is torn down in the middle of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{")
    await writer.drain()
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def cut_short(writer: asyncio.StreamWriter) -> None:
    """The connection is closed in good order, but before the body is whole."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]")
    await writer.drain()


async def endless(writer: asyncio.StreamWriter) -> None:
    """A body without an end, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def no_http(writer: asyncio.StreamWriter) -> None:
    """Something that is not HTTP."""
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()
