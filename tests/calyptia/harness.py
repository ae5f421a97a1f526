"""A source on a simulated Calyptia Core, run by hand, and what its part of the page shows."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.config.file import parse
from exporter.config.shard import Shard
from exporter.errors import SourceError
from exporter.metrics.page import Page
from exporter.model import Fact
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.kind import KIND
from exporter.sources.calyptia.source import CalyptiaSource
from exporter.store import SourceFacts


class Clock:
    """The time of this machine, ``behind`` by some seconds; ``tick`` lets some of them pass."""

    def __init__(self) -> None:
        self.behind = 3600.0

    def __call__(self) -> float:
        return time.time() - self.behind

    def tick(self, seconds: float) -> float:
        """Let time pass; the time then."""
        self.behind -= seconds
        assert self.behind >= 0, "the future is not known"
        return self()

    def catch_up(self) -> float:
        """Let all of it pass."""
        return self.tick(self.behind)


class Reading:
    """A source, run by hand, and its page; it is the run and the observer that the source knows."""

    def __init__(self, config: CalyptiaConfig) -> None:
        self.facts = SourceFacts("edge", kind="calyptia", dimensions=KIND.dimensions)
        self.source = CalyptiaSource(config, self, Shard())
        self.failures: list[SourceError] = []
        self.delivered: list[Fact] = []
        self.unknown: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()
        self._page = Page(KIND.dimensions, dense=False)
        self._section = self._page.add(self.facts)

    async def run(self, *tasks: str) -> None:
        """Run tasks once, one after another; by default the poll and what it leaves to be read."""
        for name in tasks or ("poll", "history"):
            task = next(task for task in self.source.tasks if task.name == name)
            await task.run(self)

    def deliver(self, fact: Fact) -> None:
        self.delivered.append(fact)
        self._section.update(self.facts.apply(fact))

    def fail(self, error: SourceError) -> None:
        self.failures.append(error)

    def known(self, pipeline_id: str) -> None: ...

    def still_failing(self) -> None: ...

    def received(self, endpoint: str, size: int) -> None: ...

    def request(self, endpoint: str, code: str, size: int) -> None:
        self.requests[endpoint, code] += 1

    def unknown_status(self, dimension: str) -> None:
        self.unknown[dimension] += 1

    def text(self) -> str:
        """The whole page."""
        return b"".join(self._page.body().texts("text")).decode()

    def values(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The samples of a family, by the values of these labels."""
        samples = [s for f in text_string_to_metric_families(self.text()) for s in f.samples if s.name == name]
        found = {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}
        assert len(found) == len(samples), f"several samples of {name} have the same {labels}"
        return found

    def value(self, name: str) -> float | None:
        """The only sample of a family; None if there is none."""
        return self.values(name).get(())


Open = Callable[..., contextlib.AbstractAsyncContextManager[Reading]]


def config_of(keys: dict[str, object]) -> CalyptiaConfig:
    """The config of a source with these keys; those that are None are left out."""

    source = {"name": "edge", "type": "calyptia", **{key: value for key, value in keys.items() if value is not None}}
    text = json.dumps({"sources": [source]})
    [config] = parse(text, {"calyptia": CalyptiaConfig}, environ={}, folder=Path()).sources
    assert isinstance(config, CalyptiaConfig)
    return config
