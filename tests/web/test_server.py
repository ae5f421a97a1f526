"""Sockets and the server on them."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from exporter.web.server import Server, listen, url_of

HAS_IPV6 = socket.has_dualstack_ipv6()


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    "address",
    ["", "10777", "localhost", ":", ":x", ":-1", ":65536", ":1.5", "127.0.0.1:", "[::1]", ":٣", "localhost:99999"],
)
def test_what_is_no_address_is_said(address: str) -> None:
    """The sentence shows the address and how one is written."""
    with pytest.raises(ValueError, match="is not an address") as caught:
        listen(address)
    assert str(caught.value) == (f"{address!r} is not an address; write it as :10777, 127.0.0.1:10777 or [::1]:10777")


@pytest.mark.parametrize(
    ("address", "url"),
    [("127.0.0.1:0", "http://127.0.0.1:{}"), (":0", "http://localhost:{}"), ("0.0.0.0:0", "http://localhost:{}")],
)
def test_a_free_port_is_found(address: str, url: str) -> None:
    """Port 0 is a free port, and the URL tells which."""
    with listen(address) as sock:
        port = sock.getsockname()[1]
        assert port > 0
        assert url_of(sock) == url.format(port)


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
@pytest.mark.parametrize("address", ["[::1]:0", "::1:0"])
def test_an_ipv6_address(address: str) -> None:
    """Brackets are put around it in the URL."""
    with listen(address) as sock:
        assert sock.family == socket.AF_INET6
        assert url_of(sock) == f"http://[::1]:{sock.getsockname()[1]}"


def test_no_host_is_every_address() -> None:
    """``:port`` takes IPv4 clients, and IPv6 ones where there is IPv6."""
    with listen(":0") as sock:
        hosts = ["127.0.0.1", *(["::1"] if HAS_IPV6 else [])]
        for host in hosts:
            socket.create_connection((host, sock.getsockname()[1]), timeout=5).close()


def test_a_port_in_use_is_an_error_of_the_system() -> None:
    """The second who wants a port is told so."""
    with listen("127.0.0.1:0") as first, pytest.raises(OSError) as caught:  # noqa: PT011 (its errno is looked at)
        listen(f"127.0.0.1:{first.getsockname()[1]}")
    assert caught.value.errno == errno.EADDRINUSE


def test_a_host_that_is_not_ours_is_an_error_of_the_system() -> None:
    """An address of nobody (TEST-NET-1) cannot be had."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 (its errno is looked at)
        listen("192.0.2.1:0")
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_the_server_serves_until_told_and_leaves_signals_alone() -> None:
    """It answers on the socket it was given, names no software, and ends when its owner says so."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with listen("127.0.0.1:0") as sock:
        server = Server(hello)
        serving = asyncio.create_task(server.serve([sock]))
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(url_of(sock))
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        server.should_exit = True
        await asyncio.wait_for(serving, 20)
    assert (response.status_code, response.text) == (200, "hello")
    assert "server" not in response.headers
