"""What the pages show, as values, and who tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from exporter.config import Config
from exporter.model import LogLine, Pipeline
from exporter.store import SourceFacts

POLL = "poll"


class FiringAlert(msgspec.Struct, frozen=True):
    """An alert that fires for a pipeline now; ``runbook`` is where it is told what to do."""

    name: str
    severity: str
    since: float
    summary: str
    runbook: str = ""


class SourceBoard(msgspec.Struct, frozen=True):
    """A source and how the reading of it goes.

    ``up`` says whether the last poll worked (None: there was none yet); ``problems`` has the reason of failure of
    each task whose last run failed, wholly or in part; ``age`` is how many seconds ago the last good poll ended.
    The facts of a ``hidden`` source are too old to be shown.
    """

    facts: SourceFacts
    up: bool | None
    hidden: bool
    problems: Mapping[str, str]
    age: float | None
    poll_interval: float

    @property
    def name(self) -> str:
        """The ``source`` label."""
        return str(self.facts.name)  # of a plain type, which encoders know

    @property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """The pipelines that may be shown, by id."""
        return {} if self.hidden else self.facts.pipelines

    @property
    def unwell(self) -> list[str]:
        """The parts of the control plane that it says are not well."""
        return [service.name for service in self.facts.platform.services or () if not service.healthy]

    @property
    def as_of(self) -> float:
        """The control plane's time of the last good poll; 0 before there was one."""
        return self.facts.history.as_of or 0.0

    @property
    def now(self) -> float:
        """The control plane's time now, as far as the last good poll tells."""
        return self.as_of + (self.age or 0.0)

    @property
    def drawn_until(self) -> float:
        """Where pictures end: at the last poll, or now, with nothing drawn since, if the source cannot be read."""
        return self.as_of if self.up else self.now


class Board(Protocol):
    """Who knows everything that the pages show."""

    def sources(self) -> Sequence[SourceBoard]:
        """Every source, in the order of the config file."""

    def alerts(self, source: str, pipeline_id: str) -> Sequence[FiringAlert] | None:
        """The alerts that fire for a pipeline; None if nobody decides about alerts."""

    def firing(self) -> Mapping[str, int] | None:
        """How many alerts fire, by name; None if nobody decides about alerts."""

    def log_errors(self, source: str, pipeline_id: str) -> Sequence[LogLine] | None:
        """The last lines of a pipeline's log that tell of a failure, oldest first; None if its log is not read."""

    def config(self) -> Config:
        """The configuration that is in use."""

    def reload_problem(self) -> str:
        """Why the config file could not be loaded when it was tried last; empty if it could."""


class EmptyBoard:
    """The board of an exporter that reads nothing."""

    def sources(self) -> Sequence[SourceBoard]:
        """None."""
        return ()

    def alerts(self, source: str, pipeline_id: str) -> None:
        """Nobody decides about alerts."""

    def firing(self) -> None:
        """Nobody decides about alerts."""

    def log_errors(self, source: str, pipeline_id: str) -> None:
        """No log is read."""

    def config(self) -> Config:
        """One without sources."""
        return Config(sources=())

    def reload_problem(self) -> str:
        """None."""
        return ""
