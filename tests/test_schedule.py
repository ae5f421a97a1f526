"""The scheduler: cadence, one run at a time, failures counted and survived."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from exporter.errors import BadResponse, ServerFailed, SourceError, TimedOut
from exporter.model import Fact, PlatformRead
from exporter.schedule import Runner, Schedule
from exporter.sources.base import Run, Task

LONGEST = 20.0
"""Seconds after which a test gives up; none waits for them when all is well."""

SOON = 0.01
SELDOM = 3600.0
FACT = PlatformRead(version="1")


class Heard:
    """What a runner told."""

    def __init__(self) -> None:
        self.failures: Counter[tuple[str, str]] = Counter()
        self.runs: list[tuple[str, bool]] = []
        self.ends: list[tuple[str, bool]] = []
        self.facts: list[Fact] = []

    def failed(self, task: str, reason: str) -> None:
        self.failures[task, reason] += 1

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        assert seconds >= 0
        self.runs.append((task, success))

    def ended(self, task: str, success: bool) -> None:
        self.ends.append((task, success))


@pytest.fixture
def heard() -> Heard:
    """Nothing heard yet."""
    return Heard()


@pytest.fixture
def runner(heard: Heard) -> Runner:
    """The runner of a source named prod."""
    return Runner("prod", heard, deliver=heard.facts.append, ended=heard.ended)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Every line of the log as its level, event, and reason."""
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    yield capture.entries
    structlog.reset_defaults()


@pytest.fixture
async def schedule() -> AsyncIterator[Schedule]:
    """A schedule that runs."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    made = Schedule()
    made.start(lambda: None)
    yield made
    made.stop()
    await asyncio.sleep(0)


def raising(error: Exception) -> Callable[[Run], Awaitable[None]]:
    """A run that fails."""

    async def run(run: Run) -> None:
        raise error

    return run


async def nothing(run: Run) -> None:
    """A run that works."""


class Counted:
    """A run that says how often it began; ``gate`` holds it up."""

    def __init__(self) -> None:
        self.begun = 0
        self.reached = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, run: Run) -> None:
        self.begun += 1
        async with self.reached:
            self.reached.notify_all()
        await self.gate.wait()

    async def begins(self, times: int) -> None:
        """Wait until it has begun so often."""
        async with self.reached:
            await asyncio.wait_for(self.reached.wait_for(lambda: self.begun >= times), LONGEST)


async def test_a_run_delivers_and_succeeds(runner: Runner, heard: Heard) -> None:
    """Facts are handed on at once, then the run is timed and its end is told."""

    async def run(run: Run) -> None:
        run.deliver(FACT)
        assert (heard.facts, heard.runs) == ([FACT], [])

    assert await runner.run(Task("poll", 15.0, run))
    assert (heard.facts, heard.runs, heard.ends, heard.failures) == ([FACT], [("poll", True)], [("poll", True)], {})


@pytest.mark.parametrize(
    ("error", "reason"),
    [(TimedOut("slow"), "timeout"), (SourceError("?"), "internal"), (ValueError("a bug"), "internal")],
)
async def test_a_failure_ends_in_the_runner(
    runner: Runner, heard: Heard, logged: list[Any], error: Exception, reason: str
) -> None:
    """Whatever a task raises is counted with its reason and stops nothing."""
    assert not await runner.run(Task("poll", 15.0, raising(error)))
    assert (heard.failures, heard.runs, heard.ends) == ({("poll", reason): 1}, [("poll", False)], [("poll", False)])
    assert len(logged) == 1


async def test_a_run_that_is_cancelled_is_no_failure(runner: Runner, heard: Heard) -> None:
    """The end of the program is not counted against the source."""
    task = asyncio.create_task(runner.run(Task("poll", 15.0, Counted())))
    held = Counted()
    held.gate.clear()
    await task
    task = asyncio.create_task(runner.run(Task("poll", 15.0, held)))
    await held.begins(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.runs == [("poll", True)]
    assert heard.failures == {}


async def test_a_long_outage_is_one_line(runner: Runner, logged: list[Any]) -> None:
    """A failure is logged when it begins, when its reason changes, and when it is over."""
    good, bad = Task("poll", 15.0, nothing), Task("poll", 15.0, raising(TimedOut("/v0/pipelines: slow")))
    worse = Task("poll", 15.0, raising(ServerFailed("/v0/pipelines: HTTP status 500", status=500)))
    for task in (good, bad, bad, bad, worse, worse, good, good, bad):
        await runner.run(task)
    lines = [entry for entry in logged if entry["log_level"] != "debug"]
    common = {"source": "prod", "task": "poll"}
    slow = {"reason": "timeout", "err": "/v0/pipelines: slow", "event": "a task failed", "log_level": "warning"}
    broken = slow | {"reason": "server_error", "err": "/v0/pipelines: HTTP status 500"}
    well = {"was": "server_error", "event": "a task works again", "log_level": "info"}
    assert lines == [common | slow, common | broken, common | well, common | slow]


async def test_tasks_are_logged_apart(runner: Runner, logged: list[Any]) -> None:
    """A task that works does not end the outage of another."""
    bad = Task("poll", 15.0, raising(TimedOut("slow")))
    for task in (bad, Task("platform", 60.0, nothing), bad):
        await runner.run(task)
    assert [entry["event"] for entry in logged if entry["log_level"] != "debug"] == ["a task failed"]


async def test_a_part_that_fails_does_not_fail_the_run(runner: Runner, heard: Heard) -> None:
    """One bad pipeline is counted; the run goes on and works."""

    async def run(run: Run) -> None:
        run.fail(BadResponse("one row"))
        run.deliver(FACT)

    assert await runner.run(Task("poll", 15.0, run))
    assert heard.failures == {("poll", "bad_response"): 1}
    assert (heard.runs, heard.facts) == ([("poll", True)], [FACT])


async def test_a_part_that_goes_on_failing_is_one_line(runner: Runner, logged: list[Any]) -> None:
    """A bad pipeline that stays bad is logged once, not at every poll, and its end is told once."""

    async def run(run: Run) -> None:
        run.fail(BadResponse("one row"))

    for task in (*[Task("poll", 15.0, run)] * 3, Task("poll", 15.0, nothing)):
        await runner.run(task)
    lines = [entry["event"] for entry in logged if entry["log_level"] != "debug"]
    assert lines == ["a task failed", "a task works again"]


async def test_a_source_that_hangs_does_not_delay_another(schedule: Schedule, runner: Runner) -> None:
    """A task that never ends keeps its own source waiting and no other; it is not started twice."""
    hanging, lively = Counted(), Counted()
    hanging.gate.clear()
    schedule.add("stuck", (Task("poll", SOON, hanging),), runner)
    schedule.add("prod", (Task("poll", SOON, lively),), runner)
    await hanging.begins(1)
    await lively.begins(5)
    assert hanging.begun == 1
    hanging.gate.set()
    await hanging.begins(2)


@pytest.mark.parametrize("error", [TimedOut("slow"), ValueError("a bug")])
async def test_a_task_that_failed_runs_again(
    schedule: Schedule, runner: Runner, heard: Heard, logged: list[Any], error: Exception
) -> None:
    """Neither an expected failure nor a bug ends a task."""
    done = asyncio.Event()

    async def run(run: Run) -> None:
        if sum(heard.failures.values()) >= 3:
            done.set()
        else:
            raise error

    schedule.add("prod", (Task("poll", SOON, run),), runner)
    await asyncio.wait_for(done.wait(), LONGEST)
    assert sum(heard.failures.values()) == 3


async def test_a_wanted_task_runs_right_after_another(schedule: Schedule, runner: Runner) -> None:
    """What a poll finds to do is done at once; nothing is done before, or when nothing is wanted."""
    wanted = False
    first, history, last = Counted(), Counted(), Counted()

    async def poll(run: Run) -> None:
        nonlocal wanted
        await first(run)
        wanted = first.begun == 2

    async def read(run: Run) -> None:
        nonlocal wanted
        wanted = False
        assert first.begun == 2
        await history(run)

    tasks = (Task("poll", SELDOM, poll), Task("history", SELDOM, read, wanted=lambda: wanted), Task("x", SELDOM, last))
    schedule.add("prod", tasks, runner)
    await first.begins(1)
    await last.begins(1)
    assert history.begun == 0
    schedule.add("prod", tasks, runner)  # once more, as a reload does
    await history.begins(1)
    assert first.begun == 2


async def test_a_wanted_task_waits_until_the_page_has_caught_up(runner: Runner) -> None:
    """What the poll brought is told before more is read; the poll itself waits for nothing."""
    caught_up = asyncio.Event()

    async def told() -> None:
        await caught_up.wait()

    schedule = Schedule(told)
    schedule.start(lambda: None)
    poll, history = Counted(), Counted()
    schedule.add("prod", (Task("poll", SOON, poll), Task("history", SELDOM, history, wanted=lambda: True)), runner)
    await poll.begins(5)
    assert history.begun == 0
    caught_up.set()
    await history.begins(1)
    schedule.stop()


async def test_a_wanted_task_that_is_running_is_not_started_twice(schedule: Schedule, runner: Runner) -> None:
    """However often it is wanted meanwhile, it runs once at a time."""
    poll, history = Counted(), Counted()
    history.gate.clear()
    tasks = (Task("poll", SOON, poll), Task("history", SELDOM, history, wanted=lambda: True))
    schedule.add("prod", tasks, runner)
    await history.begins(1)
    await poll.begins(poll.begun + 5)
    assert history.begun == 1
    history.gate.set()
    await history.begins(2)


async def test_a_source_that_is_removed_runs_no_more(schedule: Schedule, runner: Runner, heard: Heard) -> None:
    """A run that goes on is cancelled before the removal returns, without a word; nothing begins after it."""
    poll, history, other = Counted(), Counted(), Counted()
    poll.gate.clear()
    tasks = (Task("poll", SOON, poll), Task("history", SELDOM, history, wanted=lambda: True))
    schedule.add("gone", tasks, runner)
    await poll.begins(1)
    await schedule.remove("gone", tasks)
    poll.gate.set()
    schedule.add("prod", (Task("poll", SOON, other),), Runner("prod", heard, deliver=print, ended=lambda *_: None))
    await other.begins(5)
    assert (poll.begun, history.begun) == (1, 0)
    assert heard.ends == []
    assert not heard.failures


async def test_a_run_that_was_due_when_its_source_was_removed_does_not_begin(
    schedule: Schedule, runner: Runner
) -> None:
    """Between the moment a run is due and its beginning the source may be gone; another one may have its name."""
    old, new = Counted(), Counted()
    tasks = (Task("poll", SOON, old),)
    for _ in range(50):
        schedule.add("prod", tasks, runner)
        await asyncio.sleep(0)  # the scheduler wakes up and makes the run, which has its first turn later
        begun = old.begun
        await schedule.remove("prod", tasks)
        await asyncio.sleep(0)
        assert old.begun == begun
    schedule.add("prod", (Task("poll", SOON, new),), runner)
    await new.begins(2)


async def test_the_scheduler_shows_that_it_lives() -> None:
    """The tick comes by itself, and the time of the last one is known."""
    schedule, ticked = Schedule(), asyncio.Event()
    before = schedule.last_tick
    schedule.start(ticked.set)
    await asyncio.wait_for(ticked.wait(), LONGEST)
    schedule.stop()
    await asyncio.sleep(0)
    assert schedule.last_tick > before
