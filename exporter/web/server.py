"""An HTTP server on a socket of our own, for any ASGI application; its owner decides when it ends."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from exporter.web.connection import Connection, Limits
from exporter.web.listener import Listener
from exporter.web.watched import CurrentContext, WatchedConfig

_BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn that leaves signals to its owner, and takes from a client no more than ``limits`` say.

    With ``watched`` settings that have TLS it speaks TLS; every connection begins with those that hold then.
    """

    def __init__(self, app: ASGIApp, *, watched: WatchedConfig | None = None, limits: Limits | None = None) -> None:
        self._watched = watched or WatchedConfig()
        self._limits = limits or Limits()
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=self._limits.head_bytes,
                timeout_keep_alive=self._limits.idle_seconds,
                timeout_graceful_shutdown=3,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        context = CurrentContext.of(self._watched) if self._watched.tls else None
        connections = self.server_state.connections
        self.servers = [
            Listener(sock, self._connection, open_connections=connections, context=context, limits=self._limits)  # type: ignore[misc]
            for sock in sockets or ()
        ]
        self.started = True

    def _connection(self) -> Connection:
        return Connection(
            config=self.config,
            server_state=self.server_state,
            app_state={},
            limits=self._limits,
            admits=self._watched.current().config.tls_server_config.admits,
        )


def listen(address: str) -> socket.socket:
    """A listening socket at ``host:port``; no host: every address, port 0: a free one.

    Raises ValueError if ``address`` is none, and OSError if it cannot be had.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address; write it as :10777, 127.0.0.1:10777 or [::1]:10777")
    host = host.removeprefix("[").removesuffix("]")
    if host:
        family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][0]
        return _bind(family, host, int(port))
    if socket.has_dualstack_ipv6():
        return _bind(socket.AF_INET6, "", int(port))
    return _bind(socket.AF_INET, "", int(port))


def _bind(family: int, host: str, port: int) -> socket.socket:
    both = family == socket.AF_INET6 and not host
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def url_of(sock: socket.socket, *, tls: bool = False) -> str:
    """The address of a listening socket as a URL that opens on this machine."""
    scheme = "https" if tls else "http"
    host, port = sock.getsockname()[:2]
    if host in ("::", "0.0.0.0"):
        host = "localhost"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
