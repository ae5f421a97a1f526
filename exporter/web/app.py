"""The exporter's HTTP endpoints as an ASGI application."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from exporter import __version__
from exporter.metrics.exposition import CONTENT_TYPES
from exporter.metrics.publish import Publisher
from exporter.web.negotiate import accepts_gzip, choose_format

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pipeline-exporter</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}}
:root{{color-scheme:light dark}}code{{font-size:.95em}}</style></head>
<body><h1>pipeline-exporter</h1>
<p>Prometheus exporter for the control planes of data pipelines, version {version}.</p>
<ul>{links}</ul></body></html>
"""


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
    publisher: Publisher, status: Status, *, telemetry_path: str = "/metrics", enable_lifecycle: bool = False
) -> Starlette:
    """All endpoints; the metrics page is served at ``telemetry_path``."""

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
        Route("/", _index([telemetry_path, "/-/healthy", "/-/ready"])),
        Route(telemetry_path, metrics),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
    ]
    if enable_lifecycle:
        routes.append(Route("/-/reload", reload, methods=["POST", "PUT"]))
    return Starlette(routes=routes)


def _index(paths: Iterable[str]) -> Callable[[Request], Awaitable[Response]]:
    links = "".join(f'<li><a href="{html.escape(path)}"><code>{html.escape(path)}</code></a></li>' for path in paths)
    page = _INDEX.format(version=__version__, links=links)

    async def index(request: Request) -> Response:
        return HTMLResponse(page)

    return index
