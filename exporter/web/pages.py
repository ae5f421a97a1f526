"""The pages for people: every pipeline, one pipeline, the configuration; and what goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter import __version__
from exporter.gradually import gradually
from exporter.model import HEALTHS
from exporter.web import words
from exporter.web.board import POLL, Board, SourceBoard
from exporter.web.configtext import config_text
from exporter.web.detail import detail
from exporter.web.headers import PAGE, SAFE, UNCACHED
from exporter.web.listing import Listing, listing
from exporter.web.lookup import REST, find, known_source, query
from exporter.web.picture import COLUMNS, LANE_HEIGHT, RANGES
from exporter.web.query import PAUSED, BoardQuery, PipelineQuery
from exporter.web.rows import common_seconds, row_of

PAGE_SIZE = 100
_TEMPLATES = ("board.html", "pipeline.html", "problem.html")
_STATIC = {
    "style.css": "text/css; charset=utf-8",
    "refresh.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"  # the address has a hash of what is there

_TITLES = {400: "This address asks for something that is not possible", 404: "Not found", 503: "Not available now"}


class Pages:
    """The pages, on a board; ``endpoints`` are the paths that every page links to."""

    def __init__(self, board: Board, endpoints: Sequence[str]) -> None:
        self._board = board
        self._static = {name: files("exporter.web").joinpath("static", name).read_bytes() for name in _STATIC}
        environment = _environment(endpoints, self._static)
        self._templates = {name: environment.get_template(name) for name in _TEMPLATES}

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/", self._every_pipeline),
            Route(f"/pipelines/{{source}}/{{pipeline:{REST}}}", self._one_pipeline),
            Route("/config", self._config),
            Route("/static/{name}", self._static_file),
        ]

    def problem(self, request: Request, error: HTTPException) -> Response:
        """A page that says what is wrong and leads back; one of something that passes loads itself again."""
        title = _TITLES.get(error.status_code, "This did not work")
        headers = dict(error.headers or {})
        paused = request.query_params.get("refresh") == "off"
        again = None if paused else headers.get("retry-after")
        context = {"title": title, "sentence": error.detail, "again": again}
        return self._page("problem.html", context, status=error.status_code, headers=headers)

    async def _every_pipeline(self, request: Request) -> Response:
        asked, sources = query(request.query_params.multi_items(), BoardQuery), self._board.sources()
        known_source(sources, asked.source)
        found = _listing(sources, asked)
        seconds = common_seconds(found.rows, asked.range)
        context = {
            "asked": asked,
            "sources": sorted(sources, key=lambda source: source.up is not False and not source.hidden),
            "found": found,
            "rows": await gradually(partial(row_of, seconds=seconds, alerts=self._board.alerts), found.rows),
            "firing": self._board.firing(),
            "reload_problem": self._board.reload_problem(),
            "all_count": sum(found.counts.values()),
            "back": words.length(seconds),
        }
        return self._page("board.html", context)

    async def _one_pipeline(self, request: Request) -> Response:
        asked = query(request.query_params.multi_items(), PipelineQuery)
        source, pipeline = find(self._board, **request.path_params)
        return self._page("pipeline.html", {"asked": asked, "one": detail(self._board, source, pipeline, asked)})

    async def _config(self, request: Request) -> Response:
        return PlainTextResponse(config_text(self._board.config()), headers={**SAFE, **UNCACHED})

    async def _static_file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            raise HTTPException(404)
        headers = {**SAFE, "cache-control": _FOR_EVER}
        return Response(self._static[name], headers=headers, media_type=_STATIC[name])

    def _page(
        self,
        template: str,
        context: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        return HTMLResponse(self._templates[template].render(context), status, {**headers, **PAGE})


def _listing(sources: Sequence[SourceBoard], asked: BoardQuery) -> Listing:
    """What is asked for; a page beyond the last one, which may have gone since, is the last one."""
    found = listing(sources, asked, page=asked.page, page_size=PAGE_SIZE)
    if found.page > found.pages:
        found = listing(sources, asked, page=found.pages, page_size=PAGE_SIZE)
    return found


def link(asked: msgspec.Struct, **changes: object) -> str:
    """The query of a URL that asks for the same but for ``changes``; what is as by default is left out."""
    changed = msgspec.structs.replace(asked, **changes)
    fields = ((field.name, getattr(changed, field.name), field.default) for field in msgspec.structs.fields(changed))
    told = {name: _parameter(name, value) for name, value, default in fields if value != default}
    return f"?{urlencode(told)}"


def _parameter(name: str, value: object) -> str:
    return "off" if name == "refresh" and value == PAUSED else str(value)


def _environment(endpoints: Sequence[str], static: Mapping[str, bytes]) -> Environment:
    """The templates with what all of them need. Everything put into one is escaped."""
    environment = Environment(
        loader=PackageLoader("exporter.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"absolute": words.absolute, "clipped": words.clipped, "clock": words.clock}
    environment.filters |= {"length": words.length, "rfc3339": words.rfc3339}
    environment.globals |= {
        "ago": words.ago,
        "columns": COLUMNS,
        "endpoints": endpoints,
        "healths": HEALTHS,
        "lane_height": LANE_HEIGHT,
        "link": link,
        "poll": POLL,
        "ranges": RANGES,
        "reasons": words.REASONS,
        "signs": words.SIGNS,
        "static": {name: f"/static/{name}?v={sha256(body).hexdigest()[:16]}" for name, body in static.items()},
        "version": __version__,
        "worst_first": words.WORST_FIRST,
    }
    return environment
