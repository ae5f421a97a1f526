"""One source as it is being read, and everybody who hears of what it finds."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

from exporter.alerts.bridge import Bridge
from exporter.config import SourceConfig
from exporter.config.shard import Shard
from exporter.metrics.own import OwnMetrics, SourceMetrics
from exporter.metrics.page import Section
from exporter.model import Fact, Snapshot
from exporter.persistence import Saver
from exporter.schedule import Runner
from exporter.sources.base import Known, Source
from exporter.sources.kinds import KINDS
from exporter.store import Change, SourceFacts
from exporter.web.board import SourceBoard

log = structlog.get_logger(__name__)

_LEAST_PATIENCE_SECONDS = 60.0


class Around(msgspec.Struct, frozen=True):
    """Who hears of what a source finds: ``changed`` says that the page is out of date."""

    own: OwnMetrics
    saver: Saver
    alerts: Bridge
    changed: Callable[[], None]


class Reading:
    """One source as it is being read: the reader, what it found, and its part of the page."""

    def __init__(
        self, config: SourceConfig, facts: SourceFacts, section: Section, around: Around, *, shard: Shard
    ) -> None:
        self.config = config
        self.facts = facts
        self.section = section
        self.tried = False
        self._around = around
        self._failing = False
        self._good: dict[str, float] = {}
        self._ended_at: dict[str, float] = {}
        self._opened_at = time.monotonic()
        self._polled_at: float | None = None
        self._reasons: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        dimensions = [dimension.name for dimension in facts.dimensions]
        self._metrics = SourceMetrics(
            around.own, config.name, poll_interval=config.poll_interval, dimensions=dimensions
        )
        self.source: Source = KINDS[config.type].open(config, self._metrics, shard)
        self.runner = Runner(config.name, self, deliver=self._deliver, ended=self._ended, known=self._known)
        for task in self.source.tasks:
            self._metrics.add_task(task.name)

    def failed(self, task: str, reason: str) -> None:
        """A run of a task, or a part of it, failed."""
        self._reasons[task] = reason
        self._metrics.failed(task, reason)

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        """A run of a task ended."""
        self._metrics.ran(task, seconds, success=success)

    def board(self) -> SourceBoard:
        """What the pages show of it."""
        return SourceBoard(
            facts=self.facts,
            up=not self._failing if self.tried else None,
            hidden=self.section.hidden,
            problems={task: reason for task, reason in self._problems.items() if reason},
            age=None if self._polled_at is None else time.monotonic() - self._polled_at,
            poll_interval=self.config.poll_interval,
        )

    def stalled(self) -> str:
        """The name of a task that should have ended again long ago; empty if there is none."""
        now = time.monotonic()
        for task in self.source.tasks:
            patience = max(_LEAST_PATIENCE_SECONDS, 5 * task.interval + 20 * self.config.timeout)
            if task.wanted is None and now - self._ended_at.get(task.name, self._opened_at) > patience:
                return task.name
        return ""

    def expire(self, stale_after: float) -> None:
        """Drop facts that are too old to be served; those of a source that cannot be read, and of its platform."""
        now = time.monotonic()
        patience = stale_after if self._failing else stale_after + 2 * self.config.poll_interval
        if not self.section.hidden and now - self._good.get("poll", now) > patience:
            self._hide()
        if now - self._good.get("platform", now) > stale_after + self._interval("platform"):
            del self._good["platform"]
            self._show(self.facts.forget_platform())

    def _interval(self, name: str) -> float:
        return next((task.interval for task in self.source.tasks if task.name == name), 0.0)

    def _hide(self) -> None:
        if self.facts.pipelines:
            log.warning("facts are too old to be served", source=self.config.name)
        self.section.hidden = True
        self._metrics.pipelines(0)
        self._around.changed()

    def _deliver(self, fact: Fact) -> None:
        change = self.facts.apply(fact)
        self._around.alerts.note(self.config.name, fact, change)
        self._show(change, more_comes=isinstance(fact, Snapshot) and not fact.whole)

    def watched(self) -> None:
        """Tell the alerting bridge of the source, and how the last poll went."""
        self._around.alerts.watch(self.facts)
        if self.tried:
            why = self._problems.get("poll", "")
            self._around.alerts.ended(self.config.name, "poll", success=not self._failing, why=why)

    def _show(self, change: Change, *, more_comes: bool = False) -> None:
        """Render and keep what changed; a page is not put together for a part of an answer."""
        self.section.update(change)
        self._around.saver.note(self.facts, change)
        if not more_comes:
            self._around.changed()

    def _known(self, pipeline_id: str) -> Known | None:
        history = self.facts.history.pipelines.get(pipeline_id)
        if history is None:
            return None
        errors = history.logs.errors if history.logs else ()
        return Known(history.known_until, history.log_position, errors)

    def _ended(self, task: str, success: bool) -> None:
        self._problems[task] = self._reasons.pop(task, "")
        self._ended_at[task] = time.monotonic()
        if success:
            self._good[task] = time.monotonic()
        if task == "poll":
            self._polled(success)
            self._around.changed()
        self._around.alerts.ended(self.config.name, task, success=success, why=self._problems[task])

    def _polled(self, success: bool) -> None:
        self.tried = True
        self._failing = not success
        self._metrics.up(success)
        if success:
            self._polled_at = time.monotonic()
            self.section.hidden = False
            self._metrics.pipelines(len(self.facts.pipelines))
        else:
            self._good.setdefault("poll", time.monotonic())
