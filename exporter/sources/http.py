"""The one HTTP client: deadlines, limits, credentials, retries, and every foreign error translated."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from urllib.parse import quote

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from exporter import __version__, errors
from exporter.config import SourceConfig
from exporter.errors import BadResponse, ConnectionLost, SourceError, TooLarge
from exporter.sources.base import Observer
from exporter.sources.credentials import Credentials
from exporter.sources.retry import ATTEMPTS, is_passing, parse_retry_after, wait_after
from exporter.sources.servertime import ServerTime

Params = Mapping[str, str | int]

_LONGEST_ERROR_BODY = 16 * 1024
_STATUS_ERRORS: dict[int, type[SourceError]] = {
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    408: errors.ServerFailed,
    410: errors.Unauthorized,
    429: errors.RateLimited,
}
"""Error of each HTTP status; the others: 5xx ServerFailed, else BadResponse."""


class Answer(msgspec.Struct, frozen=True):
    """A whole answer: status, headers, decoded body, and the server's time when it was asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: float


class _ErrorBody(msgspec.Struct, frozen=True):
    """What servers say of an error in JSON; only its short name is read."""

    error_code: str | None = None
    error: str | None = None


class ApiClient:
    """Reads JSON from one control plane.

    At most ``max_concurrency`` requests at once, each with ``timeout`` as the deadline of the whole of it and a
    body of at most ``max_response_bytes``. Redirects are never followed. ``credentials`` (by default those of
    ``config.authorization``) are asked for anew for every request.
    """

    def __init__(self, config: SourceConfig, observer: Observer, *, credentials: Credentials | None = None) -> None:
        self._config = config
        self._observer = observer
        self._credentials = credentials
        if credentials is None and config.authorization:
            self._credentials = Credentials(config.authorization)
        self._slots = asyncio.Semaphore(config.max_concurrency)
        self._quiet_until = 0.0
        self._patience = config.poll_interval / 3
        self._longest_wait = min(60.0, max(10.0, 4 * config.poll_interval))
        self._client = _open_client(config)
        self._extensions = {"sni_hostname": config.tls_config.server_name}
        self.time = ServerTime()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get(
        self, endpoint: str, params: Params | None = None, *, accept: tuple[int, ...] = (200,), **path: str
    ) -> Answer:
        """Read ``endpoint``, a template such as ``/v0/pipelines/{name}``, with its names filled from ``path``.

        Passing failures are tried again, up to three times in all. Raises SourceError; statuses in ``accept``
        are answers.
        """
        async for attempt in self._retrying():
            with attempt:
                return await self._once(endpoint, params, accept, path)
        raise AssertionError("unreachable")

    def _retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(partial(is_passing, patience=self._patience)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            sleep=asyncio.sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, SourceError)  # noqa: S101 (is_passing chose it)
        return wait_after(error, state.attempt_number)

    async def _once(
        self, endpoint: str, params: Params | None, accept: tuple[int, ...], path: Mapping[str, str]
    ) -> Answer:
        async with self._slots:
            await self._wait_as_asked()
            try:
                answer = await self._send(endpoint, params, path, accept)
            except SourceError as error:
                self._note_failure(endpoint, error, of_all=not path)
                raise
        self._observer.request(endpoint, str(answer.status), len(answer.body))
        return answer

    def _note_failure(self, endpoint: str, error: SourceError, *, of_all: bool) -> None:
        """Count it, and remember a wait that was asked of all our requests and not only of one pipeline's."""
        self._observer.request(endpoint, str(error.status or error.reason), 0)
        if error.retry_after is not None and (of_all or isinstance(error, errors.RateLimited)):
            wait = min(error.retry_after, self._longest_wait)
            self._quiet_until = max(self._quiet_until, time.monotonic() + wait)

    async def _wait_as_asked(self) -> None:
        await asyncio.sleep(max(0.0, self._quiet_until - time.monotonic()))

    async def _send(
        self, endpoint: str, params: Params | None, path: Mapping[str, str], accept: tuple[int, ...]
    ) -> Answer:
        try:
            async with asyncio.timeout(self._config.timeout):
                return await self._exchange(endpoint, params, path, accept)
        except SourceError:
            raise
        except Exception as error:
            if (translated := _translate(error, endpoint)) is None:
                raise
            raise translated from error

    async def _exchange(
        self, endpoint: str, params: Params | None, path: Mapping[str, str], accept: tuple[int, ...]
    ) -> Answer:
        sent = time.time()
        async with self._open(endpoint, params, path) as response:
            self.time.observe(response.headers.get("date"), sent=sent, received=time.time())
            if response.status_code not in accept:
                raise await _refused(response, endpoint)
            body = await self._body(response, endpoint)
        return Answer(response.status_code, response.headers, body, self.time.at(sent))

    def _open(
        self, endpoint: str, params: Params | None, path: Mapping[str, str]
    ) -> contextlib.AbstractAsyncContextManager[httpx.Response]:
        url = self._config.url + endpoint.format(**{name: _quote(part) for name, part in path.items()})
        headers = self._credentials.headers() if self._credentials else {}
        return self._client.stream("GET", url, params=params, headers=headers, extensions=self._extensions)

    async def _body(self, response: httpx.Response, endpoint: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in _decoded(response, self._config.max_response_bytes + 1):
            size += len(chunk)
            if size > self._config.max_response_bytes:
                raise TooLarge(f"{endpoint}: the body is larger than {self._config.max_response_bytes} bytes")
            chunks.append(chunk)
        return b"".join(chunks)


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
        (aiohttp.ClientError, httpx.HTTPError, httpx.InvalidURL, zlib.error, ValueError),
        errors.BadResponse,
        "the answer is not HTTP as it should be",
    ),
)
"""What the libraries raise, and what it means; the first row that fits any link of the chain counts."""


def _translate(error: BaseException, endpoint: str) -> SourceError | None:
    """Our error for a foreign one; httpx's own classes say little, so the chain of causes is looked at."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__
    for foreign, ours, sentence in _FOREIGN_ERRORS:
        if any(isinstance(link, foreign) and not isinstance(link, httpx.TimeoutException) for link in chain):
            return ours(f"{endpoint}: {sentence}{_detail(chain)}")
    return None


def _detail(chain: list[BaseException]) -> str:
    """What the operating system or OpenSSL says, which names no more than addresses and certificates."""
    for link in reversed(chain):
        said = getattr(link, "verify_message", None) or getattr(link, "strerror", None)
        if said and isinstance(said, str):
            return f" ({said[:100]})"
    return ""


async def _refused(response: httpx.Response, endpoint: str) -> SourceError:
    """The error for a status that is no answer."""
    status = response.status_code
    kind = _STATUS_ERRORS.get(status, errors.ServerFailed if status >= 500 else BadResponse)
    return kind(
        f"{endpoint}: HTTP status {status}",
        status=status,
        code=await _error_code(response),
        retry_after=parse_retry_after(response.headers.get("retry-after"), time.time()),
    )


async def _error_code(response: httpx.Response) -> str | None:
    """The short name that the server gives the error, if its body has one."""
    body = b""
    async for chunk in _decoded(response, _LONGEST_ERROR_BODY):
        body += chunk
        if len(body) >= _LONGEST_ERROR_BODY:
            return None
    try:
        error = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.MsgspecError:
        return None
    return (error.error_code or error.error or "")[:100] or None


async def _decoded(response: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces of at most ``limit`` bytes, so that no bomb goes off."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadResponse(f"the server chose a compression that was not offered: {encoding[:20]}")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for chunk in response.aiter_raw():
        while chunk:
            yield inflate.decompress(chunk, limit)
            chunk = inflate.unconsumed_tail
    if not inflate.eof:
        raise ConnectionLost("the compressed body ends before its end")


def _quote(part: str) -> str:
    """A path segment; the two names that would walk the path are refused."""
    if part in (".", ".."):
        raise BadResponse("the control plane has a pipeline whose name cannot stand in a path")
    return quote(part, safe="")


def _open_client(config: SourceConfig) -> httpx.AsyncClient:
    """httpx over aiohttp's transport; no cookies, no redirects, nothing from the environment."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, ssl=config.tls_config.context(), keepalive_timeout=4.0)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    proxy = httpx.Proxy(config.proxy_url) if config.proxy_url else None
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session, proxy=proxy),
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"pipeline-exporter/{__version__}",
        },
        timeout=None,  # noqa: S113 (asyncio.timeout holds the deadline of the whole exchange)
        follow_redirects=False,
        trust_env=False,
    )
