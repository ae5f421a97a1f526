"""A running exporter seen from outside: its page, its log, and what the kernel knows of its process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.e2e.processes import ROOT

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LINES_KEPT = 2000
_STOPS_WITHIN_SECONDS = 30.0
_VALUE = re.compile(r"^[^#\n].* (\S+)$", re.M)


class Vitals(msgspec.Struct, frozen=True):
    """What a process holds: memory in MiB, open files and sockets, threads."""

    memory: float
    files: int
    threads: int


class Page:
    """A metrics page, looked into without building every sample of it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def samples(self, name: str, **labels: str) -> list[tuple[str, float]]:
        """The labels, as they stand there, and values of a family's samples that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", self.text, re.M)
        return [(text, float(value)) for text, value in found if all(pair in text for pair in wanted)]

    def value(self, name: str, **labels: str) -> float:
        """The sum of such samples."""
        return sum(value for _, value in self.samples(name, **labels))

    def label(self, name: str, label: str, **labels: str) -> set[str]:
        """The values of a label."""
        texts = (text for text, _ in self.samples(name, **labels))
        return {found[1] for text in texts if (found := re.search(rf'(?:^|,){label}="([^"]*)"', text))}

    def flaws(self) -> list[str]:
        """What a Prometheus would refuse: a series twice, a number out of range."""
        lines = [line for line in self.text.splitlines() if line and line[0] != "#"]
        series = [line.rpartition(" ")[0] for line in lines]
        twice = len(series) - len(set(series))
        numbers = (line.rpartition(" ")[2] for line in lines)
        wild = {text[:40] for text in numbers if math.isinf(float(text)) and not text.endswith("Inf")}
        return [*([f"{twice} series twice"] if twice else []), *sorted(wild)]


class Watched:
    """A process of the exporter."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._client = httpx.AsyncClient(timeout=60, headers={"Accept-Encoding": "identity"})
        self._reading: asyncio.Task[None] | None = None
        self.read = 0

    async def started(self) -> None:
        """Return when it serves."""
        assert self._process.stderr is not None
        while True:
            line = (await asyncio.wait_for(self._process.stderr.readline(), 60)).decode()
            assert line, f"the process ended before it served: {list(self._lines)}"
            self._lines.append(line)
            if line.startswith("serving "):
                break
        self._client.base_url = httpx.URL(line.removeprefix("serving ").strip().removesuffix("/metrics"))
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._lines.append(line.decode())
            self.read += 1

    def said(self, begin: int) -> list[dict[str, Any]]:
        """What it logged after ``read`` was ``begin``."""
        lines = list(self._lines)[-(self.read - begin) :] if self.read > begin else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def last_lines(self) -> str:
        """The end of its log."""
        return "".join(list(self._lines)[-10:])

    async def page(self) -> Page:
        """The metrics now."""
        return Page((await self._client.get("/metrics")).text)

    async def ready(self) -> bool:
        """Whether every source has been tried."""
        return (await self._client.get("/-/ready")).status_code == 200

    async def until(self, condition: Callable[[Page], object], *, seconds: float = 30, what: str = "") -> Page:
        """The first page on which ``condition`` holds."""
        end = time.monotonic() + seconds
        while True:
            begin = time.monotonic()
            page = await self.page()
            if condition(page):
                return page
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            await asyncio.sleep(0.1 + 5 * (time.monotonic() - begin))  # looking at a long page must not be the load

    def vitals(self) -> Vitals:
        """What it holds now."""
        folder = Path(f"/proc/{self._process.pid}")
        pages = int((folder / "statm").read_text().split()[1])
        counts = (len(list((folder / name).iterdir())) for name in ("fd", "task"))
        return Vitals(pages * _PAGE_BYTES / 2**20, *counts)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Have it end; its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            return await asyncio.wait_for(self._process.wait(), _STOPS_WITHIN_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            raise AssertionError(f"it did not end within {_STOPS_WITHIN_SECONDS} s: {self.last_lines()}") from None
        finally:
            await self._client.aclose()


async def launched(config: Path, *, module: str = "exporter") -> Watched:
    """The exporter with this config as a process of its own, once it serves; it logs JSON."""
    command = (sys.executable, "-m", module, "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(
        *command, "--log.format=json", "--log.level=warn", cwd=ROOT, limit=2**20,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = Watched(process)
    try:
        await running.started()
    except BaseException:
        await running.end()
        raise
    return running
