"""The JSON API: pipelines and their retained events. Described by ``openapi.yaml`` beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.gradually import gradually
from exporter.model import Checks, Health, Pipeline
from exporter.web.board import POLL, Board, SourceBoard
from exporter.web.detail import event_id, newest_first
from exporter.web.headers import SAFE, UNCACHED
from exporter.web.listing import Listed, Listing, listing
from exporter.web.lookup import REST, find, known_source, query
from exporter.web.query import EventsQuery, ListQuery
from exporter.web.rows import ErrorView, history_of, last_failure, present_error, statuses_of
from exporter.web.words import rfc3339

PREFIX = "/api/"


class ErrorItem(msgspec.Struct, frozen=True):
    """Why a deployment failed, from when until when."""

    code: str
    message: str
    at: str | None
    until: str | None


class StatusItem(msgspec.Struct, frozen=True):
    """A status, when it began, and what is wanted."""

    status: str
    since: str | None
    desired: str | None


class PipelineItem(msgspec.Struct, frozen=True):
    """A pipeline as it is now."""

    source: str
    kind: str
    pipeline: str
    pipeline_name: str
    health: str
    why: str | None
    statuses: dict[str, StatusItem]
    error: ErrorItem | None
    last_failure: ErrorItem | None
    platform_version: str
    created_at: str | None
    last_event_at: str | None
    replicas: int | None
    checks: Checks | None
    connector_errors: int | None


class SourceItem(msgspec.Struct, frozen=True):
    """A source and how reading it goes."""

    source: str
    kind: str
    up: bool | None
    stale: bool
    reason: str | None
    last_poll_at: str | None


class PipelineList(msgspec.Struct, frozen=True):
    """A page of pipelines."""

    total: int
    page: int
    page_size: int
    pages: int
    health: dict[Health, int]
    errors: int
    sources: Sequence[SourceItem]
    pipelines: Sequence[PipelineItem]


class EventItem(msgspec.Struct, frozen=True):
    """A retained event."""

    id: str
    at: str
    health: str
    has_error: bool
    statuses: dict[str, str | None]


class EventList(msgspec.Struct, frozen=True):
    """The newest events of a pipeline."""

    source: str
    pipeline: str
    pipeline_name: str
    total: int
    events: Sequence[EventItem]


def json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """An answer of the API."""
    body = msgspec.json.encode(value) + b"\n"
    return Response(body, status, {**SAFE, **UNCACHED, **(headers or {})}, "application/json")


class Api:
    """The endpoints, on a board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/v1/pipelines", self._pipelines),
            Route(f"/api/v1/pipelines/{{source}}/{{pipeline:{REST}}}/events", self._events),
            Route("/api/v1/openapi.yaml", _description),
        ]

    async def _pipelines(self, request: Request) -> Response:
        asked, sources = query(request.query_params.multi_items(), ListQuery), self._board.sources()
        known_source(sources, asked.source)
        found = listing(sources, asked, page=asked.page, page_size=asked.page_size)
        pipelines = await gradually(_pipeline, found.rows)
        return json(_list(found, sources, pipelines))

    async def _events(self, request: Request) -> Response:
        asked = query(request.query_params.multi_items(), EventsQuery)
        return json(_event_list(*find(self._board, **request.path_params), asked.limit))


async def _description(request: Request) -> Response:
    text = files("exporter.web").joinpath("openapi.yaml").read_bytes()
    return Response(text, headers=SAFE, media_type="application/yaml")


def _list(found: Listing, sources: Sequence[SourceBoard], pipelines: Sequence[PipelineItem]) -> PipelineList:
    return PipelineList(
        total=found.total,
        page=found.page,
        page_size=found.page_size,
        pages=found.pages,
        health=found.counts,
        errors=found.errors,
        sources=[_source(source) for source in sources],
        pipelines=pipelines,
    )


def _source(source: SourceBoard) -> SourceItem:
    return SourceItem(
        source=source.name,
        kind=source.facts.kind,
        up=source.up,
        stale=source.hidden,
        reason=source.problems.get(POLL) if source.up is False else None,
        last_poll_at=_time(source.as_of or None),
    )


def _pipeline(listed: Listed) -> PipelineItem:
    source, pipeline = listed
    return PipelineItem(
        source=source.name,
        kind=source.facts.kind,
        pipeline=pipeline.id,
        pipeline_name=pipeline.name,
        health=pipeline.health,
        why=pipeline.why or None,
        statuses={
            status.dimension: StatusItem(status.value, _time(status.since), status.desired or None)
            for status in statuses_of(source, pipeline)
        },
        error=_error(present_error(source, pipeline)),
        last_failure=_error(last_failure(source, pipeline)),
        platform_version=pipeline.platform_version,
        created_at=_time(pipeline.created_at),
        last_event_at=_time(history_of(source, pipeline.id).last_event_at),
        replicas=pipeline.replicas,
        checks=pipeline.checks,
        connector_errors=pipeline.connector_errors,
    )


def _event_list(source: SourceBoard, pipeline: Pipeline, limit: int) -> EventList:
    history = history_of(source, pipeline.id)
    names = [dimension.name for dimension in source.facts.dimensions]
    events = [
        EventItem(
            id=event_id(entry),
            at=rfc3339(entry.at, micro=True),
            health=entry.health,
            has_error=entry.has_error,
            statuses=dict(zip(names, entry.statuses, strict=True)),
        )
        for entry in newest_first(history, 0, limit)
    ]
    return EventList(source.name, pipeline.id, pipeline.name, len(history.timeline), events)


def _error(error: ErrorView | None) -> ErrorItem | None:
    return None if error is None else ErrorItem(error.code, error.message, _time(error.at), _time(error.until))


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
