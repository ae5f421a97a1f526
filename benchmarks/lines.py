"""What was measured as lines, each with a ratio to something measured in the same run."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.fleet import Changed, Figures, Page
from benchmarks.past import Past
from benchmarks.scrapes import Scrapes, Times
from benchmarks.words import both, each_changed, hold, mb, ms, percent, rate_text


def fleet_lines(one: Figures) -> Iterator[str]:
    """Everything about one fleet."""
    yield _quiet(one)
    yield _changed("1 %", one.few, one)
    yield _changed("all", one.all, one)
    yield (
        f"page of {one.samples:,} samples put together in {ms(one.render)}, {one.render / one.joined:.2f} times "
        f'b"".join ({ms(one.joined)}); prometheus-client renders them in {ms(one.client)}, '
        f"{one.client / one.render:.0f} times as long"
    )
    yield f"/metrics gzip {mb(one.packed.size)}: {_scrapes(one.packed, one.packed_floor)}"
    yield f"/metrics identity {mb(one.plain.size)}: {_scrapes(one.plain, one.plain_floor)}, {rate_text(one.plain)}"
    yield (
        f"event loop held {hold(one.held.longest)} at most with 1 % changed ({percent(one.held.share)} of the time "
        f"above 50 ms), {hold(one.held_all.longest)} with all ({percent(one.held_all.share)}); its own metric: "
        f"{percent(one.loop.share)} of its looks above 50 ms, largest bucket {one.loop.bucket} s"
    )
    yield f"{mb(one.rss)} RSS, {one.rss / one.page_bytes:.1f} times the page; {mb(one.peak)} at most"
    yield (
        f"first page after {one.first_page:.1f} s, all histories after {one.filled:.1f} s, "
        f"{one.case.pipelines / one.filled:,.0f} pipelines a second"
    )
    for page in one.pages:
        yield _page(page)


def past_line(past: Past) -> str:
    """Reading or writing a long past."""
    written = f", {mb(past.output)} written" if past.output else ""
    return (
        f"{past.pipelines:,} pipelines x {past.events:,} events in {past.seconds:.1f} s, {past.cpu:.1f} s CPU, "
        f"{past.cpu / past.decoded:.1f} times msgspec alone; {mb(past.rss)} RSS at most{written}"
    )


def _quiet(one: Figures) -> str:
    quiet = one.quiet
    ratio = f", {quiet.cpu / quiet.msgspec:.1f} times msgspec alone ({ms(quiet.msgspec)})" if quiet.msgspec else ""
    return f"quiet poll: {quiet.requests:.2f} requests, {ms(quiet.cpu)} CPU, the page's packing included{ratio}"


def _changed(share: str, changed: Changed, one: Figures) -> str:
    ready = f"{share} changed: page ready {ms(changed.ready)} after the last byte, worst {ms(changed.worst)}"
    if changed.cpu is None:
        return ready
    ratio = f"{changed.cpu / one.quiet.cpu:.1f} times the quiet poll"
    each = f", {each_changed(one) or 0:.6f} s a changed pipeline" if changed is one.few else ""
    return f"{ready}; {ms(changed.cpu)} CPU with the histories, {ratio}{each}"


def _scrapes(found: Scrapes, floor: float) -> str:
    told = f"idle p50 / p99 {both(found.idle)}, polling {both(found.polling)}"
    return f"{told}, {_ratio(found.idle or found.polling, floor)}"


def _page(page: Page) -> str:
    return f"GET {page.path}: p50 / p99 {both(page.times)}, {page.size:,} bytes, {_ratio(page.times, page.floor)}"


def _ratio(times: Times | None, floor: float) -> str:
    return f"{times.p50 / floor:.1f} times a raw socket ({ms(floor)})" if times else "too few to compare"
