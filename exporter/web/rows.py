"""A pipeline as a row of the start page, and the facts that its own page shares with it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from exporter.history import PipelineHistory
from exporter.model import Pipeline
from exporter.web.board import SourceBoard
from exporter.web.listing import Listed
from exporter.web.picture import Picture, Window, health_spans, seconds_back, strip
from exporter.web.words import clipped

_LONGEST_NAME = 120
_LONGEST_MESSAGE = 160


class StatusView(msgspec.Struct, frozen=True):
    """The status of a dimension; ``desired`` is what is wanted, where the API tells."""

    dimension: str
    value: str
    since: float | None
    desired: str = ""


class ErrorView(msgspec.Struct, frozen=True):
    """An error for people; ``over`` is when one found in the history happened."""

    code: str
    message: str
    at: float | None = None
    over: bool = False


class RowView(msgspec.Struct, frozen=True):
    """A row: ``since`` is when the newest of the statuses began, ``now`` the control plane's time."""

    name: str
    path: str
    source: str
    health: str
    statuses: Sequence[StatusView]
    since: float | None
    now: float
    picture: Picture
    error: ErrorView | None


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
    """The error of the deployment now, else the last one that the history told of."""
    failure = board.facts.failures.get(pipeline.id)
    error = pipeline.error or (failure.error if failure else None)
    if error is None:
        return None
    message = error.message if most is None else clipped(error.message, most)
    over = pipeline.error is None
    return ErrorView(error.code, message, failure.at if failure and over else None, over)


def common_seconds(listed: Sequence[Listed], name: str) -> float:
    """How far back the pictures of all rows go, so that they can be compared."""
    ages = []
    for board, pipeline in listed:
        oldest = history_of(board, pipeline.id).timeline.oldest_at
        ages.append(0.0 if oldest is None else board.now - oldest)
    return seconds_back(name, max(ages, default=0.0))


def row_of(listed: Listed, seconds: float) -> RowView:
    """A row with everything in it."""
    board, pipeline = listed
    window = Window(board.now - seconds, board.now)
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
    )
