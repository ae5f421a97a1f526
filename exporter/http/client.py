"""Opens the client for one server: TLS, proxy, and sockets that notice when the other side is gone."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from exporter import __version__
from exporter.config import HttpConfig

_PROBES = (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))
"""Options of TCP sockets: a peer that is silent is asked after 20 s, and given up after 50 s."""


def open_client(config: HttpConfig, *, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """httpx over aiohttp's transport; no cookies, no redirects, nothing from the environment."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=config.tls_config.context(), keepalive_timeout=4.0, socket_factory=_open_socket
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    proxy = httpx.Proxy(config.proxy_url) if config.proxy_url else None
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session, proxy=proxy),
        headers={"Accept-Encoding": "gzip", "User-Agent": f"pipeline-exporter/{__version__}", **headers},
        timeout=None,  # noqa: S113 (asyncio.timeout holds the deadline of the whole exchange)
        follow_redirects=False,
        trust_env=False,
    )


def _open_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that the kernel watches: a peer that vanished without a word ends the connection."""
    family, kind, proto, *_ = address
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES:
        if (option := getattr(socket, name, None)) is not None:  # not every system has each of them
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock
