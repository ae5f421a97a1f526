"""What can go wrong between us and a server: foreign exceptions and refusing answers, as our own errors."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, Iterator

import aiohttp
import httpx
import msgspec
from isal import isal_zlib

from exporter import errors
from exporter.errors import BadResponse, ConnectionLost, SourceError
from exporter.http.retryafter import parse_retry_after

_LONGEST_ERROR_BODY = 16 * 1024
_LARGEST_INFLATED = 256 * 1024
_STATUS_ERRORS: dict[int, type[SourceError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    408: errors.ServerFailed,
    410: errors.Unauthorized,
    429: errors.RateLimited,
}
"""Error of each HTTP status; the others: 5xx ServerFailed, else BadResponse."""


_BAD_COMPRESSION: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # a class, whatever its stub says


class _ErrorBody(msgspec.Struct, frozen=True):
    """What servers say of an error in JSON; only its short name is read."""

    error_code: str | None = None
    error: str | None = None


_FOREIGN_ERRORS: tuple[tuple[tuple[type[BaseException], ...], type[SourceError], str], ...] = (
    ((ssl.SSLError, aiohttp.ClientSSLError), errors.TlsFailed, "the TLS handshake failed"),
    ((TimeoutError,), errors.TimedOut, "no whole answer within the timeout"),
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionResetError, BrokenPipeError),
        errors.ConnectionLost,
        "the connection was closed before the answer was whole",
    ),
    ((aiohttp.ClientConnectionError, OSError), errors.ConnectionFailed, "no connection"),
    (
        (aiohttp.ClientError, httpx.HTTPError, httpx.InvalidURL, _BAD_COMPRESSION, ValueError),
        errors.BadResponse,
        "the answer is not HTTP as it should be",
    ),
)
"""What the libraries raise, and what it means; the first row that fits any link of the chain counts."""


def translated(error: BaseException, where: str) -> SourceError | None:
    """Our error for a foreign one, None for a fault of ours; ``where`` names what was asked.

    httpx's own classes say little, so the chain of causes is looked at.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    for foreign, ours, sentence in _FOREIGN_ERRORS:
        if any(isinstance(link, foreign) and not isinstance(link, httpx.TimeoutException) for link in chain):
            return ours(f"{where}: {sentence}{_detail(chain)}")
    return None


def _detail(chain: list[BaseException]) -> str:
    """What the operating system or OpenSSL says, which names no more than addresses and certificates."""
    for link in reversed(chain):
        said = getattr(link, "verify_message", None) or getattr(link, "strerror", None)
        if said and isinstance(said, str):
            return f" ({said[:100]})"
    return ""


@contextlib.contextmanager
def translating(where: str) -> Iterator[None]:
    """Foreign errors leave as ours; those that are faults of this program stay what they are."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        if (ours := translated(error, where)) is None:
            raise
        raise ours from error


async def refused(response: httpx.Response, where: str) -> SourceError:
    """The error for a status that is no answer; ``where`` names what was asked."""
    status = response.status_code
    kind = _STATUS_ERRORS.get(status, errors.ServerFailed if status >= 500 else BadResponse)
    return kind(
        f"{where}: HTTP status {status}",
        status=status,
        code=await _error_code(response),
        retry_after=parse_retry_after(response.headers.get("retry-after"), time.time()),
    )


async def _error_code(response: httpx.Response) -> str | None:
    """The short name that the server gives the error, if its body has one."""
    body = b""
    async for chunk in decoded(response, _LONGEST_ERROR_BODY):
        body += chunk
        if len(body) >= _LONGEST_ERROR_BODY:
            return None
    try:
        error = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.MsgspecError:
        return None
    return (error.error_code or error.error or "")[:100] or None


async def decoded(response: httpx.Response, limit: int) -> AsyncGenerator[bytes, None]:
    """The body without its compression, in pieces of at most ``limit`` bytes, so that no bomb goes off."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadResponse(f"the server chose a compression that was not offered: {encoding[:20]}")
    inflate = isal_zlib.decompressobj(wbits=isal_zlib.MAX_WBITS | 32)
    async for chunk in response.aiter_raw():
        while piece := inflate.decompress(chunk, min(limit, _LARGEST_INFLATED)):
            yield piece
            chunk = inflate.unconsumed_tail  # when all is consumed, output may still wait within
            await asyncio.sleep(0)  # a small chunk may be a large body: others have their turn between its pieces
    if not inflate.eof:
        raise ConnectionLost("the compressed body ends before its end")
