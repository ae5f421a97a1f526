"""Boards for tests: sources as they could be, on the application without a socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from starlette.applications import Starlette

from exporter.config import Config
from exporter.history import PipelineHistory
from exporter.metrics.exposition import Body
from exporter.metrics.own import OwnMetrics
from exporter.metrics.publish import Publisher
from exporter.model import (
    DeploymentError,
    Dimension,
    Event,
    FailureRead,
    HistoryRead,
    LogLine,
    Note,
    Pipeline,
    Service,
    Snapshot,
    Status,
    TraceRead,
    TraceRecord,
    TraceSession,
)
from exporter.store import SourceFacts
from exporter.web.app import create_app
from exporter.web.board import FiringAlert, SourceBoard

NOW = 1_800_000_000.0
DIMENSIONS = (
    Dimension("resources", ("Stopped", "Provisioned"), "R."),
    Dimension("runtime", ("Unavailable", "Running"), "U."),
)
HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.elif\u202c and עברית",
    "a/b/../c?x=1&y=2#z %2F",
    "</title></svg></textarea>",
    "two\nlines\r\n",
    "x" * 10_000,
)


class FakeStatus:
    """An exporter that is well."""

    def not_ready(self) -> str:
        return ""

    async def reload(self) -> str:
        return ""


class FakeBoard:
    """A board that says what the test wants."""

    def __init__(self, *sources: SourceBoard, config: Config | None = None) -> None:
        self.shown = list(sources)
        self.about: Sequence[FiringAlert] | None = None
        self.counted: Mapping[str, int] | None = None
        self.lines: Sequence[LogLine] | None = None
        self.in_use = config or Config(sources=())
        self.refused = ""

    def sources(self) -> Sequence[SourceBoard]:
        return self.shown

    def alerts(self, source: str, pipeline_id: str) -> Sequence[FiringAlert] | None:
        return self.about

    def firing(self) -> Mapping[str, int] | None:
        return self.counted

    def log_errors(self, source: str, pipeline_id: str) -> Sequence[LogLine] | None:
        return self.lines

    def config(self) -> Config:
        return self.in_use

    def reload_problem(self) -> str:
        return self.refused


def event(number: int, seconds_ago: float, runtime: str | None, *, error: bool = False, **more: Any) -> Event:
    """An event of a pipeline whose process is up or not."""
    health = "failed" if error else {"Running": "healthy", "Unavailable": "unhealthy"}.get(runtime or "", "unknown")
    more = {"health": health, **more}
    return Event(str(UUID(int=number)), NOW - seconds_ago, ("Provisioned", runtime), error, **more)


def pipeline(name: str = "orders", *, id: str = "", health: str = "healthy", **more: Any) -> Pipeline:
    """A pipeline that runs since an hour, unless told otherwise."""
    statuses = {"resources": Status("Provisioned", NOW - 7200), "runtime": Status("Running", NOW - 3600)}
    given = {"statuses": statuses, "desired": {"runtime": "Running"}, "created_at": NOW - 86400, **more}
    return Pipeline(id or f"id-{name}", name, health=health, **given)  # type: ignore[arg-type]


def source(*pipelines: Pipeline, name: str = "prod", ago: float = 1, **how: Any) -> SourceBoard:
    """A source that was read a second ago."""
    facts = SourceFacts(name, kind="feldera", dimensions=DIMENSIONS)
    facts.apply(Snapshot(NOW - ago, pipelines))
    given = {"up": True, "hidden": False, "problems": {}, "age": ago, "poll_interval": 15.0, **how}
    return SourceBoard(facts, **given)


def down(*pipelines: Pipeline, hidden: bool = False, reason: str = "connection", **how: Any) -> SourceBoard:
    """A source that cannot be read any more."""
    return source(*pipelines, up=False, hidden=hidden, problems={"poll": reason}, age=200.0, **how)


def past(board: SourceBoard, pipeline_id: str, *events: Event) -> PipelineHistory:
    """Tell a pipeline's events; its history."""
    board.facts.apply(HistoryRead(pipeline_id, events))
    return board.facts.history.pipelines[pipeline_id]


def full(text: str) -> FakeBoard:
    """A pipeline with all there can be, each free text being ``text``."""
    error = DeploymentError("RuntimeError.WorkerPanic", text)
    shown = source(pipeline(text, id=text, health="failed", error=error, replicas=2, connector_errors=3))
    note = Note("pod", "CrashLoopBackOff", NOW - 50, text)
    past(shown, text, event(1, 90, "Running"), event(2, 60, None, error=True, notes=(note,)))
    shown.facts.apply(FailureRead(text, NOW - 60, error))
    session = TraceSession(text, NOW + 60, active=True)
    shown.facts.apply(TraceRead(text, session, (TraceRecord("r", NOW, NOW, "output", text[:50], "ok"),)))
    shown.facts.platform = shown.facts.platform.__class__(services=(Service(text, healthy=False),))
    board = FakeBoard(shown)
    board.about = [FiringAlert("PipelineDeploymentError", "critical", NOW - 60, text)]
    board.lines = [LogLine(text, NOW - 61), LogLine("thread panicked", None)]
    return board


async def application(board: FakeBoard) -> Starlette:
    """The application on a board."""
    publisher = Publisher(lambda: Body((), 0), OwnMetrics())
    await publisher.publish()
    return create_app(publisher, FakeStatus(), board)


async def client(board: FakeBoard) -> httpx.AsyncClient:
    """A client of the application on a board."""
    transport = httpx.ASGITransport(await application(board))
    return httpx.AsyncClient(transport=transport, base_url="http://exporter")


async def get(board: FakeBoard, path: str) -> httpx.Response:
    """One answer."""
    async with await client(board) as open_client:
        return await open_client.get(path)
