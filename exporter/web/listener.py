"""Accepts connections on one socket: never more than there is room for, and none that takes for ever to begin."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Collection

import structlog

from exporter.web.connection import Connection, Limits

log = structlog.get_logger(__name__)

_TLS_GOODBYE_SECONDS = 2.0
_LAST_SECONDS = 2.5
"""How long answers may take once the server stops; below ``timeout_graceful_shutdown``, which ends in tracebacks."""
_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 60.0


class Listener:
    """Opens a connection for each client, and closes those at once for which there is no room.

    ``open_connections`` are those there are, of all listeners. It ends connections that are slow, too.
    """

    def __init__(
        self,
        sock: socket.socket,
        connection: Callable[[], Connection],
        *,
        open_connections: Collection[object],
        context: ssl.SSLContext | None,
        limits: Limits,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._connection = connection
        self._open_connections = open_connections
        self._context = context
        self._limits = limits
        self._complained_at = float("-inf")
        self._opening: set[asyncio.Task[None]] = set()
        self._running = [asyncio.create_task(self._accept()), asyncio.create_task(self._watch())]

    def close(self) -> None:
        """Accept no more, and give answers that are under way a moment."""
        for task in (*self._running, *self._opening):
            task.cancel()
        asyncio.get_running_loop().call_later(_LAST_SECONDS, self._abort)

    def _abort(self) -> None:
        for connection in self._connections():
            connection.transport.abort()

    def _connections(self) -> list[Connection]:
        return [connection for connection in self._open_connections if isinstance(connection, Connection)]

    async def wait_closed(self) -> None:
        """Wait until everything has ended."""
        await asyncio.gather(*self._running, *self._opening, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._sock)
            except OSError as error:  # no file left for it, or it is gone already
                self._complain("a connection cannot be accepted", reason=error.strerror)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if self._has_room():
                self._opening.add(task := asyncio.create_task(self._open(client)))
                task.add_done_callback(self._opening.discard)
            else:
                client.close()

    def _has_room(self) -> bool:
        if len(self._opening) + len(self._open_connections) < self._limits.connections:
            return True
        self._complain("too many connections; more are closed at once", limit=self._limits.connections)
        return False

    def _complain(self, event: str, **facts: object) -> None:
        """Log it, unless something was logged a moment ago: clients must not be able to fill our log."""
        now = time.monotonic()
        if now - self._complained_at >= _QUIET_SECONDS:
            self._complained_at = now
            log.warning(event, **facts)

    async def _open(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a client that does not want our TLS, or is gone
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it a small page takes 40 ms more
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connection,
                client,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.head_seconds if self._context else None,
                ssl_shutdown_timeout=_TLS_GOODBYE_SECONDS if self._context else None,
            )

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.look_seconds)
            now = time.monotonic()
            for connection in self._connections():
                connection.look(now)
