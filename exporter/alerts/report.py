"""What would fire now, for people: a look at the facts of one reading, without anything being sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import structlog
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.alerts.alert import Alert
from exporter.alerts.engine import Engine
from exporter.alerts.explain import Places
from exporter.alerts.memory import Memory
from exporter.alerts.rules import WATCHDOG
from exporter.alerts.text import one_line, rfc3339
from exporter.config import Alerting
from exporter.store import SourceFacts

log = structlog.get_logger(__name__)

_COLUMNS = ("alert", "severity", "source", "pipeline", "fires", "since", "why")
_WIDE = 500
_NARROWEST = 160
_LONGEST_REASON = 160


class Read(msgspec.Struct, frozen=True):
    """What one reading of a source gave: facts, whether the poll worked, and the reasons of failure by task."""

    facts: SourceFacts
    polled: bool
    problems: dict[str, str]


class Foreseen(msgspec.Struct, frozen=True):
    """An alert that would fire now, or ``later``: at that time, if what it is about lasts until then."""

    alert: Alert
    later: float | None = None


def would_fire(settings: Alerting, reads: Iterable[Read], now: float) -> list[Foreseen]:
    """The alerts that would fire now or later if nothing changed, but for the one that always does."""
    engine = Engine(settings, Places.of(settings, ""), (), Memory())
    for read in reads:
        engine.watch(read.facts)
        engine.ended(read.facts.name, "poll", now, success=read.polled, why=read.problems.get("poll", ""))
    found = {alert.labels: Foreseen(alert) for alert in _decided(engine, now)}
    end = now + max(settings.unavailable_for, settings.unreachable_for)
    while (at := engine.next_at(now)) is not None and at <= end:
        now = at
        for alert in _decided(engine, now):
            found.setdefault(alert.labels, Foreseen(alert, now))
    _tell_failures(engine)
    return [one for one in found.values() if one.alert.name != WATCHDOG]


def _decided(engine: Engine, now: float) -> list[Alert]:
    """What fires once all is decided that is to be decided at a time."""
    found = engine.step(now)
    while engine.busy:
        found += engine.step(now)
    return found


def _tell_failures(engine: Engine) -> None:
    for failure in filter(lambda failure: failure.is_first, engine.failures()):
        source, pipeline = failure.subject
        log.error("what would fire for a pipeline is not known: a fault of the exporter",
                  source=source, pipeline=pipeline, exc_info=failure.error)  # fmt: skip


def show(foreseen: Sequence[Foreseen], reads: Sequence[Read], settings: Alerting, console: Console) -> None:
    """Print them as a table, and what could not be read."""
    if foreseen:
        console.print(_table(foreseen))
    if not all(read.polled for read in reads):
        console.print("What would fire is not known of every source:")
    elif all(one.later is not None for one in foreseen):
        console.print("Nothing would fire now.")
    for read in reads:
        for task, reason in read.problems.items():
            console.print(Text(f"{read.facts.name}: {task} failed: {reason}"))


def _table(foreseen: Sequence[Foreseen]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column != "why")
    for one in sorted(foreseen, key=lambda one: (one.later or 0.0, one.alert.name, one.alert.labels)):
        table.add_row(*map(Text, _row(one)))
    return table


def _row(one: Foreseen) -> Iterable[str]:
    labels, told = dict(one.alert.labels), one.alert.annotations
    name = labels.get("pipeline_name", "")
    yield from (one.alert.name, labels["severity"], labels["source"], name)
    yield "now" if one.later is None else _to_seconds(rfc3339(one.later))
    yield _to_seconds(told.get("began_at", ""))
    what = told.get("summary", "").removeprefix(f"{name or labels['source']}: ")
    yield one_line(": ".join(filter(None, (what, told.get("error_message")))), _LONGEST_REASON)


def _to_seconds(time: str) -> str:
    """A time without its fractions; nothing stays nothing."""
    return time and f"{time.partition('.')[0]}Z"


def console() -> Console:
    """Standard output; where it is no terminal, wide enough that no line has to break."""
    plain = Console()
    return Console(width=max(plain.width, _NARROWEST) if plain.is_terminal else _WIDE)
