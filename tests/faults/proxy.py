"""A TCP or TLS proxy in front of a server, which passes everything on until a fault is put in its way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Literal

import msgspec

Door = Literal["open", "closed", "deaf", "crowded", "plain"]
"""Whether connections are taken: all; none; by the kernel only; not even by the kernel; with no TLS but a refusal."""

_LONGEST_HEAD = 64 * 1024
_PIECE = 64 * 1024
_AT_ONCE_SECONDS = 0.2
_BACKLOG = 256
_STILL = frozenset({"content-length", "connection", "transfer-encoding"})


class Request(msgspec.Struct, frozen=True):
    """What a client asked: the first line's target, the whole head, and the body."""

    target: str
    head: bytes
    body: bytes

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream without an end."""
        return self.target.partition("?")[0].endswith("/logs")


class Answer(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    def head(self, *, close: bool = True) -> bytes:
        """The head as it goes over the wire; the length is the body's, unless a header says otherwise."""
        length, connection = str(len(self.body)), "close" if close else "keep-alive"
        fields = {"Content-Length": length, **self.headers, "Connection": connection}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode()


class Exchange:
    """A request at the proxy: what a fault has to work with."""

    def __init__(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: tuple[str, int]
    ) -> None:
        self.request = request
        self._reader = reader
        self._writer = writer
        self._upstream = upstream

    async def ask(self) -> Answer:
        """What the server behind answers; of a stream what comes at once."""
        reader, writer = await asyncio.open_connection(*self._upstream, limit=2**20)
        try:
            writer.write(_passed_on(self.request))
            answer = await (_at_once(reader) if self.request.streams else reader.read())
        finally:
            writer.close()
        return _parsed(answer)

    async def pass_on(self) -> None:
        """Send on what comes from behind as it comes, until either side is gone."""
        reader, writer = await asyncio.open_connection(*self._upstream)
        leaving = asyncio.create_task(self.left())
        leaving.add_done_callback(lambda _: writer.close())
        try:
            writer.write(_passed_on(self.request, version=b"1.1"))
            while data := await reader.read(_PIECE):
                await self.send(data)
        finally:
            writer.close()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def send(self, data: bytes) -> None:
        """These bytes, as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, answer: Answer, *, close: bool = True) -> None:
        """A whole answer in good order."""
        await self.send(answer.head(close=close) + answer.body)

    async def left(self) -> None:
        """Return when the client is gone."""
        while await self._reader.read(_LONGEST_HEAD):
            pass

    def finish(self) -> None:
        """Say that nothing more will come, and stay."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Tear the connection down."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Play = Callable[[Exchange], Awaitable[None]]
"""What happens to a request; the connection ends after it."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """Stands in front of ``upstream`` (``http://host:port``); its port stays its own whatever happens.

    ``usual`` is played while there is no fault.
    """

    def __init__(self, upstream: str, *, context: ssl.SSLContext | None = None) -> None:
        host, _, port = upstream.removeprefix("http://").rpartition(":")
        self._upstream = (host, int(port))
        self._context = context
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._knocking: list[socket.socket] = []
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._streaming: set[asyncio.Task[None]] = set()
        self._play: Play | None = None
        self._lets_in = True
        self.usual: Play | None = None
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listen while the block runs."""
        await self._enter(self._context)
        try:
            yield self
        finally:
            self._leave()
            self._close()
            self._tear(self._open)
            await asyncio.gather(*self._open, return_exceptions=True)

    async def fault(
        self, play: Play | None, *, door: Door = "open", context: ssl.SSLContext | Literal["usual"] = "usual"
    ) -> None:
        """Put this in everybody's way from the next request on.

        Where it is at the door, connections that are open are asked once more, answered and closed, because a request
        may be on its way over them. Streams would go on for ever, so they are torn down then, and when a fault ends.
        """
        self._play = play
        self._lets_in = door == "open" and context == "usual"
        self._leave()
        if door == "closed":
            self._close()
        elif door == "crowded":
            self._crowd()
        elif door == "open":
            await self._enter(self._context if context == "usual" else context)
        elif door == "plain":
            await self._enter(None, serve=_refuse)
        if not self._lets_in or play is None:
            self._tear(self._streaming)

    async def mend(self) -> None:
        """Pass everything on again; what hangs is left to the client's patience."""
        await self.fault(None)

    async def _enter(self, context: ssl.SSLContext | None, *, serve: Serve | None = None) -> None:
        """Take connections; the socket behind stays open when nobody takes any, so that it is never refused."""
        if self._listening is None:
            self._listening = socket.create_server(("127.0.0.1", self.port), backlog=_BACKLOG)
            self.port = self._listening.getsockname()[1]
        self._listening.listen(_BACKLOG)
        self._server = await asyncio.start_server(
            serve or self._serve, sock=self._listening.dup(), ssl=context, limit=_LONGEST_HEAD, backlog=_BACKLOG
        )

    def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for sock in self._knocking:
            sock.close()
        self._knocking = []

    def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _crowd(self) -> None:
        """Fill the queue of connections that wait, so that new ones hang."""
        assert self._listening is not None
        self._listening.listen(0)
        for _ in range(4):
            self._knocking.append(sock := socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))

    def _tear(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in list(tasks):
            self._open[task].transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(task, reader, writer):
                    pass
        finally:
            writer.close()
            del self._open[task]

    async def _exchange(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request; whether the connection stays open."""
        exchange = Exchange(await _request(reader), reader, writer, self._upstream)
        if not exchange.request.streams:
            return await self._played(exchange)
        self._streaming.add(task)
        try:
            await self._played(exchange)
        finally:
            self._streaming.discard(task)
        return False

    async def _played(self, exchange: Exchange) -> bool:
        """Do what is to happen to a request now; whether the connection may stay open."""
        if play := self._play or self.usual:
            await play(exchange)
            return False
        if exchange.request.streams:
            await exchange.pass_on()
            return False
        await exchange.answer(await exchange.ask(), close=not self._lets_in)
        return self._lets_in


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a server without TLS says to somebody who begins with it."""
    with contextlib.suppress(OSError):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    writer.close()


async def _request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _fields(head).get("content-length", "0")
    return Request(head.split(b" ", 2)[1].decode(), head, await reader.readexactly(int(length)))


async def _at_once(reader: asyncio.StreamReader) -> bytes:
    """The head of an answer and what comes behind it without a pause."""
    answer = await reader.readuntil(b"\r\n\r\n")
    with contextlib.suppress(TimeoutError):
        while data := await asyncio.wait_for(reader.read(_PIECE), _AT_ONCE_SECONDS):
            answer += data
    return answer


def _passed_on(request: Request, *, version: bytes = b"1.0") -> bytes:
    """The request as the server behind gets it: for one answer, not compressed, and with 1.0 not in chunks."""
    first, *lines = request.head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].lower() not in (b"connection", b"accept-encoding")]
    first = first.removesuffix(b"1.1") + version
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""]) + request.body


def _parsed(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    fields = {name: value for name, value in _fields(head).items() if name not in _STILL}
    return Answer(status, body, fields)


def _fields(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:] if line)
    return {name.lower(): value.strip() for name, _, value in pairs}
