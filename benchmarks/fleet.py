"""One fleet, watched from a start to the last change: what polls, pages, answers and memory cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from benchmarks import floors
from benchmarks.processes import ControlPlane, Exporter
from benchmarks.scrapes import Scrapes, Times, asked, scrapes

_HISTORIES = ("/events", "/status_history")
_PLATFORM = ("/v0/c",)  # read once a minute and once an hour, whatever the fleet
_DELAY = "pipeline_exporter_event_loop_delay_seconds"
_SLOW_SECONDS = 0.05
_PAGES = ("/", "/api/v1/pipelines")
_FAILED = "/?health=failed"

Told = Mapping[str, Any]


class Case(msgspec.Struct, frozen=True):
    """A fleet, and how it is read and watched.

    At least ``scrapes`` answers are timed if ``seconds`` allow it, and ``rounds`` changes of 1 %. ``waits`` is whether
    the histories of a whole fleet that changed are waited for.
    """

    kind: str
    pipelines: int
    series: str
    poll_interval: float
    scrapes: int
    seconds: float
    rounds: int
    waits: bool

    @property
    def name(self) -> str:
        """Which one it is."""
        return f"{self.kind} {self.pipelines:,} {self.series}"


class Quiet(msgspec.Struct, frozen=True):
    """A poll in which nothing changed: requests, seconds of CPU and, beside that, msgspec alone for its list."""

    requests: float
    cpu: float
    msgspec: float | None


class Changed(msgspec.Struct, frozen=True):
    """Polls with ``count`` pipelines changed.

    Seconds from the last byte of the list to the page that shows all of them, usual and worst, and seconds of CPU until
    the histories are read, too (None: not waited for).
    """

    count: int
    ready: float
    worst: float
    cpu: float | None


class Held(msgspec.Struct, frozen=True):
    """How long the event loop was held: the longest time, and how much of the time longer than 50 ms."""

    longest: float
    share: float


class Loop(msgspec.Struct, frozen=True):
    """What the exporter's own metric says of that: its share of looks above 50 ms, and its largest bucket in use."""

    share: float
    bucket: str


class Page(msgspec.Struct, frozen=True):
    """A page for people, or an answer of the API; ``floor`` is what a raw socket takes for as many bytes."""

    path: str
    times: Times | None
    size: int
    floor: float


class Figures(msgspec.Struct, frozen=True):
    """All that is measured of one fleet; times in seconds, sizes in bytes."""

    case: Case
    first_page: float
    filled: float
    samples: int
    page_bytes: int
    quiet: Quiet
    few: Changed
    all: Changed
    render: float
    joined: float
    client: float
    packed: Scrapes
    plain: Scrapes
    packed_floor: float
    plain_floor: float
    held: Held
    held_all: Held
    loop: Loop
    rss: int
    peak: int
    pages: list[Page]


class Fleet:
    """A running exporter on a simulated control plane, and the steps of its measurement."""

    def __init__(self, case: Case, plane: ControlPlane, running: Exporter) -> None:
        self._case = case
        self._plane = plane
        self._running = running

    def measure(self) -> Figures:
        """All of them, in an order in which none disturbs the next."""
        case, running = self._case, self._running
        first, filled = self._fill()
        running.get(gzip=True)  # from now on that form is kept ready
        quiet = self._quiet()
        page = running.page()
        part = floors.part_of(page)
        client, joined = floors.client(part), floors.joined(part)
        del part
        running.held()
        before = running.own()
        packed = scrapes(running, gzip=True, count=case.scrapes, seconds=case.seconds)
        few = self._changes(max(1, case.pipelines // 100), rounds=case.rounds, quiet=quiet)
        held = self._held()
        rss = running.rss()
        plain = scrapes(running, gzip=False, count=case.scrapes // 4, seconds=case.seconds / 2)
        pages = [self._page(path) for path in _PAGES]
        own = running.own()
        running.held()
        everything = self._changes(case.pipelines, rounds=1, quiet=quiet)
        held_all = self._held()
        if case.waits:
            pages.append(self._failed_page())
        return Figures(
            case=case,
            first_page=first,
            filled=filled,
            samples=int(own["pipeline_exporter_exposition_series"]),
            page_bytes=len(page),
            quiet=quiet,
            few=few,
            all=everything,
            render=_mean(before, own, "pipeline_exporter_render_duration_seconds"),
            joined=joined,
            client=client,
            packed=packed,
            plain=plain,
            packed_floor=floors.sent(packed.size),
            plain_floor=floors.sent(plain.size),
            held=held,
            held_all=held_all,
            loop=_loop(before, own),
            rss=rss,
            peak=running.peak(),
            pages=pages,
        )

    def _fill(self) -> tuple[float, float]:
        """Seconds from the start of the process to the first page with pipelines, and to the one with all histories."""
        running, begun = self._running, self._running.begun
        first = running.wait(0, lambda one: "page" in one and sum(one["requests"].values()) > 0)
        last = running.wait(0, lambda one: "page" in one and _histories(one) >= self._case.pipelines)
        time.sleep(2 * self._case.poll_interval)
        return first["page"] - begun, last["page"] - begun

    def _quiet(self, polls: int = 4) -> Quiet:
        """The cost of a poll, over some in which nobody scrapes."""
        first, cpu = self._poll(), self._running.cpu()
        last = self._poll(times=polls)
        cpu = self._running.cpu() - cpu
        alone = floors.decoded(self._plane.statuses()) if self._case.kind == "feldera" else None
        return Quiet((_polled(last) - _polled(first)) / polls, cpu / polls, alone)

    def _poll(self, times: int = 1) -> Told:
        """Wait until polls begin."""
        return self._running.wait(self._running.said(), lambda one: "poll" in one, times)

    def _changes(self, count: int, *, rounds: int, quiet: Quiet) -> Changed:
        """Change some pipelines and wait for the page, again and again."""
        found = [self._change(count, quiet) for _ in range(rounds)]
        ready = [seconds for seconds, _ in found]
        costs = [cpu for _, cpu in found if cpu is not None]
        return Changed(count, statistics.median(ready), max(ready), statistics.median(costs) if costs else None)

    def _change(self, count: int, quiet: Quiet) -> tuple[float, float | None]:
        """Seconds from the list to the page, and of CPU, less what the quiet polls cost that lie in between."""
        running = self._running
        begun, cpu = self._poll(), running.cpu()
        start = running.said()
        running.wait(start, lambda one: "page" in one)
        changed = running.said()
        expected = self._plane.change(count)
        page = running.wait(changed, lambda one: one.get("not_healthy") == expected)
        ready = page["page"] - _first_list(running.told(changed))
        if not (self._case.waits or count < self._case.pipelines):
            return ready, None
        running.wait(changed, lambda one: _histories(one) >= _histories(begun) + count)
        self._poll()
        polls = sum("poll" in one for one in running.told(start))
        return ready, running.cpu() - cpu - (polls - 1) * quiet.cpu

    def _held(self) -> Held:
        """How the event loop was held since the time before."""
        start = self._running.held_since
        found = self._running.held()
        seconds = self._running.held_since - start
        return Held(max(found, default=0.0), sum(one for one in found if one > _SLOW_SECONDS) / seconds)

    def _page(self, path: str) -> Page:
        times, size = asked(self._running, path, count=50)
        return Page(path, times, size, floors.sent(size))

    def _failed_page(self) -> Page:
        """The page that people look at when something is wrong, with 1 % of the pipelines failed."""
        start = self._running.said()
        expected = self._plane.fail(max(1, self._case.pipelines // 100))
        self._running.wait(start, lambda one: one.get("not_healthy") == expected)
        return self._page(_FAILED)


def _polled(told: Told) -> int:
    """How many requests for statuses and histories were answered."""
    return sum(count for endpoint, count in told["requests"].items() if not endpoint.startswith(_PLATFORM))


def _histories(told: Told) -> int:
    """How many histories were read."""
    found = told.get("requests", {}).items()
    return sum(count for endpoint, count in found if endpoint.endswith(_HISTORIES))


def _first_list(told: Sequence[Told]) -> float:
    """When the first poll had read all statuses: the last list before the next poll, or before the page."""
    found, polls = [], 0
    for one in told:
        polls += "poll" in one
        if "list" in one and polls <= 1:
            found.append(float(one["list"]))
    return found[-1]


def _mean(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    """The mean of what a histogram observed between two scrapes."""
    seconds, count = (after[f"{name}_{part}"] - before[f"{name}_{part}"] for part in ("sum", "count"))
    return seconds / max(1.0, count)


def _loop(before: Mapping[str, float], after: Mapping[str, float]) -> Loop:
    """What ``pipeline_exporter_event_loop_delay_seconds`` observed between two scrapes."""
    start = f'{_DELAY}_bucket{{le="'
    below = {name[len(start) : -2]: after[name] - before[name] for name in after if name.startswith(start)}
    most = below["+Inf"]
    bucket = next(bound for bound, count in below.items() if count == most)
    return Loop(1 - below[str(_SLOW_SECONDS)] / max(1.0, most), bucket)
