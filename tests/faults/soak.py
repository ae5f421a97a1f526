"""Minutes under random faults and churn: nothing may leak, no poll may be missed, every counter must be right.

``python -m tests.faults.soak --minutes=30 --seed=1``. In the first half the exporter is killed now and then and goes
on from its state file; the second half is one life, over which its memory, files, threads and tasks are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.faults.churn import Churn
from tests.faults.stage import BYSTANDER, FOLLOWED, POLL_SECONDS, Theatre
from tests.faults.table import FAULTS, SOURCES, TARGETS
from tests.faults.vitals import Vitals

_ACTIONS_PER_SECOND = 20
_WARM_SECONDS = 5.0
_KILL_SECONDS = (8.0, 40.0)
_RELOAD_SECONDS = (3.0, 15.0)
_FAULT_SECONDS = (0.2, 2.5)
_REST_SECONDS = (0.3, 1.5)
_SETTLE_SECONDS = 90.0

_MOST_GROWTH = Vitals(memory=48.0, files=24, threads=8)  # three sources keep up to eight connections each
_MOST_TASKS = 12
_TASKS_PER_STREAM = 2
_CADENCE = 0.9

_FAULTS = tuple(fault for fault in FAULTS if fault.passing and (fault.stage == "plain" or "too_large" in fault.reasons))


class Report(msgspec.Struct):
    """What a soak found; ``lacking`` is what a source's counters do not tell as the record has it."""

    seconds: float = 0.0
    faults: int = 0
    reloads: int = 0
    kills: int = 0
    actions: int = 0
    polls: float = 0.0
    due: float = 0.0
    begin: Vitals = Vitals(0.0, 0, 0)
    end: Vitals = Vitals(0.0, 0, 0)
    tasks_begin: int = 0
    tasks_end: int = 0
    streams_begin: int = 0
    streams_end: int = 0
    events: int = 0
    counted: int = 0
    lines: dict[str, tuple[float, ...]] = {}
    lacking: dict[str, str] = {}

    def problems(self) -> list[str]:
        """What must not be; empty: all is well."""
        streams = max(0, self.streams_end - self.streams_begin)  # each has a connection
        most = msgspec.structs.replace(_MOST_GROWTH, files=_MOST_GROWTH.files + streams)
        grown = {name: getattr(self.end, name) - getattr(self.begin, name) for name in Vitals.__struct_fields__}
        found = [f"{name} grew by {grown[name]:.0f}" for name in grown if grown[name] > getattr(most, name)]
        if self.tasks_end > self.tasks_begin + _MOST_TASKS + _TASKS_PER_STREAM * streams:
            found.append(f"tasks grew from {self.tasks_begin} to {self.tasks_end}")
        if self.polls < _CADENCE * self.due:
            found.append(f"{self.polls:.0f} polls of {self.due:.0f} were made")
        return [*found, *(f"{source}: {what}" for source, what in self.lacking.items() if what)]

    def text(self) -> str:
        """The figures, one a line."""
        found = self.lines.items()
        lines = (
            f"{self.seconds:.0f} s, {self.faults} faults, {self.reloads} reloads, {self.kills} kills, "
            f"{self.actions} actions in each control plane",
            f"memory   {self.begin.memory:6.1f} MiB at first, {self.end.memory:6.1f} MiB at last",
            f"files    {self.begin.files:6d} at first, {self.end.files:6d} at last",
            f"threads  {self.begin.threads:6d} at first, {self.end.threads:6d} at last",
            f"tasks    {self.tasks_begin:6d} at first, {self.tasks_end:6d} at last",
            f"streams  {self.streams_begin:6d} at first, {self.streams_end:6d} at last",
            f"polls    {self.polls:6.0f} made of a source that is well, {self.due:6.0f} due",
            f"events   {self.counted:6d} counted, {self.events:6d} in the record of the control planes",
            *(f"lines    {c:6.0f} counted by {s}, {lost:.0f} lost, {w:.0f} written" for s, (c, lost, w) in found),
            *(self.problems() or ["all of it held"]),
        )
        return "\n".join(lines)


class Soak:
    """One soak; ``chance`` decides everything that is left to it."""

    def __init__(self, theatre: Theatre, chance: random.Random) -> None:
        self._theatre = theatre
        self._chance = chance
        self._churn = Churn(theatre.feldera, theatre.calyptia, chance)
        self._steady = asyncio.Lock()
        self._born = time.monotonic()
        self.report = Report()

    async def run(self, seconds: float) -> Report:
        """Go through all of it."""
        begin = time.monotonic()
        tasks = [asyncio.create_task(part) for part in (self._stir(), self._disturb(), self._reload())]
        await self._kill_until(begin + seconds / 2)
        await self._look(first=True)
        await asyncio.sleep(max(0.0, begin + seconds - time.monotonic()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._settle()
        await self._look(first=False)
        await self._count_polls()
        self.report.seconds = time.monotonic() - begin
        self.report.actions = self._churn.actions
        return self.report

    async def _stir(self) -> None:
        while True:
            self._churn.step()
            await asyncio.sleep(1 / _ACTIONS_PER_SECOND)

    async def _disturb(self) -> None:
        """One fault after another, each on one target."""
        while True:
            fault = self._chance.choice(_FAULTS)
            target = self._chance.choice([target for target in TARGETS if target in fault.targets])
            try:
                async with self._steady:
                    await self._theatre.enter(fault, target)
                await asyncio.sleep(self._chance.uniform(*_FAULT_SECONDS))
            finally:  # the soak may end in the midst of it
                async with self._steady:
                    await self._theatre.leave(fault, target)
            self.report.faults += 1
            await asyncio.sleep(self._chance.uniform(*_REST_SECONDS))

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*_RELOAD_SECONDS))
            async with self._steady:
                self._theatre.exporter.send(signal.SIGHUP)
            self.report.reloads += 1

    async def _kill_until(self, end: float) -> None:
        """Kill the exporter now and then, once at least; the last life begins at ``end``."""
        longest = max(1.0, (end - time.monotonic()) / 2)
        while (left := end - time.monotonic()) > 0 or not self.report.kills:
            await asyncio.sleep(max(0.0, min(left, longest, self._chance.uniform(*_KILL_SECONDS))))
            async with self._steady:
                await self._count_polls()
                await self._theatre.exporter.end(signal.SIGKILL)
                await self._theatre.launch()
                self._born = time.monotonic()
            self.report.kills += 1

    async def _count_polls(self) -> None:
        """Add the polls of this life, made and due, of the source that nothing happens to."""
        page = await self._theatre.exporter.page()
        labels = {"source": BYSTANDER, "task": "poll"}
        self.report.polls += page.value("pipeline_exporter_task_duration_seconds_count", **labels)
        self.report.polls -= page.value("pipeline_exporter_task_failures_total", **labels)
        self.report.due += (time.monotonic() - self._born) / POLL_SECONDS["lasting"]

    async def _look(self, *, first: bool) -> None:
        """Note what the exporter holds."""
        await asyncio.sleep(_WARM_SECONDS)
        exporter = self._theatre.exporter
        begin = exporter.read
        exporter.send(signal.SIGUSR1)
        async with asyncio.timeout(10):
            while not (told := [line["tasks"] for line in exporter.said(begin) if line["msg"] == "tasks"]):
                await asyncio.sleep(0.05)
        streams = int((await exporter.page()).value("pipeline_log_stream_up"))
        if first:
            self.report.begin, self.report.tasks_begin, self.report.streams_begin = exporter.vitals(), told[0], streams
        else:
            self.report.end, self.report.tasks_end, self.report.streams_end = exporter.vitals(), told[0], streams

    async def _settle(self) -> None:
        """Compare with the record until nothing is lacking, or for so long."""
        end = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < end:
            page = await self._theatre.exporter.page()
            self.report.lacking = {source: self._theatre.lacking(page, source) for source in SOURCES}
            self.report.lacking |= {f"logs of {source}": self._theatre.misread(page, source) for source in FOLLOWED}
            if not any(self.report.lacking.values()):
                break
            await asyncio.sleep(0.5)
        for source in FOLLOWED:
            self.report.lines[source] = tuple(map(sum, zip(*self._theatre.lines(page, source), strict=True)))
        recorded = self._theatre.recorded()
        self.report.events = sum(counts[0] for source in SOURCES for counts in recorded[source].values())
        self.report.counted = int(sum(page.value("pipeline_events_total", source=source) for source in SOURCES))


async def soak(seconds: float, seed: int) -> Report:
    """Run one; the figures."""
    with TemporaryDirectory() as folder:
        theatre = Theatre("lasting", Path(folder), None)
        theatre.feldera.ledger.retention = 100_000
        async with theatre.open():
            return await Soak(theatre, random.Random(seed)).run(seconds)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    report = asyncio.run(soak(arguments.minutes * 60, arguments.seed))
    print(report.text())
    return bool(report.problems())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
