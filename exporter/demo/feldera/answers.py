"""HTTP answers as Feldera gives them: JSON bodies, negotiated gzip, errors, and who is let in."""

from __future__ import annotations

import asyncio
import gzip
import hmac
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.demo.feldera.errors import SimulatedError, database_down
from exporter.demo.feldera.world import World

_MINIMUM_GZIP_BYTES = 500
_RETRY_AFTER = "5"

Handler = Callable[[Request], Awaitable[Response]]


def accepts_gzip(request: Request) -> bool:
    """Whether the client takes gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def encoded(request: Request, body: bytes, status: int = 200) -> Response:
    """An answer with a JSON body, compressed if that is wanted and worthwhile."""
    if len(body) < _MINIMUM_GZIP_BYTES or not accepts_gzip(request):
        return json_bytes(body, status)
    return json_bytes(gzip.compress(body, 1, mtime=0), status, zipped=True)


def json_bytes(body: bytes, status: int = 200, *, zipped: bool = False) -> Response:
    """An answer with a JSON body that is encoded already."""
    headers = {"cache-control": "no-cache", "vary": "accept-encoding"}
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(body, status, headers, media_type="application/json")


def json(request: Request, value: object, status: int = 200) -> Response:
    """An answer with a JSON body."""
    return encoded(request, msgspec.json.encode(value), status)


def empty(status: int) -> Response:
    """An answer without a body."""
    return Response(b"", status, {"cache-control": "no-cache"})


def failed(error: SimulatedError) -> Response:
    """The answer for a refusal."""
    body = {"message": error.message, "error_code": error.error_code, "details": error.details}
    answer = json_bytes(msgspec.json.encode(body), error.status)
    if error.status == 503:
        answer.headers["retry-after"] = _RETRY_AFTER
    return answer


def refused() -> Response:
    """The answer to a key that cannot be confirmed: JSON without details, sent as text."""
    body = b'{"message":"Unauthorized API key","error_code":"AuthenticationFailed"}'
    return Response(body, 401, media_type="text/plain")


def anonymous() -> Response:
    """The answer to a request without a key."""
    return Response(b"", 401, {"www-authenticate": "Bearer"})


class Gate:
    """ASGI middleware before `/v0`: authentication, a database that is down, outages and slowness of the world."""

    def __init__(self, app: ASGIApp, *, world: World, api_key: str | None) -> None:
        self._app = app
        self._world = world
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "http" and scope["path"].startswith("/v0/"):
            if self._world.latency_seconds:
                await asyncio.sleep(self._world.latency_seconds)
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        status = self._world.outage_status
        if status is not None:
            return failed(SimulatedError(status, "SimulatedOutage", "The platform is out of order"))
        if self._api_key is None:
            return failed(database_down()) if self._world.database_down else None
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return anonymous()
        known = hmac.compare_digest(key.strip().encode(), self._api_key.encode())
        return None if known and not self._world.database_down else refused()
