"""A pipeline as a row of the start page, and the facts that its own page shares with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from exporter.history import PipelineHistory
from exporter.model import Pipeline
from exporter.web.board import FiringAlert, SourceBoard
from exporter.web.listing import Listed
from exporter.web.picture import Picture, Window, health_spans, seconds_back, strip
from exporter.web.words import clipped

Alerts: TypeAlias = Callable[[str, str], Sequence[FiringAlert] | None]
"""The alerts that fire for a pipeline, by its source and identity."""

_LONGEST_NAME = 120
_LONGEST_MESSAGE = 160


class StatusView(msgspec.Struct, frozen=True):
    """The status of a dimension; ``desired`` is what is wanted, where the API tells."""

    dimension: str
    value: str
    since: float | None
    desired: str = ""


class ErrorView(msgspec.Struct, frozen=True):
    """An error for people: when it began, and whether it is ``over``, and since when, as far as that is known."""

    code: str
    message: str
    at: float | None = None
    over: bool = False
    until: float | None = None


class RowView(msgspec.Struct, frozen=True):
    """A row: ``since`` is when the newest of the statuses began, ``now`` the control plane's time.

    ``why`` is empty if the health says it all. ``as_of`` is the time of the facts if they are not of now.
    """

    name: str
    path: str
    source: str
    health: str
    statuses: Sequence[StatusView]
    since: float | None
    now: float
    picture: Picture
    error: ErrorView | None
    why: str
    as_of: float | None
    alerts: int


def history_of(board: SourceBoard, pipeline_id: str) -> PipelineHistory:
    """A pipeline's past; an empty one if nothing was ever read."""
    known = board.facts.history.pipelines.get(pipeline_id)
    return PipelineHistory(counts_from=None, initial=None) if known is None else known


def path_of(board: SourceBoard, pipeline: Pipeline) -> str:
    """The path of a pipeline's page."""
    return f"/pipelines/{quote(board.name, safe='')}/{quote(pipeline.id, safe='')}"


def statuses_of(board: SourceBoard, pipeline: Pipeline) -> list[StatusView]:
    """Every status, in the order of the kind's dimensions, with its beginning as far as it is known."""
    history, found = history_of(board, pipeline.id), []
    for number, dimension in enumerate(board.facts.dimensions):
        status = pipeline.statuses.get(dimension.name)
        if status is not None:
            since = history.began(number, status, pipeline.created_at)
            found.append(StatusView(dimension.name, status.value, since, pipeline.desired.get(dimension.name, "")))
    return found


def error_of(board: SourceBoard, pipeline: Pipeline, *, most: int | None = None) -> ErrorView | None:
    """The error of the deployment now, else the newest that there was."""
    found = present_error(board, pipeline) or last_failure(board, pipeline)
    return found if found is None or most is None else replace(found, message=clipped(found.message, most))


def present_error(board: SourceBoard, pipeline: Pipeline) -> ErrorView | None:
    """The error of the deployment now; its beginning is that of the failure it belongs to."""
    error, failure = pipeline.error, history_of(board, pipeline.id).failure
    if error is None:
        return None
    at = failure.at if failure is not None and failure.error.code == error.code else None
    return ErrorView(error.code, error.message, at)


def last_failure(board: SourceBoard, pipeline: Pipeline) -> ErrorView | None:
    """The newest failure, which lasts or is over."""
    failure = history_of(board, pipeline.id).failure
    if failure is None:
        return None
    over = pipeline.error is None or failure.until is not None
    return ErrorView(failure.error.code, failure.error.message, failure.at, over, failure.until)


def common_seconds(listed: Sequence[Listed], name: str) -> float:
    """How far back the pictures of all rows go, so that they can be compared."""
    ages = []
    for board, pipeline in listed:
        oldest = history_of(board, pipeline.id).timeline.oldest_at
        ages.append(0.0 if oldest is None else board.now - oldest)
    return seconds_back(name, max(ages, default=0.0))


def row_of(listed: Listed, seconds: float, alerts: Alerts) -> RowView:
    """A row with everything in it."""
    board, pipeline = listed
    window = Window(board.drawn_until - seconds, board.drawn_until)
    spans = health_spans(pipeline, history_of(board, pipeline.id), window, board.as_of)
    statuses = statuses_of(board, pipeline)
    return RowView(
        name=clipped(pipeline.name, _LONGEST_NAME),
        path=path_of(board, pipeline),
        source=board.name,
        health=pipeline.health,
        statuses=statuses,
        since=max((status.since for status in statuses if status.since is not None), default=None),
        now=board.now,
        picture=strip(spans, window),
        error=error_of(board, pipeline, most=_LONGEST_MESSAGE),
        why=pipeline.why,
        as_of=board.as_of if board.up is False else None,
        alerts=len(alerts(board.name, pipeline.id) or ()),
    )
