"""The simulated Feldera REST API: an ASGI application over a world."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.demo.feldera.answers import Gate, empty, failed
from exporter.demo.feldera.control import Control
from exporter.demo.feldera.errors import SimulatedError
from exporter.demo.feldera.logstream import LogEndpoint
from exporter.demo.feldera.reads import Reads
from exporter.demo.feldera.world import World
from exporter.demo.feldera.writes import Writes


def create_app(world: World, *, api_key: str | None = None) -> Starlette:
    """The API of a world; with `api_key` (`apikey:…`) only for requests that bear it. `/demo` is open to all."""
    routes = [
        *Reads(world, authenticated=api_key is not None).routes(),
        *Writes(world).routes(),
        *Control(world).routes(),
        Route("/v0/pipelines/{name}/logs", LogEndpoint(world), methods=["GET"]),
    ]
    middleware = [Middleware(_Advance, world=world), Middleware(Gate, world=world, api_key=api_key)]
    handlers = {SimulatedError: _refused, HTTPException: _no_such_path}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


class _Advance:
    """ASGI middleware that lets the world catch up with its clock before every request."""

    def __init__(self, app: ASGIApp, *, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._world.advance(self._world.clock())
        await self._app(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SimulatedError)  # noqa: S101
    return failed(error)


async def _no_such_path(request: Request, error: Exception) -> Response:
    return empty(error.status_code if isinstance(error, HTTPException) else 500)
