"""Reads every source once, through the tasks it would be scraped with, and keeps what its pipelines were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeAlias

from exporter.backfill.past import Past, States
from exporter.config import SourceConfig
from exporter.config.shard import Shard
from exporter.model import Fact, HistoryRead, Snapshot
from exporter.schedule import Runner
from exporter.sources.kinds import KINDS

Tell: TypeAlias = Callable[[str, int, int], None]
"""Is told what is going on, how much of it is done, and how much there is."""

_TASKS = ("poll", "history")


class Reading:
    """One source: the pipelines it told of, how many histories came, and which tasks failed, in part or as a whole.

    It is the observer of the source and of its runs.
    """

    def __init__(self, config: SourceConfig, told: Callable[[], None]) -> None:
        self.config = config
        self.pasts: dict[str, Past] = {}
        self.histories = 0
        self.failures: dict[str, None] = {}
        self._told = told
        self._states = States(KINDS[config.type].dimensions)

    async def read(self) -> None:
        """Run the poll, then the history; what fails is noted and leaves what was read."""
        source = KINDS[self.config.type].open(self.config, self, Shard())
        runner = Runner(self.config.name, self, deliver=self.deliver, ended=lambda task, success: None)
        try:
            for task in source.tasks:
                if task.name in _TASKS:
                    await runner.run(task)
        finally:
            await source.aclose()

    def deliver(self, fact: Fact) -> None:
        """Take in what was read."""
        if isinstance(fact, Snapshot):
            self._snapshot(fact)
        elif isinstance(fact, HistoryRead):
            self._history(fact)

    def _snapshot(self, snapshot: Snapshot) -> None:
        for pipeline in snapshot.changed:
            now = self._states.now(pipeline)
            self.pasts[pipeline.id] = Past(self.config.name, pipeline, as_of=snapshot.as_of, now=now)
        for gone in snapshot.removed:
            self.pasts.pop(gone, None)
        self._told()

    def _history(self, read: HistoryRead) -> None:
        if (past := self.pasts.get(read.pipeline_id)) is not None:
            past.add(read.events, self._states, complete=read.complete)
            self.histories += 1
            self._told()

    def failed(self, task: str, reason: str) -> None:
        """Note a failure of a task, or of a part of it."""
        self.failures[f"{self.config.name}: {task}: {reason}"] = None

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        """Nobody asks how long a run took."""

    def request(self, endpoint: str, code: str, size: int) -> None:
        """Nobody asks how many requests there were."""

    def received(self, endpoint: str, size: int) -> None:
        """Nobody asks how many bytes there were."""

    def unknown_status(self, dimension: str) -> None:
        """A status that is not known is written like any other."""


async def collect(sources: Sequence[SourceConfig], tell: Tell) -> tuple[list[Past], list[str]]:
    """The past of every pipeline, and a word for each thing that failed: source, task, reason."""
    readings: list[Reading] = []

    def told() -> None:
        tell("reading", sum(r.histories for r in readings), sum(len(r.pasts) for r in readings))

    readings += [Reading(config, told) for config in sources]
    await asyncio.gather(*(reading.read() for reading in readings))
    pasts = chain.from_iterable(reading.pasts.values() for reading in readings)
    return list(pasts), list(chain.from_iterable(reading.failures for reading in readings))
