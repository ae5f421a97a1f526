"""The exporter as ``pipeline-exporter run``, which tells on standard output what cannot be seen from outside.

Each line is JSON, times are of the monotonic clock that all processes of a machine share:

- ``{"poll": at, "requests": {…}}``: a poll begins; so many requests were answered until then, by endpoint.
- ``{"list": at}``: the last byte of an answer with statuses was read.
- ``{"page": at, "begun": at, "not_healthy": n, "requests": {…}}``: a page is ready, its compressed form included;
  so many pipelines on it are not healthy.
- ``{"held": [seconds, …]}``, asked for with SIGUSR1: how long the event loop was held, beyond 5 ms, since the time
  before. A clock looks for that from the first time on.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from exporter import app, cli, reading
from exporter.sources.base import Task
from exporter.sources.calyptia.source import PIPELINES
from exporter.sources.feldera.source import LIST

_LISTS = frozenset({LIST, PIPELINES})
_LOOK_SECONDS = 0.005


def tell(**facts: object) -> None:
    """Write a line."""
    print(json.dumps(facts), flush=True)


class Runner(reading.Runner):
    """Notes when a poll begins."""

    async def run(self, task: Task) -> bool:
        """Run a task once."""
        if task.name == "poll":
            tell(poll=time.monotonic(), requests=Metrics.requests)
        return await super().run(task)


class Metrics(reading.SourceMetrics):
    """Notes when a list of statuses was read, and counts all requests."""

    requests: ClassVar[Counter[str]] = Counter()

    def request(self, endpoint: str, code: str, size: int) -> None:
        """Count a request, which ends with the last byte of its answer."""
        super().request(endpoint, code, size)
        self.requests[endpoint] += 1
        if endpoint in _LISTS:
            tell(list=time.monotonic())


class Application(app.Application):
    """Notes when a page is ready, and how long the event loop was held."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **keywords)
        self._held: list[float] = []
        self._looking: asyncio.Task[None] | None = None
        self.publisher.publish = self._noted(self.publisher.publish)  # type: ignore[method-assign]

    async def serve(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401
        """Read and serve, as the exporter does."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._tell_held)
        await super().serve(*arguments, **keywords)

    def _noted(self, publish: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def noted() -> None:
            begun, count = time.monotonic(), self._not_healthy()  # what is known now is on the page made now
            await publish()
            tell(page=time.monotonic(), begun=begun, not_healthy=count, requests=Metrics.requests)

        return noted

    def _not_healthy(self) -> int:
        boards = self.sources()
        return sum(one.health != "healthy" for board in boards for one in board.facts.pipelines.values())

    def _tell_held(self) -> None:
        tell(held=self._held)
        self._held = []
        self._looking = self._looking or asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while True:
            due = time.monotonic() + _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)
            if (late := time.monotonic() - due) > _LOOK_SECONDS:
                self._held.append(late)


def main() -> None:
    """Run the exporter's command line with these parts in place of its own."""
    reading.Runner = Runner  # type: ignore[misc]
    reading.SourceMetrics = Metrics  # type: ignore[misc]
    cli.Application = Application  # type: ignore[misc, attr-defined]
    cli.main()


if __name__ == "__main__":
    main()
