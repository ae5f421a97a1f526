"""A fault from its beginning to the recovery: what was seen, and whether it was what it should be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec

from tests.faults.stage import POLL_SECONDS, Theatre
from tests.faults.table import SOURCES, Fault
from tests.faults.vitals import Page

_LASTS_POLLS = 7.5
_PATIENCE_SECONDS = 90.0
_GROWTH_MIB = {"plain": 64.0, "secure": 64.0, "large": 512.0}
_REASONS = "pipeline_exporter_task_failures_total"
_RUNS = "pipeline_exporter_task_duration_seconds_count"
_FIRST = "an Alertmanager does not take in alerts; they wait"
_POSTED = ("pipeline_exporter_notifications_total", "pipeline_exporter_notifications_failed_total")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a fault went: reasons shown, seconds from its end until all was as before, and what was wrong."""

    fault: str
    target: str
    reasons: frozenset[str] = frozenset()
    seconds: float = 0.0
    cadence: float = 1.0
    growth: float = 0.0
    problem: str = ""


async def attempt(theatre: Theatre, fault: Fault, target: str) -> Outcome:
    """Try a fault on a target; whatever is wrong stands in the outcome."""
    try:
        return await _tried(theatre, fault, target)
    except Exception as error:
        log = theatre.exporter.last_lines()
        return Outcome(fault=fault.name, target=target, problem=f"{type(error).__name__}: {error}\n{log}")


class Before(msgspec.Struct, frozen=True):
    """Where things stood when the fault began."""

    page: Page
    at: float
    memory: float
    log: int


async def _tried(theatre: Theatre, fault: Fault, target: str) -> Outcome:
    exporter = theatre.exporter
    poll = POLL_SECONDS[theatre.kind]
    before = Before(await exporter.page(), time.monotonic(), exporter.vitals().memory, exporter.read)
    await theatre.enter(fault, target)
    message = f"{fault.name} at {target}, {before.at}"
    theatre.stir(target, message, mend=target in SOURCES)
    observe = _source_shows if target in SOURCES else _alertmanager_shows
    try:
        await _lasting(before.at, _LASTS_POLLS * poll)
        reasons = await observe(theatre, fault, target, before, message)
        cadence = await _others_go_on(theatre, fault, target, before)
    finally:
        await theatre.leave(fault, target)
    begin = time.monotonic()
    await _recovered(theatre, fault, target, message, await exporter.page())
    seconds = time.monotonic() - begin
    growth = exporter.vitals().memory - before.memory
    assert reasons <= fault.expected(target), f"shown: {sorted(reasons)}, expected: {sorted(fault.expected(target))}"
    assert bool(reasons) == bool(fault.expected(target)), "no reason was shown"
    assert cadence >= fault.cadence, f"the others made {cadence:.0%} of their polls"
    assert growth <= _GROWTH_MIB[fault.stage], f"{growth:.0f} MiB did not come back"
    return Outcome(
        fault=fault.name, target=target, reasons=reasons, seconds=seconds, cadence=cadence, growth=growth
    )  # fmt: skip


async def _lasting(begin: float, seconds: float) -> None:
    await asyncio.sleep(max(0.0, begin + seconds - time.monotonic()))


async def _source_shows(theatre: Theatre, fault: Fault, target: str, before: Before, _: str) -> frozenset[str]:
    """The reasons on the page for the poll, once it has failed as it should; or once it has met the fault twice."""
    page = await theatre.exporter.until(
        lambda page: _is_shown(theatre, fault, target, before.page, page),
        seconds=_PATIENCE_SECONDS, what="source_up and reason",
    )  # fmt: skip
    assert page.value("pipeline_exporter_source_up", source=target) == fault.up
    assert not page.flaws(), page.flaws()
    return _reasons(before.page, page, target)


def _is_shown(theatre: Theatre, fault: Fault, target: str, before: Page, page: Page) -> bool:
    if fault.up:
        polled = _polls(page, target) >= _polls(before, target) + 3
        return polled and bool(_reasons(before, page, target)) == bool(fault.reasons)
    down = page.value("pipeline_exporter_source_up", source=target) == 0
    return down and bool(_reasons(before, page, target) & fault.reasons)


def _reasons(before: Page, after: Page, source: str) -> frozenset[str]:
    """Why polls failed between two pages."""
    labels = {"source": source, "task": "poll"}
    return frozenset(
        reason
        for reason in after.label(_REASONS, "reason", **labels)
        if after.value(_REASONS, reason=reason, **labels) > before.value(_REASONS, reason=reason, **labels)
    )


async def _alertmanager_shows(
    theatre: Theatre, fault: Fault, target: str, before: Before, message: str
) -> frozenset[str]:
    """The reasons in the log; meanwhile the other Alertmanager has been told."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not (_told(theatre.witness.taken(), message) and (_logged(theatre, before) or not fault.expected(target))):
        assert time.monotonic() < end, "the other Alertmanager was not told, or no reason was logged"
        await asyncio.sleep(0.05)
    return _logged(theatre, before)


def _logged(theatre: Theatre, before: Before) -> frozenset[str]:
    lines = theatre.exporter.said(before.log)
    return frozenset(line["reason"] for line in lines if line["msg"] == _FIRST)


def _told(taken: list[dict[str, Mapping[str, str]]], message: str) -> bool:
    return any(alert["annotations"].get("error_message") == message for alert in taken)


async def _recovered(theatre: Theatre, fault: Fault, target: str, message: str, left: Page) -> None:
    """Return when nothing is missing: every pipeline, every count, every alert; and time passes again."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while lacking := await _lacking(theatre, target, message, left):
        assert time.monotonic() < end, f"not recovered: {lacking}"
        await asyncio.sleep(0.1)
    if target in SOURCES and fault.passing:
        await _passing(theatre, target)
    theatre.restart()


async def _lacking(theatre: Theatre, target: str, message: str, left: Page) -> str:
    """What is missing since a fault was taken away, when the page was ``left``."""
    page = await theatre.exporter.page()
    if target in SOURCES:
        return theatre.lacking(page, target)
    if not _told(theatre.heard.taken(), message):
        return "the alert has not arrived"
    name = theatre.address(target)  # an alert that arrived may have been answered badly
    return "" if _delivered(page, name) > _delivered(left, name) else "nothing is delivered yet"


def _delivered(page: Page, alertmanager: str) -> float:
    """The alerts in posts that were answered well."""
    posted, failed = (page.value(name, alertmanager=alertmanager) for name in _POSTED)
    return posted - failed


async def _passing(theatre: Theatre, source: str) -> None:
    """Return when the time in the status of every pipeline has grown."""
    page = await theatre.exporter.page()
    begin = {pipeline: theatre.seconds(page, source, pipeline) for pipeline in theatre.recorded()[source]}
    await theatre.exporter.until(
        lambda page: all(theatre.seconds(page, source, pipeline) > then for pipeline, then in begin.items()),
        what="time in status stands still",
    )


def _polls(page: Page, source: str) -> float:
    return page.value(_RUNS, source=source, task="poll")


async def _others_go_on(theatre: Theatre, fault: Fault, target: str, before: Before) -> float:
    """The share of their polls that the others make; while it is too small it is looked at for another while."""
    poll, begin, page = POLL_SECONDS[theatre.kind], before.at, before.page
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        since, page, until = page, await theatre.exporter.page(), time.monotonic()
        due = (until - begin) / poll
        share = min(_good_polls(since, page, name) for name in SOURCES if name != target) / due
        if share >= fault.cadence or until > end:
            return share
        begin = until
        await asyncio.sleep(_LASTS_POLLS * poll)


def _good_polls(before: Page, after: Page, source: str) -> float:
    """How many polls of a source worked between two pages."""
    labels = {"source": source, "task": "poll"}
    failed = after.value(_REASONS, **labels) - before.value(_REASONS, **labels)
    return _polls(after, source) - _polls(before, source) - failed
