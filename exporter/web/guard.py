"""What stands in front of every endpoint: limits of a request, the rate limit, passwords, headers of every answer."""

from __future__ import annotations

import asyncio
import base64
import math
import time

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.api import PREFIX
from exporter.web.api import json as json_answer
from exporter.web.passwords import Passwords
from exporter.web.watched import WatchedConfig
from exporter.web.webconfig import RateLimit, Users

HEAD_BYTES = 16 * 1024
BODY_BYTES = 2**20
BODY_SECONDS = 30.0
PIECE_BYTES = 64 * 1024
"""No more than this of an answer is given to a connection at once, so that a slow client holds no more."""
TURN_BYTES = 4 * 2**20
"""After so much of an answer others have their turn, and a client that is gone is noticed."""

_UNAUTHORIZED = {"www-authenticate": "Basic"}


class Bucket:
    """Tokens for requests: one more every ``interval``, never more than ``burst``."""

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit = limit
        self._tokens = float(limit.burst)
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Whether there is one for a request that comes now."""
        if not self.limit.interval:
            return True
        earned = (now - self._filled_at) / self.limit.interval
        self._tokens = min(float(self.limit.burst), self._tokens + earned)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Guard:
    """An ASGI application that lets requests through to ``app`` as the web config file says.

    No endpoint takes a body: what a client sends is read and dropped before ``app`` is asked, up to 1 MiB.
    """

    def __init__(self, app: ASGIApp, watched: WatchedConfig) -> None:
        self._app = app
        self._watched = watched
        self._passwords = Passwords()
        self._bucket = Bucket(RateLimit(), time.monotonic())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        config = self._watched.current().config
        send = _Answer(send, config.http_server_config.headers.encoded()).send
        refusal = _too_long(scope) or self._too_many(scope, config.rate_limit)
        refusal = refusal or await self._unauthorized(scope, config.basic_auth_users)
        if not refusal and _has_body(scope):
            refusal = await _swallow(scope, receive)
            receive = _nothing_more(receive)
        if refusal and _has_body(scope):
            refusal.headers["connection"] = "close"  # what is left of the body is not waited for
        await (refusal or self._app)(scope, receive, send)

    def _too_many(self, scope: Scope, limit: RateLimit) -> Response | None:
        now = time.monotonic()
        if limit != self._bucket.limit:
            self._bucket = Bucket(limit, now)
        if self._bucket.take(now):
            return None
        return _refused(scope, "too many requests", 429, {"retry-after": str(math.ceil(limit.interval))})

    async def _unauthorized(self, scope: Scope, users: Users) -> Response | None:
        if not users:
            return None
        given = _basic(scope)
        if given is None:
            return _refused(scope, "a user and a password are needed", 401, _UNAUTHORIZED)
        if await self._passwords.right(users, *given):
            return None
        return _refused(scope, "the user or the password is wrong", 401, _UNAUTHORIZED)


def _refused(scope: Scope, why: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A sentence, as JSON for whoever asks the API."""
    if scope["path"].startswith(PREFIX):
        return json_answer({"error": why}, status=status, headers=headers)
    return PlainTextResponse(f"{why}\n", status, headers)


def _too_long(scope: Scope) -> Response | None:
    """A head in one piece may reach us however long it is; one in many ends in the connection."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size <= HEAD_BYTES:
        return None
    return _refused(scope, f"the head of the request is larger than {HEAD_BYTES} bytes", 431, {"connection": "close"})


def _basic(scope: Scope) -> tuple[bytes, bytes] | None:
    """The user and the password that came with a request, as bytes: nobody says in which encoding they are."""
    values = _header(scope, b"authorization")
    scheme, _, encoded = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    if scheme.lower() != b"basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None


def _header(scope: Scope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


def _has_body(scope: Scope) -> bool:
    return bool(_header(scope, b"transfer-encoding")) or _header(scope, b"content-length") not in ([], [b"0"])


async def _swallow(scope: Scope, receive: Receive) -> Response | None:
    """Read the body and drop it; an answer if it is too long or does not come."""
    too_large = _refused(scope, f"the body is larger than {BODY_BYTES} bytes", 413)
    if any(int(length) > BODY_BYTES for length in _header(scope, b"content-length")):
        return too_large
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while (message := await receive())["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > BODY_BYTES:
                    return too_large
                if not message.get("more_body"):
                    return None
    except TimeoutError:
        return _refused(scope, "the body did not come in time", 408)
    return None


def _nothing_more(receive: Receive) -> Receive:
    """For an application behind a body that was read: an empty one first, then what the client does."""
    empty: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def rest() -> Message:
        return empty.pop() if empty else await receive()

    return rest


class _Answer:
    """Sends an answer with headers of ours, in pieces that a slow client may hold."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self._in_a_row = 0

    async def send(self, message: Message) -> None:
        """One message of the answer; a header of ours goes before one of the same name."""
        if message["type"] == "http.response.start":
            ours = {name for name, _ in self._headers}
            rest = [(name, value) for name, value in message.get("headers", ()) if name not in ours]
            message = {**message, "headers": [*rest, *self._headers]}
        body = message.get("body", b"")
        for end in range(PIECE_BYTES, len(body), PIECE_BYTES):
            piece = body[end - PIECE_BYTES : end]
            await self._pass_on({"type": "http.response.body", "body": piece, "more_body": True})
        if len(body) > PIECE_BYTES:
            message = {**message, "body": body[(len(body) - 1) // PIECE_BYTES * PIECE_BYTES :]}
        await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        await self._send(message)
        self._in_a_row += len(message.get("body", b""))
        if self._in_a_row >= TURN_BYTES:
            self._in_a_row = 0
            await asyncio.sleep(0)
