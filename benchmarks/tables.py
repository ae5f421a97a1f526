"""What was measured as Markdown: the generated part of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.fleet import Changed, Figures, Page
from benchmarks.past import Past
from benchmarks.targets import judged
from benchmarks.words import both, each_changed, hold, mb, ms, percent, rate_text

Row = Sequence[str]


class Results(msgspec.Struct, frozen=True):
    """A whole run; ``circumstances`` tell when and with what, ``other`` are lines of other benchmarks."""

    circumstances: list[str]
    fleets: list[Figures]
    cold: Past | None
    backfill: Past | None
    other: list[str]


def markdown(results: Results) -> str:
    """All tables, with a heading each."""
    found = results.fleets
    parts = [
        "\n".join(f"- {line}" for line in results.circumstances),
        _part("Targets", judged(found)),
        _part("Polls", [_POLL_HEAD, *(_poll(one) for one in found)]),
        _part("The page", [_PAGE_HEAD, *(_page(one) for one in found)]),
        _part("The event loop, memory, start", [_LIFE_HEAD, *(_life(one) for one in found)]),
        _part("Pages for people, and the API", [_PEOPLE_HEAD, *_people(found)]),
        _part("A long past", [_PAST_HEAD, *_past(results.cold, results.backfill)]),
    ]
    if results.other:
        parts.append("### Logs and alerts\n\n" + "\n".join(f"- {line}" for line in results.other))
    return "\n\n".join(part for part in parts if part)


def _part(title: str, rows: Sequence[Row]) -> str:
    """A table under its heading; nothing without rows."""
    if len(rows) < 2:
        return ""
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


_POLL_HEAD: Row = (
    "fleet", "requests of a quiet poll", "CPU of a quiet poll", "msgspec alone", "1 % changed: page ready",
    "CPU, histories included", "CPU a changed pipeline", "all changed: page ready", "CPU, histories included",
)  # fmt: skip


def _poll(one: Figures) -> Row:
    quiet = one.quiet
    return (
        one.case.name,
        f"{quiet.requests:.1f}",
        ms(quiet.cpu),
        "" if quiet.msgspec is None else f"{ms(quiet.msgspec)} ({quiet.cpu / quiet.msgspec:.1f} times)",
        _ready(one.few),
        "" if one.few.cpu is None else ms(one.few.cpu),
        "" if (each := each_changed(one)) is None else f"{each * 1000:.2f} ms",
        _ready(one.all),
        "" if one.all.cpu is None else ms(one.all.cpu),
    )


def _ready(changed: Changed) -> str:
    return f"{ms(changed.ready)}, worst {ms(changed.worst)}"


_PAGE_HEAD: Row = (
    "fleet", "samples", "size", "put together", '`b"".join`', "prometheus-client renders", "gzip", "idle p50 / p99",
    "polling p50 / p99", "raw socket", "identity, idle p50 / p99", "polling p50 / p99", "rate", "raw socket",
)  # fmt: skip


def _page(one: Figures) -> Row:
    return (
        one.case.name,
        f"{one.samples:,}",
        mb(one.page_bytes),
        ms(one.render),
        ms(one.joined),
        ms(one.client),
        mb(one.packed.size),
        both(one.packed.idle),
        both(one.packed.polling),
        ms(one.packed_floor),
        both(one.plain.idle),
        both(one.plain.polling),
        rate_text(one.plain),
        ms(one.plain_floor),
    )


_LIFE_HEAD: Row = (
    "fleet", "held longest, 1 % changed", "share above 50 ms", "held longest, all changed", "share above 50 ms",
    "own metric: share above 50 ms", "its largest bucket", "RSS", "peak RSS", "first page", "all histories read",
)  # fmt: skip


def _life(one: Figures) -> Row:
    return (
        one.case.name,
        hold(one.held.longest),
        percent(one.held.share),
        hold(one.held_all.longest),
        percent(one.held_all.share),
        percent(one.loop.share),
        f"{one.loop.bucket} s",
        mb(one.rss),
        mb(one.peak),
        f"{one.first_page:.1f} s",
        f"{one.filled:.1f} s",
    )


_PEOPLE_HEAD: Row = ("fleet", "address", "p50", "p99", "size", "of that, a raw socket")


def _people(found: Iterable[Figures]) -> list[Row]:
    return [_person(one, page) for one in found if one.case.series == "dense" for page in one.pages]


def _person(one: Figures, page: Page) -> Row:
    p50, p99 = (ms(page.times.p50), ms(page.times.p99)) if page.times else ("", "")
    fleet = f"{one.case.kind} {one.case.pipelines:,}"
    return (fleet, f"`{page.path}`", p50, p99, f"{page.size / 1000:,.0f} kB", ms(page.floor))


_PAST_HEAD: Row = ("", "pipelines × events", "time", "CPU", "msgspec alone", "peak RSS", "output")


def _past(cold: Past | None, backfill: Past | None) -> list[Row]:
    named = (("cold start, dense", cold), ("backfill, sparse, `--step=5m`", backfill))
    return [_one_past(name, past) for name, past in named if past is not None]


def _one_past(name: str, past: Past) -> Row:
    size = f"{past.pipelines:,} × {past.events:,}"
    output = mb(past.output) if past.output else ""
    alone = f"{past.decoded:.1f} s ({past.cpu / past.decoded:.1f} times)"
    return (name, size, f"{past.seconds:.1f} s", f"{past.cpu:.1f} s", alone, mb(past.rss), output)
