"""A long past: a cold start on it, and its backfill. Each beside the floor: msgspec alone decoding the same events."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import msgspec

from benchmarks.floors import seconds_of
from benchmarks.processes import ControlPlane, Exporter, config, cores, peak_of
from exporter.sources.feldera.wire import EventRow

_LOOK_SECONDS = 0.02
_FIRST = "orders-enrichment"

SECONDS_OF_PAST = 432_000.0  # in which every pipeline leaves as many events as Feldera keeps


class Past(msgspec.Struct, frozen=True):
    """Reading, or writing, the events of all pipelines: seconds, seconds of CPU, bytes of memory; and msgspec alone."""

    pipelines: int
    events: int
    seconds: float
    cpu: float
    rss: int
    decoded: float
    output: int = 0


def cold_start(plane: ControlPlane, running: Exporter, pipelines: int) -> Past:
    """From the start of the process to a page with all histories."""
    last = running.wait(0, lambda one: _histories(one) >= pipelines)
    cpu, rss = running.cpu(), running.peak()
    events, alone = _events(plane)
    return Past(pipelines, events, last["page"] - running.begun, cpu, rss, alone * pipelines)


def backfill(plane: ControlPlane, pipelines: int) -> Past:
    """``pipeline-exporter backfill --step=5m``, sparse."""
    events, alone = _events(plane)
    with tempfile.TemporaryDirectory() as folder:
        path = config(Path(folder), plane.keys, series="sparse", poll_interval=15)
        output = Path(folder, "past.om")
        arguments = ["-m", "exporter", "backfill", f"--config.file={path}", f"--output={output}", "--step=5m"]
        seconds, cpu, rss = _run([sys.executable, *arguments])
        size = output.stat().st_size
    return Past(pipelines, events, seconds, cpu, rss, alone * pipelines, size)


def _run(command: list[str]) -> tuple[float, float, int]:
    """Run a command to its end: seconds, seconds of CPU, and the most bytes of memory.

    The kernel's own maximum for a child begins with the memory of its parent, so the high-water mark is looked at.
    """
    begin, ended, rss = time.monotonic(), 0, 0
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(running.pid, cores()[0])
    while not ended:
        time.sleep(_LOOK_SECONDS)
        rss = max(rss, peak_of(running.pid))
        ended, status, used = os.wait4(running.pid, os.WNOHANG)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, command)
    return time.monotonic() - begin, used.ru_utime + used.ru_stime, rss


def _events(plane: ControlPlane) -> tuple[int, float]:
    """How many events a pipeline has, and the seconds in which msgspec alone decodes them."""
    body = httpx.get(f"{plane.keys['url']}/v0/pipelines/{_FIRST}/events?selector=status", timeout=60).content
    count = len(msgspec.json.decode(body, type=list[EventRow]))
    return count, seconds_of(lambda: msgspec.json.decode(body, type=list[EventRow]))


def _histories(told: dict[str, object]) -> int:
    requests = told.get("requests")
    return requests.get("/v0/pipelines/{name}/events", 0) if "page" in told and isinstance(requests, dict) else 0
