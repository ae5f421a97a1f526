"""The HTTP client against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.config import Authorization, SourceConfig, TlsConfig
from exporter.config.units import FilePath, Interval, Name, Secret, Size, Url
from exporter.errors import (
    BadResponse,
    ConnectionFailed,
    ConnectionLost,
    NotFound,
    RateLimited,
    ServerFailed,
    SourceError,
    TimedOut,
    TlsFailed,
    TooLarge,
    Unauthorized,
)
from exporter.sources.http import ApiClient
from tests.sources.raw import Behaviour, Raw, answer, hanging, resetting, sending

LIST = "/v0/pipelines"


class Requests:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    def request(self, endpoint: str, code: str, size: int) -> None:
        """Remember it."""
        self.seen.append((endpoint, code, size))

    def received(self, endpoint: str, size: int) -> None:
        """Not of interest here."""

    def unknown_status(self, dimension: str) -> None:
        """Not of interest here."""


@asynccontextmanager
async def client(url: str, *, observer: Requests | None = None, **settings: object) -> AsyncIterator[ApiClient]:
    """A client with small limits."""
    defaults = {"timeout": Interval(1), "max_response_bytes": Size(100_000), "poll_interval": Interval(15)}
    config = SourceConfig(name=Name("a"), type="feldera", url=Url(url), **{**defaults, **settings})  # type: ignore[arg-type]
    opened = ApiClient(config, observer or Requests())
    try:
        yield opened
    finally:
        await opened.aclose()


async def failure(*behaviours: Behaviour, **settings: object) -> SourceError:
    """The error that a GET ends with."""
    async with Raw(*behaviours).running() as url, client(url, **settings) as opened:
        with pytest.raises(SourceError) as raised:
            await opened.get(LIST, {"selector": "status"})
    return raised.value


BOMB = gzip.compress(bytes(50_000_000))
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answer("401 Unauthorized", b'{"message":"x","error_code":"AuthenticationFailed"}'), Unauthorized),
        (answer("404 Not Found", b""), NotFound),
        (answer("408 Request Timeout", b""), ServerFailed),
        (answer("429 Too Many Requests", b""), RateLimited),
        (answer("500 Internal Server Error", b"<html>"), ServerFailed),
        (answer("302 Found", b"", location="http://elsewhere.invalid/"), BadResponse),
        (answer("418 Teapot", b""), BadResponse),
        (answer(body=bytes(100_001)), TooLarge),
        (answer(body=BOMB, content_encoding="gzip"), TooLarge),
        (answer(body=b"not gzip", content_encoding="gzip"), BadResponse),
        (answer(body=gzip.compress(b"[]" * 500)[:-12], content_encoding="gzip"), ConnectionLost),
        (answer(body=b"x", content_encoding="br"), BadResponse),
        (sending(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"), ConnectionLost),
        (sending(CHUNKED), ConnectionLost),
        (sending(b"this is no HTTP\r\n\r\n"), BadResponse),
        (sending(b""), ConnectionLost),
        (resetting, ConnectionLost),
        (hanging, TimedOut),
    ],
)
async def test_every_way_to_fail_has_its_name(behaviour: Behaviour, expected: type[SourceError]) -> None:
    """Each misbehaviour ends in the error that names its reason, and in no other exception."""
    error = await failure(behaviour)
    assert type(error) is expected
    assert LIST in str(error) or "compress" in str(error)


async def test_a_body_that_drips_is_cut_at_the_deadline() -> None:
    """The timeout holds for the whole request: a byte now and then does not extend it."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    assert type(await failure(drip)) is TimedOut


async def test_a_refused_connection_is_no_timeout() -> None:
    """Nobody listens: that is a failed connection, at once."""
    async with client("http://127.0.0.1:1") as opened:
        with pytest.raises(ConnectionFailed):
            await opened.get(LIST)


@pytest.mark.parametrize("status", ["401 Unauthorized", "408 Timeout", "429 Slow", "502 Bad", "503 No", "504 Late"])
async def test_passing_failures_are_tried_again(status: str) -> None:
    """A failure that passes in a moment is ridden out within one read."""
    twice = (resetting, resetting)  # of which aiohttp rides out one unseen
    raw, requests = Raw(answer(status, b""), *twice, answer(body=b"[1]")), Requests()
    async with raw.running() as url, client(url, observer=requests) as opened:
        found = await opened.get(LIST)
    assert found.body == b"[1]"
    assert requests.seen == [(LIST, status.split()[0], 0), (LIST, "connection", 0), (LIST, "200", 3)]


async def test_three_attempts_and_no_more() -> None:
    """A failure that does not pass ends the read."""
    raw = Raw(answer("503 No", b""))
    async with raw.running() as url, client(url) as opened:
        with pytest.raises(ServerFailed):
            await opened.get(LIST)
    assert len(raw.requests) == 3


@pytest.mark.parametrize("status", ["403 No", "404 No", "500 No", "501 No"])
async def test_lasting_failures_are_not_tried_again(status: str) -> None:
    """What another attempt cannot mend is told at once."""
    raw = Raw(answer(status, b""), answer())
    async with raw.running() as url, client(url) as opened:
        with pytest.raises(SourceError):
            await opened.get(LIST)
    assert len(raw.requests) == 1


@pytest.mark.parametrize("status", ["429 Slow", "503 No"])
async def test_retry_after_is_waited_for(status: str) -> None:
    """The next attempt comes when the server asked for it."""
    raw = Raw(answer(status, b"", retry_after="1"), answer())
    async with raw.running() as url, client(url) as opened:
        await opened.get(LIST)
    assert raw.times[1] - raw.times[0] >= 0.95


async def test_a_long_retry_after_ends_the_read_and_holds_the_next_one_back() -> None:
    """A wait beyond the poll interval's patience is told as a failure; no request leaves before its time."""
    raw = Raw(answer("429 Slow", b"", retry_after="2"), answer())
    async with raw.running() as url, client(url, poll_interval=Interval(1)) as opened:
        with pytest.raises(RateLimited) as raised:
            await opened.get(LIST)
        assert raised.value.retry_after == 2
        await opened.get("/v0/config")
    assert raw.times[1] - raw.times[0] >= 1.95


@pytest.mark.parametrize("retry_after", ["31536000", "soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
async def test_an_absurd_retry_after_does_no_harm(retry_after: str) -> None:
    """A year, nonsense or the past: the read ends or goes on, and the gate is at most a minute."""
    raw = Raw(answer("429 Slow", b"", retry_after=retry_after), answer())
    async with raw.running() as url, client(url) as opened:
        begin = time.monotonic()
        try:
            await opened.get(LIST)
        except RateLimited:
            assert retry_after == "31536000"
            assert opened._quiet_until - time.monotonic() <= 60
        assert time.monotonic() - begin < 10


async def test_a_wait_asked_of_one_pipeline_is_not_everybodys() -> None:
    """A 503 on one pipeline's path lets the others pass."""
    raw = Raw(answer("503 No", b"", retry_after="30"), answer())
    async with raw.running() as url, client(url) as opened:
        with pytest.raises(ServerFailed):
            await opened.get("/v0/pipelines/{name}/events", name="one")
        begin = time.monotonic()
        await opened.get(LIST)
        assert time.monotonic() - begin < 10


async def test_names_are_quoted_and_cannot_walk_the_path() -> None:
    """A name stays one segment of the path, whatever is in it."""
    raw = Raw(answer())
    async with raw.running() as url, client(url) as opened:
        await opened.get("/v0/pipelines/{name}/events", name="a/b?c#d é%2F")
        with pytest.raises(BadResponse):
            await opened.get("/v0/pipelines/{name}/events", name="..")
    assert raw.requests[0].startswith("GET /v0/pipelines/a%2Fb%3Fc%23d%20%C3%A9%252F/events HTTP/1.1")
    assert len(raw.requests) == 1


async def test_the_token_is_sent_and_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    """A new token in the file is used by the next request; while the file is away the last one goes on."""
    path, raw = tmp_path / "token", Raw(answer())
    path.write_text("first\n")
    authorization = Authorization(credentials_file=FilePath(path))
    async with raw.running() as url, client(url, authorization=authorization) as opened:
        await opened.get(LIST)
        rotated = tmp_path / "new"
        rotated.write_text("second\n")
        os.replace(rotated, path)
        await opened.get(LIST)
        path.unlink()
        await opened.get(LIST)
    sent = [line for head in raw.requests for line in head.splitlines() if line.lower().startswith("authorization:")]
    assert [line.split(": ", 1)[1] for line in sent] == ["Bearer first", "Bearer second", "Bearer second"]


@pytest.mark.parametrize("token", ["", "  \n", "a\nb", "ü"])
async def test_a_token_that_cannot_be_sent_is_unauthorized_and_not_shown(token: str, tmp_path: Path) -> None:
    """An empty or broken token is a failure with a reason; nothing is sent, and its text is in no message."""
    path, raw = tmp_path / "token", Raw(answer())
    path.write_text(token)
    authorization = Authorization(credentials_file=FilePath(path))
    async with raw.running() as url, client(url, authorization=authorization) as opened:
        with pytest.raises(Unauthorized) as raised:
            await opened.get(LIST)
    assert raw.requests == []
    assert "ü" not in str(raised.value)


async def test_no_secret_is_in_an_error_or_its_causes() -> None:
    """Neither the message nor any link of the chain shows the token or a query."""
    error: BaseException | None = await failure(resetting, authorization=Authorization(credentials=Secret("s3cret")))
    while error is not None:
        assert "s3cret" not in repr(error)
        assert "selector" not in str(error)
        error = error.__cause__


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and 127.0.0.1, key and all."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(path), "-out", str(path) + ".crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
                   check=True, capture_output=True)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("settings", "works"),
    [
        (lambda ca: TlsConfig(), False),
        (lambda ca: TlsConfig(ca_file=FilePath(ca)), True),
        (lambda ca: TlsConfig(ca_file=FilePath(ca), server_name="localhost"), True),
        (lambda ca: TlsConfig(ca_file=FilePath(ca), server_name="elsewhere"), False),
        (lambda ca: TlsConfig(insecure_skip_verify=True), True),
    ],
)
async def test_certificates_are_checked(certificate: Path, settings: Callable[[str], TlsConfig], works: bool) -> None:
    """A certificate that nobody vouches for, or of another name, is a TLS failure; a CA file and a name mend it."""
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{certificate}.crt", str(certificate))
    tls = settings(f"{certificate}.crt")
    async with Raw(answer()).running(context) as url, client(url, tls_config=tls) as opened:
        if works:
            assert (await opened.get(LIST)).body == b"[]"
        else:
            with pytest.raises(TlsFailed):
                await opened.get(LIST)


async def test_no_more_requests_at_once_than_allowed() -> None:
    """``max_concurrency`` bounds what is under way."""
    running = most = 0

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        await answer()(_, writer)

    async with Raw(slow).running() as url, client(url, max_concurrency=3) as opened:
        await asyncio.gather(*(opened.get(LIST) for _ in range(12)))
    assert most == 3


async def test_gzip_and_deflate_are_read() -> None:
    """Compressed answers come out as they went in."""
    body = b"[" + b"1," * 1000 + b"1]"
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        async with Raw(answer(body=packed, content_encoding=encoding)).running() as url, client(url) as opened:
            assert (await opened.get(LIST)).body == body
