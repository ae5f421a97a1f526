"""What a source is: tasks that read one control plane and deliver facts; the rest of the program knows no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from exporter.config import SourceConfig
from exporter.config.shard import Shard
from exporter.errors import SourceError
from exporter.model import Dimension, Fact, LogLine, LogPosition


class Known(msgspec.Struct, frozen=True):
    """What was read of a pipeline before: until when its history is known, where its log stands, what is kept of it."""

    until: float | None
    log: LogPosition
    log_errors: tuple[LogLine, ...] = ()


class Run(Protocol):
    """One run of a task, as the task sees it."""

    def known(self, pipeline_id: str) -> Known | None:
        """What was read of a pipeline before; None if it was never delivered, or is gone."""

    def deliver(self, fact: Fact) -> None:
        """Hand over what was read, at once."""

    def fail(self, error: SourceError) -> None:
        """Note that a part of the run failed; the run goes on."""

    def still_failing(self) -> None:
        """Note that what failed in an earlier run does not work yet."""


class Observer(Protocol):
    """Who wants to know how the reading goes."""

    def request(self, endpoint: str, code: str, size: int) -> None:
        """Note a request: its path as a template, the HTTP status or the reason of failure, the body's bytes."""

    def received(self, endpoint: str, size: int) -> None:
        """Note bytes of a body that goes on."""

    def unknown_status(self, dimension: str) -> None:
        """Note a status that this version does not know."""


class Task(msgspec.Struct, frozen=True):
    """Something a source does again and again.

    ``run`` raises SourceError when it failed as a whole. A task with ``wanted`` is also run as soon as another
    task of its source ends and ``wanted()`` is true.
    """

    name: str
    interval: float
    run: Callable[[Run], Awaitable[None]]
    wanted: Callable[[], bool] | None = None


class Source(Protocol):
    """A control plane that is being read."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is to be run, the reading of all statuses (``poll``) first."""

    async def aclose(self) -> None:
        """Let go of every connection."""


class Kind(msgspec.Struct, frozen=True):
    """A row of the table of kinds: all that the program knows of a kind of control plane.

    ``open`` gives a source that reads a shard's part of the pipelines.
    """

    name: str
    dimensions: tuple[Dimension, ...]
    config: type[SourceConfig]
    open: Callable[[Any, Observer, Shard], Source]
