"""What was promised for 10,000 Feldera pipelines on two cores, and whether it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from benchmarks.fleet import Figures
from benchmarks.words import each_changed, mb, ms, rate

PIPELINES = 10_000
_SMALLER = 1000
_GROWTH = 2.0

Measure = Callable[[Figures, Figures | None], float | None]


class Target(msgspec.Struct, frozen=True):
    """A limit (``least``: from below) for what ``measure`` finds in a fleet, given a smaller one of the same series.

    ``why`` is what the figure is made of, told when the limit is missed.
    """

    name: str
    limit: float
    show: Callable[[float], str]
    measure: Measure
    why: str
    least: bool = False
    series: str = ""

    def verdict(self, measured: float) -> str:
        """Met, or by how much it is missed and why."""
        over = (self.limit - measured if self.least else measured - self.limit) / self.limit
        return "met" if over <= 0 else f"missed by {100 * over:.0f} %: {self.why}"


def _growth(one: Figures, smaller: Figures | None) -> float | None:
    """How much more a changed pipeline costs in the large fleet than in the small one."""
    large, small = each_changed(one), each_changed(smaller) if smaller else None
    return large / small if large is not None and small else None


def _times(number: float) -> str:
    return f"{number:.1f} times"


def _rate(number: float) -> str:
    return f"{number / 1e6:,.0f} MB/s"


def _count(number: float) -> str:
    return f"{number:.2f}"


_LIST = "the list is unpacked, decoded and compared row by row, and the time in the present statuses written anew"
_WRITE = "the list is scanned, what changed rendered, the growing times written, a fifth of the page compressed"
_TURN = "an answer waits for what holds the event loop, once for each of its steps"
_MEMORY = "for each pipeline its facts, its events, its lines as text, and the compressed page"

TARGETS: tuple[Target, ...] = (
    Target("requests of a quiet poll", 1.0, _count, lambda one, _: round(one.quiet.requests, 2), "histories were read"),
    Target("CPU of a quiet poll", 0.25, ms, lambda one, _: one.quiet.cpu, _LIST),
    Target("1 % changed: page ready after the last byte", 0.05, ms, lambda one, _: one.few.ready, _WRITE),
    Target("gzip while polling, p50", 0.02, ms, lambda one, _: one.packed.polling and one.packed.polling.p50, _TURN),
    Target("gzip while polling, p99", 0.1, ms, lambda one, _: one.packed.polling and one.packed.polling.p99, _TURN),
    Target("identity", 500e6, _rate, lambda one, _: rate(one.plain), "the pieces are joined and sent one by one", True),
    Target("event loop held longest, 1 % changed", 0.05, ms, lambda one, _: one.held.longest, _TURN),
    Target("RSS", 400e6, mb, lambda one, _: one.rss, _MEMORY, series="dense"),
    Target("RSS", 200e6, mb, lambda one, _: one.rss, _MEMORY, series="sparse"),
    Target(
        f"CPU a changed pipeline, against a fleet of {_SMALLER:,}",
        _GROWTH, _times, _growth,
        "evenly spread changes touch more pieces of the page, each of which is compressed whole",
    ),
)  # fmt: skip


def judged(found: Sequence[Figures]) -> list[tuple[str, ...]]:
    """A table of all limits; only its head without a fleet of the size they are for."""
    by_size = {(one.case.pipelines, one.case.series): one for one in found if one.case.kind == "feldera"}
    rows: list[tuple[str, ...]] = [("10,000 Feldera pipelines", "series", "limit", "measured", "")]
    for target in TARGETS:
        rows.extend(
            _row(target, series, target.measure(one, by_size.get((_SMALLER, series))))
            for series in ((target.series,) if target.series else ("dense", "sparse"))
            if (one := by_size.get((PIPELINES, series))) is not None
        )
    return rows


def _row(target: Target, series: str, measured: float | None) -> tuple[str, ...]:
    limit = f"{'≥' if target.least else '≤'} {target.show(target.limit)}"
    if measured is None:
        return (target.name, series, limit, "", "not measured")
    return (target.name, series, limit, target.show(measured), target.verdict(measured))
