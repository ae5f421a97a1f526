"""Servers on real sockets, certificates and web config files for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import trustme
import yaml
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.connection import Limits
from exporter.web.guard import Guard
from exporter.web.server import Server, listen
from exporter.web.watched import WatchedConfig

PASSWORD = "correct horse"
# The salt is fixed, because the hash stands in names of tests.
HASH = bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$jf/p3zQN2P9PmU8ixvF2j.").decode()


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest application."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def large(size: int) -> ASGIApp:
    """An application whose answer has ``size`` bytes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})

    return app


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp = hello, *, web: Path | None = None, limits: Limits | None = None
) -> AsyncIterator[tuple[int, Server]]:
    """The guarded application on a free port of 127.0.0.1: the port, and the server."""
    watched = WatchedConfig(web)
    sock = listen("127.0.0.1:0")
    port = int(sock.getsockname()[1])
    server = Server(Guard(app, watched), watched=watched, limits=limits)
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield port, server
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 20)


class Authority:
    """A CA, and files of what it issued in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.ca = trustme.CA()
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str, file: str = "server", key: trustme.KeyType = trustme.KeyType.ECDSA) -> str:
        """Write ``file``.crt and ``file``.key, each replaced by rename; the serial number as hexadecimal text."""
        leaf = self.ca.issue_cert(*names, key_type=key)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        replace(self.folder / f"{file}.crt", chain.decode())
        replace(self.folder / f"{file}.key", leaf.private_key_pem.bytes().decode())
        return chain.decode()

    def client(self, leaf: str | None = None) -> ssl.SSLContext:
        """A client that trusts the CA, and shows the certificate ``leaf`` of the folder."""
        context = ssl.create_default_context(cafile=str(self.file))
        if leaf:
            context.load_cert_chain(self.folder / f"{leaf}.crt", self.folder / f"{leaf}.key")
        return context


def replace(path: Path, text: str) -> None:
    """Give a file another content at once, as tools that rotate secrets do."""
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    os.replace(temporary, path)


def write(folder: Path, **sections: object) -> Path:
    """A web config file."""
    path = folder / "web.yml"
    replace(path, yaml.safe_dump(sections))
    return path


def tls(**more: object) -> dict[str, object]:
    """The section ``tls_server_config`` for the files ``server.crt`` and ``server.key``."""
    return {"cert_file": "server.crt", "key_file": "server.key", **more}


class Answer:
    """What came back on a socket."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        self.status = int(line.split()[1]) if line else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}


async def ask(
    port: int,
    head: str | bytes = "GET / HTTP/1.1",
    *fields: str | bytes,
    context: ssl.SSLContext | None = None,
    body: bytes = b"",
) -> Answer:
    """Send one request and read until the server closes; nothing at all has the status 0."""
    reader, writer = await open_to(port, context)
    try:
        writer.write(request(head, *fields, "Connection: close") + body)
        raw = await asyncio.wait_for(reader.read(), 20)
        return Answer(raw)
    except (ConnectionError, ssl.SSLError):
        return Answer(b"")
    finally:
        await hang_up(writer)


def request(head: str | bytes = "GET / HTTP/1.1", *fields: str | bytes) -> bytes:
    """The bytes of a request without a body."""
    lines = [head, "Host: localhost", *fields, "", ""]
    return b"\r\n".join(line.encode() if isinstance(line, str) else line for line in lines)


async def open_to(
    port: int, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server."""
    name = "localhost" if context else None
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close it, whatever state it is in."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def open_free_port() -> int:
    """A port that nobody listens on."""
    with listen("127.0.0.1:0") as sock:
        return int(sock.getsockname()[1])
