"""The exporter's HTTP endpoints as an ASGI application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ExceptionHandler, Receive, Scope, Send

from exporter.metrics.exposition import CONTENT_TYPES
from exporter.metrics.publish import Publisher
from exporter.web.api import PREFIX, Api
from exporter.web.api import json as json_answer
from exporter.web.board import Board, EmptyBoard
from exporter.web.negotiate import accepts_gzip, choose_format
from exporter.web.pages import Pages

_ENDPOINTS = ("/-/healthy", "/-/ready", "/config", "/api/v1/pipelines", "/api/v1/openapi.yaml")


class Status(Protocol):
    """Who knows how the exporter is."""

    def not_ready(self) -> str:
        """Why it is not ready; empty when it is."""

    async def reload(self) -> str:
        """Load the config file again; what is wrong with it, or nothing."""


class PiecesResponse(Response):
    """Sends a body piece by piece, as fast as the client reads, without ever joining it."""

    def __init__(self, pieces: Iterable[bytes], length: int, headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"content-length": str(length)})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI asks."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for piece in self._pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def create_app(
    publisher: Publisher,
    status: Status,
    board: Board | None = None,
    *,
    telemetry_path: str = "/metrics",
    enable_lifecycle: bool = False,
) -> Starlette:
    """All endpoints; the metrics page is served at ``telemetry_path``, whatever else would be there."""
    shown = board or EmptyBoard()
    pages = Pages(shown, [telemetry_path, *_ENDPOINTS])

    async def metrics(request: Request) -> Response:
        format = choose_format(request.headers.get("accept", ""))
        headers = {"content-type": CONTENT_TYPES[format], "vary": "accept, accept-encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            pieces = await publisher.gzip(format)
            headers["content-encoding"] = "gzip"
            return PiecesResponse(pieces, sum(map(len, pieces)), headers)
        length, text = publisher.identity(format)
        return PiecesResponse(text, length, headers)

    async def healthy(request: Request) -> Response:
        return PlainTextResponse("pipeline-exporter is healthy.\n")

    async def ready(request: Request) -> Response:
        if reason := status.not_ready():
            return PlainTextResponse(f"pipeline-exporter is not ready: {reason}.\n", status_code=503)
        return PlainTextResponse("pipeline-exporter is ready.\n")

    async def reload(request: Request) -> Response:
        problem = await status.reload()
        return PlainTextResponse(f"{problem}\n" if problem else "", status_code=500 if problem else 200)

    routes: list[BaseRoute] = [
        Route(telemetry_path, metrics),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
        *Api(shown).routes(),
        *pages.routes(),
    ]
    if enable_lifecycle:
        routes.append(Route("/-/reload", reload, methods=["POST", "PUT"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _explain(pages)})


def _explain(pages: Pages) -> ExceptionHandler:
    """Answers for what cannot be served, in the words of whoever asks: JSON for the API, a page for people."""

    def explain(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if request.scope["path"].startswith(PREFIX):
            return json_answer({"error": error.detail}, status=error.status_code, headers=dict(error.headers or {}))
        if error.status_code == 405:
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        return pages.problem(request, error)

    return explain
