"""The bridge whole: what the sources tell goes to the engine, what the engine says to a queue for each Alertmanager."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

import structlog

from exporter.alerts.alert import Alert, Notice
from exporter.alerts.alertmanager import Alertmanager, Counts, name_of
from exporter.alerts.engine import Engine, linger
from exporter.alerts.explain import Places
from exporter.alerts.memory import Memory, Row
from exporter.alerts.queue import Queue
from exporter.alerts.rules import ALERTS
from exporter.config import Alerting, AlertmanagerConfig
from exporter.model import Fact
from exporter.store import Change, SourceFacts

log = structlog.get_logger(__name__)

_STEP_SECONDS = 1.0
_LEASES = 4
_DRAIN_SECONDS = 5.0
_WRITE_SECONDS = 5.0


class Keep(Protocol):
    """Who writes down what must survive."""

    def restore_alerts(self) -> list[tuple[str, str, bytes]]:
        """The rows that were written."""

    def note_alerts(self, rows: Iterable[Row]) -> None:
        """Rows to write with the next flush."""

    def flush(self) -> Coroutine[Any, Any, None]:
        """Write; returns when it is on disk, or when it failed."""


class Metrics(Protocol):
    """Who counts."""

    def alertmanager(self, name: str) -> Counts:
        """The counts of one Alertmanager."""

    def forget_alertmanager(self, name: str) -> None:
        """It is not sent to any more."""

    def alerts_firing(self, name: str, count: int) -> None:
        """So many alerts of this name fire."""

    def restarted(self, part: str) -> None:
        """A part of the exporter failed and began again."""


class Bridge:
    """Posts alerts while there is a section ``alerting``; without one it does nothing and remembers nothing.

    What changed is written down before it is sent, so that a crash in between neither resolves nor doubles an alert.
    """

    def __init__(self, keep: Keep, metrics: Metrics, *, clock: Callable[[], float] = time.time) -> None:
        self._keep = keep
        self._metrics = metrics
        self._clock = clock
        self._memory = Memory()
        self._engine: Engine | None = None
        self._managers: dict[str, Alertmanager] = {}
        self._restored = False
        self._running = False
        for name in ALERTS:
            metrics.alerts_firing(name, 0)

    # What is told to the bridge

    async def configure(self, settings: Alerting | None, address: str) -> bool:
        """Work with these settings from now on; ``address`` is where this exporter is found if they do not say.

        Whether the bridge begins to work with this, and is to be told of every source.
        """
        if not self._restored:
            self._restored = True
            self._memory.restore(self._keep.restore_alerts())
        if settings is None:
            await self._turn_off()
            return False
        begins = self._engine is None
        receivers = [str(member.url) for member in settings.alertmanagers]
        places = Places.of(settings, address)
        if self._engine is None:
            self._engine = Engine(settings, places, receivers, self._memory)
        else:
            self._engine.configure(settings, places, receivers, self._clock())
        await self._connect(settings, self._engine)
        self._measure(self._engine)
        return begins

    def watch(self, facts: SourceFacts) -> None:
        """A source is read from now on, or by a new reader."""
        if self._engine:
            self._engine.watch(facts)

    def unwatch(self, source: str) -> None:
        """A source is not read any more."""
        if self._engine:
            self._engine.unwatch(source)

    def note(self, source: str, fact: Fact, change: Change) -> None:
        """A fact of a source and what it changed."""
        if self._engine:
            self._engine.note(source, fact, change)

    def ended(self, source: str, task: str, *, success: bool, why: str = "") -> None:
        """A task of a source ended, with a reason if it failed."""
        if self._engine:
            self._engine.ended(source, task, self._clock(), success=success, why=why)

    def about(self, source: str, pipeline_id: str) -> list[Alert] | None:
        """The alerts that fire for a pipeline; None if nobody decides about alerts."""
        return self._engine.about(source, pipeline_id) if self._engine else None

    def full(self) -> list[str]:
        """The Alertmanagers for which as many alerts wait as can be kept."""
        return [name_of(manager.config) for manager in self._managers.values() if manager.queue.is_full]

    # Life

    async def run(self) -> None:
        """Decide and send for ever; who runs it begins again after an error."""
        self._running = True
        for manager in self._managers.values():
            manager.start()
        while True:
            await self._turn()
            is_busy = self._engine is not None and self._engine.busy
            await asyncio.sleep(0 if is_busy else _STEP_SECONDS)

    async def aclose(self) -> None:
        """Send what waits, for a few seconds at most. What fires is not resolved: its lease covers a restart."""
        if self._running:
            try:
                await self._drain()
            except Exception:
                log.exception("the last look at alerts failed unexpectedly")
            self._note_changes()
        await self._close(list(self._managers))

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._turn()
                await asyncio.gather(*(manager.drained() for manager in self._managers.values()))

    async def _turn(self) -> None:
        """Decide what there is to decide, write it down, and hand it to the queues."""
        if (engine := self._engine) is None:
            return
        due = engine.step(self._clock())
        self._tell_failures(engine)
        try:
            if self._note_changes():
                self._measure(engine)
                await _at_most(self._keep.flush(), _WRITE_SECONDS)
        finally:
            self._send(due)

    def _send(self, due: Sequence[Alert]) -> None:
        """Put them into the queue of everybody who is to hear of them."""
        now = self._clock()
        for url, manager in self._managers.items():
            if notices := [alert.notice() for alert in due if alert.is_news_to(url, now)]:
                manager.put(notices)

    def _tell_failures(self, engine: Engine) -> None:
        """Count pipelines that could not be decided about; a row of failures is logged with its traceback once."""
        for failure in engine.failures():
            self._metrics.restarted("alerts")
            if failure.is_first:
                source, pipeline = failure.subject
                log.error("deciding about a pipeline's alerts failed unexpectedly; they stay as they are",
                          source=source, pipeline=pipeline, exc_info=failure.error)  # fmt: skip

    def _measure(self, engine: Engine) -> None:
        firing = engine.firing()
        for name in ALERTS:
            self._metrics.alerts_firing(name, firing[name])
        known = [alert.labels for alert in engine.all()]
        for manager in self._managers.values():
            manager.queue.forget_all_but(known)

    def _note_changes(self) -> bool:
        """Hand on what is to be written; whether there is anything."""
        rows = self._memory.changes()
        self._keep.note_alerts(rows)
        return bool(rows)

    async def _turn_off(self) -> None:
        """Without the section nothing fires, and nothing is remembered; what was posted ends with its lease."""
        await self._close(list(self._managers))
        self._engine = None
        self._memory.clear()
        self._note_changes()
        for name in ALERTS:
            self._metrics.alerts_firing(name, 0)

    # Alertmanagers

    async def _connect(self, settings: Alerting, engine: Engine) -> None:
        """One sender for each; queues go on under their addresses, and those of unchanged ones are not disturbed."""
        wanted = {str(member.url): member for member in settings.alertmanagers}
        old = {url: manager for url, manager in self._managers.items() if manager.config != wanted.get(url)}
        for url, manager in old.items():
            manager.stop()
            del self._managers[url]
        for url, member in wanted.items():
            if url not in self._managers:
                queue = old[url].queue if url in old else self._new_queue(url, settings, engine)
                self._open(member, queue, engine)
            manager = self._managers[url]
            manager.lease, manager.queue.linger = _LEASES * settings.resend_interval, linger(settings)
        await self._let_go(list(old.values()))

    def _open(self, config: AlertmanagerConfig, queue: Queue, engine: Engine) -> None:
        url = str(config.url)

        def accepted(notice: Notice, at: float) -> None:
            engine.accepted(url, notice, at)

        counts = self._metrics.alertmanager(name_of(config))
        self._managers[url] = Alertmanager(config, queue, counts, lease=0.0, accepted=accepted, clock=self._clock)
        if self._running:
            self._managers[url].start()

    def _new_queue(self, url: str, settings: Alerting, engine: Engine) -> Queue:
        """A queue that knows what its Alertmanager was told."""
        queue = Queue(linger=linger(settings))
        for alert in engine.all():
            if (at := alert.told.get(url)) is not None:
                queue.knows(alert.labels, alert.starts_at, at)
        return queue

    async def _close(self, urls: Iterable[str]) -> None:
        await self._let_go([self._managers.pop(url) for url in urls])

    async def _let_go(self, gone: Sequence[Alertmanager]) -> None:
        """Close them, and drop the series of those that are not sent to any more."""
        await asyncio.gather(*(manager.aclose() for manager in gone))
        kept = {name_of(manager.config) for manager in self._managers.values()}
        for name in {name_of(manager.config) for manager in gone} - kept:
            self._metrics.forget_alertmanager(name)


async def _at_most(work: Coroutine[Any, Any, None], seconds: float) -> None:
    """Wait for work, but not for ever: it goes on by itself."""
    done, _ = await asyncio.wait({asyncio.create_task(work)}, timeout=seconds)
    for task in done:
        task.result()
