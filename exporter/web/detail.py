"""Everything that the page of one pipeline shows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from exporter.history import PipelineHistory
from exporter.history.timeline import Entry
from exporter.history.traces import Traces
from exporter.model import LogLine, Note, Pipeline
from exporter.web.board import Board, FiringAlert, SourceBoard
from exporter.web.picture import Picture, Window, health_spans, lanes, seconds_back, status_spans, strip
from exporter.web.query import PipelineQuery
from exporter.web.rows import ErrorView, StatusView, error_of, history_of, path_of, statuses_of
from exporter.web.words import WORST_FIRST

EVENTS_A_PAGE = 50


class Figure(msgspec.Struct, frozen=True):
    """A dimension's past as a picture."""

    dimension: str
    picture: Picture


class EventView(msgspec.Struct, frozen=True):
    """An event; ``changed`` says of each of its statuses whether the event before had another one."""

    at: float
    health: str
    statuses: Sequence[tuple[str | None, bool]]
    has_error: bool


class Detail(msgspec.Struct, frozen=True):
    """A pipeline with its past; ``pages`` counts the pages of events, of which ``page`` is shown."""

    board: SourceBoard
    pipeline: Pipeline
    history: PipelineHistory
    path: str
    api_path: str
    statuses: Sequence[StatusView]
    error: ErrorView | None
    facts: Sequence[tuple[str, str]]
    times: Sequence[tuple[str, float]]
    window: Window
    health: Picture
    figures: Sequence[Figure]
    events: Sequence[EventView]
    event_count: int
    page: int
    pages: int
    notes: Sequence[Note]
    traces: Traces | None
    alerts: Sequence[FiringAlert] | None
    log_errors: Sequence[LogLine] | None


def detail(board: Board, source: SourceBoard, pipeline: Pipeline, query: PipelineQuery) -> Detail:
    """All of it; a page beyond the last one shows the last."""
    history = history_of(source, pipeline.id)
    oldest = history.timeline.oldest_at
    seconds = seconds_back(query.range, 0.0 if oldest is None else source.now - oldest)
    window = Window(source.drawn_until - seconds, source.drawn_until)
    count = len(history.timeline)
    pages = max(1, -(-count // EVENTS_A_PAGE))
    page = min(query.page, pages)
    path = path_of(source, pipeline)
    return Detail(
        board=source,
        pipeline=pipeline,
        history=history,
        path=path,
        api_path=f"/api/v1{path}/events",
        statuses=statuses_of(source, pipeline),
        error=error_of(source, pipeline),
        facts=_facts(pipeline),
        times=_times(pipeline, history),
        window=window,
        health=strip(health_spans(pipeline, history, window, source.as_of), window),
        figures=_figures(source, pipeline, history, window),
        events=_events(history, page),
        event_count=count,
        page=page,
        pages=pages,
        notes=history.notes.recent[::-1] if history.notes else (),
        traces=history.traces,
        alerts=board.alerts(source.name, pipeline.id),
        log_errors=board.log_errors(source.name, pipeline.id),
    )


def event_id(entry: Entry) -> str:
    """An event's id as the API gives it: the control plane's own where that is a UUID."""
    return str(UUID(int=entry.id))


def newest_first(history: PipelineHistory, start: int, count: int) -> list[Entry]:
    """``count`` events, after leaving out the newest ``start``."""
    stop = max(0, len(history.timeline) - start)
    return list(history.timeline.entries(max(0, stop - count), stop))[::-1]


def _facts(pipeline: Pipeline) -> list[tuple[str, str]]:
    checks = pipeline.checks
    told = (
        ("Platform version", pipeline.platform_version),
        ("Replicas", pipeline.replicas),
        ("Checks", checks and f"{checks.ok} of {checks.total} passed, {checks.running} running"),
        ("Connector errors", pipeline.connector_errors),
    )
    return [(name, str(value)) for name, value in told if value is not None and value != ""]


def _times(pipeline: Pipeline, history: PipelineHistory) -> list[tuple[str, float]]:
    told = (
        ("Created", pipeline.created_at),
        ("Configuration changed", pipeline.config_changed_at),
        ("Last event", history.last_event_at),
    )
    return [(name, at) for name, at in told if at is not None]


def _figures(source: SourceBoard, pipeline: Pipeline, history: PipelineHistory, window: Window) -> list[Figure]:
    health = health_spans(pipeline, history, window, source.as_of)
    found = [Figure("health", lanes(health, window, WORST_FIRST))]
    for number, dimension in enumerate(source.facts.dimensions):
        spans = status_spans(pipeline, history, (number, dimension.name), window, source.as_of)
        found.append(Figure(dimension.name, lanes(spans, window, dimension.statuses)))
    return [figure for figure in found if figure.picture.bars]


def _events(history: PipelineHistory, page: int) -> list[EventView]:
    """A page of events, each compared with the one before it."""
    entries = newest_first(history, (page - 1) * EVENTS_A_PAGE, EVENTS_A_PAGE + 1)
    before = [*entries, None][1:]
    return [_event(entry, old) for entry, old in zip(entries, before, strict=True)][:EVENTS_A_PAGE]


def _event(entry: Entry, before: Entry | None) -> EventView:
    old = entry.statuses if before is None else before.statuses
    statuses = [(status, status != was) for status, was in zip(entry.statuses, old, strict=True)]
    return EventView(entry.at, entry.health, statuses, entry.has_error)
