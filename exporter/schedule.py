"""Runs the tasks of sources: each at its own cadence, never twice at once, timed, and never raising."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exporter.errors import SourceError
from exporter.model import Fact
from exporter.sources.base import Known, Task

log = structlog.get_logger(__name__)

_JITTER = 0.1
_MOST_JITTER_SECONDS = 5.0


class Gauges(Protocol):
    """Who is told how runs went."""

    def failed(self, task: str, reason: str) -> None:
        """A run, or a part of it, failed."""

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        """A run ended."""


class Runner:
    """Runs the tasks of one source and remembers how each went.

    ``deliver`` takes every fact; ``ended`` is called after each run with the task's name and whether it worked;
    ``known`` tells what was read of a pipeline before.
    """

    def __init__(
        self,
        source: str,
        gauges: Gauges,
        *,
        deliver: Callable[[Fact], None],
        ended: Callable[[str, bool], None],
        known: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        self._source = source
        self._gauges = gauges
        self._ended = ended
        self.deliver = deliver
        self.known = known
        self._failing: dict[str, str] = {}

    async def run(self, task: Task) -> bool:
        """Run a task once; every failure ends here. Returns whether it worked."""
        begin = time.monotonic()
        run = _Run(self, task.name)
        try:
            await task.run(run)
            success = True
            if not run.failed_in_part:
                self._note_success(task.name)
        except SourceError as error:
            success = False
            self.note_failure(task.name, error)
        except Exception:
            success = False
            self._note_internal(task.name)
        self._gauges.ran(task.name, time.monotonic() - begin, success=success)
        self._ended(task.name, success)
        return success

    def note_failure(self, task: str, error: SourceError) -> None:
        """Count a failure; log it when it is another one than before, so that a long outage is one line."""
        self._gauges.failed(task, error.reason)
        level = "debug" if self._failing.get(task) == error.reason else "warning"
        self._failing[task] = error.reason
        log.log(_LEVELS[level], "a task failed", source=self._source, task=task, reason=error.reason, err=str(error))

    def _note_internal(self, task: str) -> None:
        """Count an error nobody expected; its traceback is logged once for a row of them."""
        self._gauges.failed(task, "internal")
        if self._failing.get(task) != "internal":
            log.exception("a task failed unexpectedly", source=self._source, task=task)
        self._failing[task] = "internal"

    def _note_success(self, task: str) -> None:
        if (reason := self._failing.pop(task, None)) is not None:
            log.info("a task works again", source=self._source, task=task, was=reason)


_LEVELS = {"debug": 10, "warning": 30}


class _Run:
    """One run of a task, as the source sees it."""

    def __init__(self, runner: Runner, task: str) -> None:
        self._runner = runner
        self._task = task
        self.failed_in_part = False

    def known(self, pipeline_id: str) -> Known | None:
        return self._runner.known(pipeline_id)

    def deliver(self, fact: Fact) -> None:
        self._runner.deliver(fact)

    def still_failing(self) -> None:
        self.failed_in_part = True

    def fail(self, error: SourceError) -> None:
        self.failed_in_part = True
        self._runner.note_failure(self._task, error)


class Schedule:
    """The jobs of all sources, on APScheduler.

    ``caught_up`` is awaited before a task that another one woke, so that what the other brought is told first.
    """

    def __init__(self, caught_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self._caught_up = caught_up
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._runners: dict[str, Runner] = {}
        self._running: dict[tuple[str, str], asyncio.Task[object]] = {}
        self.last_tick = time.monotonic()

    def start(self, tick: Callable[[], None]) -> None:
        """Begin; ``tick`` is called every second, which also shows that the scheduler lives."""

        async def job() -> None:
            self.last_tick = time.monotonic()
            tick()

        self._scheduler.add_job(job, IntervalTrigger(seconds=1), id="tick")
        self._scheduler.start()

    def stop(self) -> None:
        """End every job; what is running is cancelled."""
        self._scheduler.shutdown(wait=False)

    def add(self, source: str, tasks: tuple[Task, ...], runner: Runner) -> None:
        """Run the tasks of a source from now on; those that wait to be wanted begin after their first interval."""
        self._runners[source] = runner
        for task in tasks:
            trigger = IntervalTrigger(seconds=task.interval, jitter=min(_MOST_JITTER_SECONDS, _JITTER * task.interval))
            first = {} if task.wanted else {"next_run_time": datetime.now(UTC)}
            job_id = _job_id(source, task)
            self._scheduler.add_job(
                self._run, trigger, args=(source, task, tasks, runner), id=job_id, replace_existing=True, **first
            )

    async def remove(self, source: str, tasks: tuple[Task, ...]) -> None:
        """Run them no more; returns when those that are running have been cancelled."""
        del self._runners[source]
        for task in tasks:
            self._scheduler.remove_job(_job_id(source, task))
        running = [run for task in tasks if (run := self._running.get((source, task.name)))]
        for run in running:
            run.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, source: str, task: Task, tasks: tuple[Task, ...], runner: Runner) -> None:
        key, current = (source, task.name), asyncio.current_task()
        if self._runners.get(source) is not runner or current is None:  # removed before this run could begin
            return
        self._running[key] = current
        try:
            if task.wanted and self._caught_up:
                await self._caught_up()
            await runner.run(task)
        except asyncio.CancelledError:  # the program ends or the source is gone, which APScheduler would call an error
            return
        finally:
            del self._running[key]
        for other in tasks:
            if other is not task and other.wanted and other.wanted() and (source, other.name) not in self._running:
                self._scheduler.modify_job(_job_id(source, other), next_run_time=datetime.now(UTC))


def _job_id(source: str, task: Task) -> str:
    return f"{source}/{task.name}"
