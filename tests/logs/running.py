"""The exporter following logs: in this process, or as one of its own whose whole output can be read."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.world import World
from tests.e2e.harness import Exporter, Page, labels_of
from tests.e2e.processes import COMMAND, ROOT

LOGS = """
sources:
  - {{name: prod, type: feldera, url: "{url}", poll_interval: 200ms, timeout: 2s, logs: {{include: ['.*']}}}}
stale_after: {stale_after}
"""

STATEFUL = """
sources: [{{name: prod, type: feldera, url: "{url}", poll_interval: 200ms, logs: {logs}}}]
state: {{path: {state}}}
"""


def stamped(level: str, name: str, message: str) -> str:
    """A line of a pipeline's process, of now."""
    return f"[{name}] {datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ} {level:>5} target: {message}"


def planted() -> list[str]:
    """Lines that hide something."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [
        f"[orders] {at} ERROR adapters: cannot log in with password=hunter2 (unmistakable words)",
        f'{{"timestamp":"{at}","level":"error","fields":{{"message":"kafka://me:hunter2@broker unmistakable words"}}}}',
        f"[orders] {at} ERROR http: \x1b[31mAuthorization: Bearer s3cr3t-s3cr3t-s3cr3t\x1b[0m",
        "thread 'dbsp-worker-0' panicked at src/a.rs:1:1:",
        "unmistakable words: AWS_SECRET_ACCESS_KEY=s3cr3t/s3cr3t",
    ]


def world_of(*names: str, cursor: bool = True) -> World:
    """A Feldera in which everything happens at once, with these pipelines running and no line in their logs yet."""
    world = World(delays=Delays.none(), journal=True, log_cursor=cursor)
    for name in names:
        world.create(name)
        world.start(name)
    world.advance(world.now())
    return world


class Process:
    """An exporter in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, written: Path) -> None:
        self.process = process
        self._written = written

    async def output(self) -> str:
        """All that it said, once it has ended."""
        await asyncio.wait_for(self.process.wait(), 20)
        return self._written.read_text()

    async def address(self) -> str:
        """Where it serves, once it does."""
        end = time.monotonic() + 60
        while "serving http" not in (said := self._written.read_text()):
            assert self.process.returncode is None, said
            assert time.monotonic() < end, said
            await asyncio.sleep(0.02)
        return said.partition("serving ")[2].split()[0].removesuffix("/metrics")


@contextlib.asynccontextmanager
async def logging_exporter(
    url: str, folder: Path, *options: str, logs: str = "{include: ['.*']}"
) -> AsyncIterator[tuple[Exporter, Process]]:
    """A process that follows logs and keeps its state in ``folder``, and what can be seen of it over HTTP."""
    config = folder / "config.yml"
    config.write_text(STATEFUL.format(url=url, state=folder / "state.db", logs=logs))
    with (folder / "output").open("wb") as output:
        arguments = (*COMMAND, "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0", *options)
        process = await asyncio.create_subprocess_exec(
            *arguments, cwd=ROOT, stdout=output, stderr=output, executable=sys.executable
        )
    running = Process(process, folder / "output")
    exporter = None
    try:
        exporter = Exporter(await running.address())
        yield exporter, running
    finally:
        if exporter is not None:
            await exporter.aclose()
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def eventually(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


async def with_both_protocols(case: Callable[[bool], Awaitable[None]]) -> None:
    """Play a case on a server with a cursor and on one without, at the same time."""
    await asyncio.gather(case(True), case(False))


def counted(page: Page, world: World, name: str) -> dict[str, float]:
    """Lines of a pipeline by level, those that occur."""
    labels = labels_of(world, name)
    lines = [s for s in page.samples if s.name == "pipeline_log_lines_total" and labels.items() <= s.labels.items()]
    found = {s.labels["level"]: s.value for s in lines}
    return {level: value for level, value in found.items() if value}


async def up(running: Exporter, count: int) -> Page:
    """The page once so many streams are open."""
    return await running.until(lambda page: page.value("pipeline_log_stream_up") == count)
