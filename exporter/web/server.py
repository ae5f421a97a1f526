"""An HTTP server on a socket of our own, for any ASGI application; its owner decides when it ends."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

_BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn that leaves signals to its owner."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=3,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


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


def url_of(sock: socket.socket) -> str:
    """The address of a listening socket as a URL that opens on this machine."""
    host, port = sock.getsockname()[:2]
    if host in ("::", "0.0.0.0"):
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
