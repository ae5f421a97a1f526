"""A server that answers whatever bytes a test wants, connection by connection, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Raw:
    """Answers each request with the next behaviour; the last one stays. Remembers the requests' heads."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)
        self.requests: list[str] = []
        self.times: list[float] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode())
        self.times.append(asyncio.get_running_loop().time())
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        await behaviour(reader, writer)
        await writer.drain()

    @contextlib.asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """The server's address while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        scheme = "https" if context else "http"
        try:
            yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self._connections.values():
                writer.transport.abort()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await asyncio.sleep(0)  # transports close in the loop's next turn


def answer(status: str = "200 OK", body: bytes = b"[]", **headers: str) -> Behaviour:
    """A whole answer; header names with ``_`` for ``-``."""
    fields = {"content-length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return sending(f"HTTP/1.1 {status}\r\n{lines}connection: close\r\n\r\n".encode() + body)


def sending(data: bytes) -> Behaviour:
    """These bytes, then the end."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return behave


async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A connection that breaks before a byte came."""
    writer.transport.abort()


async def hanging(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Nothing, until the client goes away."""
    await reader.read()
