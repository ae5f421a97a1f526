"""How long the exporter takes to answer, while it rests and while it polls."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence

import msgspec

from benchmarks.processes import Exporter

_PAUSE_SECONDS = 0.01

Span = tuple[float, float]


class Times(msgspec.Struct, frozen=True):
    """How long answers took, in seconds; ``count`` of them."""

    p50: float
    p99: float
    count: int


class Scrapes(msgspec.Struct, frozen=True):
    """Answers of ``size`` bytes while the exporter rested and while it polled; None if there were too few."""

    size: int
    idle: Times | None
    polling: Times | None


def scrapes(running: Exporter, *, gzip: bool, count: int, seconds: float) -> Scrapes:
    """Ask for the page again and again until enough answers fell into a poll, and into a pause, or time is up."""
    start, end, size = running.said(), time.monotonic() + seconds, 0
    spans: list[Span] = []
    while time.monotonic() < end:
        begin = time.monotonic()
        size = running.get(gzip=gzip)
        spans.append((begin, time.monotonic()))
        time.sleep(_PAUSE_SECONDS)
        if len(spans) % 50 == 0 and min(map(len, _parted(spans, running, start))) >= count:
            break
    idle, polling = _parted(spans, running, start)
    return Scrapes(size, times_of(idle), times_of(polling))


def asked(running: Exporter, path: str, *, count: int) -> tuple[Times | None, int]:
    """How long the answer to a path takes, and its size."""
    found, size = [], 0
    for _ in range(count):
        begin = time.monotonic()
        size = running.get(path)
        found.append(time.monotonic() - begin)
        time.sleep(_PAUSE_SECONDS)
    return times_of(found), size


def times_of(found: Sequence[float]) -> Times | None:
    """The usual and the worst of some times."""
    if len(found) < 2:
        return None
    return Times(statistics.median(found), statistics.quantiles(found, n=100, method="inclusive")[98], len(found))


def _parted(spans: Sequence[Span], running: Exporter, start: int) -> tuple[list[float], list[float]]:
    """The lengths of the spans without and with a poll in them."""
    busy = _busy(running, start)
    idle: list[float] = []
    polling: list[float] = []
    for begin, end in spans:
        overlaps = any(begin < until and end > since for since, until in busy)
        (polling if overlaps else idle).append(end - begin)
    return idle, polling


def _busy(running: Exporter, start: int) -> list[Span]:
    """When the exporter was at work: from the beginning of a poll to its first page, and while it made other pages."""
    found: list[Span] = []
    polled: float | None = None
    for one in running.told(start):
        polled = one.get("poll", polled)
        if "page" in one:
            found.append((one["begun"] if polled is None else polled, one["page"]))
            polled = None
    return found if polled is None else [*found, (polled, math.inf)]
