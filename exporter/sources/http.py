"""The one HTTP client: deadlines, limits, credentials, retries, and every foreign error translated."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from urllib.parse import quote

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from exporter import errors
from exporter.config import SourceConfig
from exporter.errors import BadResponse, SourceError, TooLarge
from exporter.http.client import open_client
from exporter.http.credentials import Credentials
from exporter.http.dates import parse_http_date
from exporter.http.failures import decoded, refused, translating
from exporter.sources.base import Observer
from exporter.sources.retry import ATTEMPTS, is_passing, wait_after
from exporter.sources.servertime import ServerTime

Params = Mapping[str, str | int]

_LARGEST_PIECE = 64 * 1024
_FARTHEST_CLOCK_SECONDS = 86_400.0


class Answer(msgspec.Struct, frozen=True):
    """A whole answer: status, headers, decoded body, and the server's time when it was asked."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    asked_at: float


class Stream:
    """A body that goes on: its headers, the server's time when it was asked for, and its bytes as they come."""

    def __init__(
        self, endpoint: str, response: httpx.Response, asked_at: float, observer: Observer, *, largest_piece: int
    ) -> None:
        self.headers: Mapping[str, str] = response.headers
        self.asked_at = asked_at
        self._endpoint = endpoint
        self._observer = observer
        self._pieces = decoded(response, largest_piece)

    async def read(self) -> bytes:
        """The next bytes; none at the end. Raises SourceError."""
        with translating(self._endpoint):
            piece = await anext(self._pieces, b"")
        self._observer.received(self._endpoint, len(piece))
        return piece

    async def aclose(self) -> None:
        """Read no more."""
        await self._pieces.aclose()


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
        self._client = open_client(config, headers={})
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

    @contextlib.asynccontextmanager
    async def stream(
        self, endpoint: str, params: Params | None = None, *, accept: str = "*/*", **path: str
    ) -> AsyncIterator[Stream]:
        """Open ``endpoint``, whose body has no end; it takes none of the slots for requests, and is not tried again.

        ``timeout`` is the deadline of the headers, ``accept`` the kind of body asked for. Raises SourceError.
        """
        await self._wait_as_asked()
        async with contextlib.AsyncExitStack() as stack:
            try:
                stream = await self._begin(stack, endpoint, params, path, accept)
            except SourceError as error:
                self._note_failure(endpoint, error, of_all=False)
                raise
            self._observer.request(endpoint, "200", 0)
            yield stream

    async def _begin(
        self,
        stack: contextlib.AsyncExitStack,
        endpoint: str,
        params: Params | None,
        path: Mapping[str, str],
        accept: str,
    ) -> Stream:
        with translating(endpoint):
            async with asyncio.timeout(self._config.timeout):
                sent = time.time()
                response = await stack.enter_async_context(self._open(endpoint, params, path, accept))
                self._learn_time(response, sent)
                if response.status_code != 200:
                    raise await refused(response, endpoint)
        asked_at = self.time.at(sent)
        stream = Stream(endpoint, response, asked_at, self._observer, largest_piece=_LARGEST_PIECE)
        stack.push_async_callback(stream.aclose)
        return stream

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
        with translating(endpoint):
            async with asyncio.timeout(self._config.timeout):
                return await self._exchange(endpoint, params, path, accept)

    async def _exchange(
        self, endpoint: str, params: Params | None, path: Mapping[str, str], accept: tuple[int, ...]
    ) -> Answer:
        sent = time.time()
        async with self._open(endpoint, params, path) as response:
            self._learn_time(response, sent)
            if response.status_code not in accept:
                raise await refused(response, endpoint)
            body = await self._body(response, endpoint)
        return Answer(response.status_code, response.headers, body, self.time.at(sent))

    def _learn_time(self, response: httpx.Response, sent: float) -> None:
        """Learn the server's time from an answer, unless it is so far off that it can be no clock's."""
        date = response.headers.get("date")
        seconds = parse_http_date(date)
        if seconds is not None and abs(seconds - sent) <= _FARTHEST_CLOCK_SECONDS:
            self.time.observe(date, sent=sent, received=time.time())

    def _open(
        self, endpoint: str, params: Params | None, path: Mapping[str, str], accept: str = "application/json"
    ) -> contextlib.AbstractAsyncContextManager[httpx.Response]:
        url = self._config.url + endpoint.format(**{name: _quote(part) for name, part in path.items()})
        headers = {"Accept": accept, **(self._credentials.headers() if self._credentials else {})}
        return self._client.stream("GET", url, params=params, headers=headers, extensions=self._extensions)

    async def _body(self, response: httpx.Response, endpoint: str) -> bytes:
        """All of it, or nothing: a failure lives on for a while with all that its frames hold, so they let go of it."""
        chunks: list[bytes] = []
        try:
            await self._collect(response, endpoint, chunks)
            return b"".join(chunks)
        finally:
            chunks.clear()

    async def _collect(self, response: httpx.Response, endpoint: str, chunks: list[bytes]) -> None:
        size = 0
        async for chunk in decoded(response, self._config.max_response_bytes + 1):
            size += len(chunk)
            if size > self._config.max_response_bytes:
                raise TooLarge(f"{endpoint}: the body is larger than {self._config.max_response_bytes} bytes")
            chunks.append(chunk)


def _quote(part: str) -> str:
    """A path segment; the two names that would walk the path are refused."""
    if part in (".", ".."):
        raise BadResponse("the control plane has a pipeline whose name cannot stand in a path")
    return quote(part, safe="")
