"""What would fire now, for people: a look at the facts of one reading, without anything being sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.alerts.alert import Alert
from exporter.alerts.engine import Engine
from exporter.alerts.explain import Places
from exporter.alerts.memory import Memory
from exporter.alerts.rules import UNREACHABLE, WATCHDOG
from exporter.config import Alerting
from exporter.store import SourceFacts

_COLUMNS = ("alert", "severity", "source", "pipeline", "why")
_WIDE = 500


class Read(msgspec.Struct, frozen=True):
    """What one reading of a source gave: facts, whether the poll worked, and the reasons of failure by task."""

    facts: SourceFacts
    polled: bool
    problems: dict[str, str]


def would_fire(settings: Alerting, reads: Iterable[Read], now: float) -> list[Alert]:
    """The alerts that would fire now, but for the one that always does."""
    engine = Engine(settings, Places.of(settings, ""), (), Memory())
    for read in reads:
        engine.watch(read.facts)
        engine.ended(read.facts.name, "poll", now, success=read.polled)
    found = engine.step(now)
    while engine.busy:
        found += engine.step(now)
    return [alert for alert in found if alert.name != WATCHDOG]


def show(alerts: Sequence[Alert], reads: Sequence[Read], settings: Alerting, console: Console) -> None:
    """Print them as a table, and what could not be read."""
    if alerts:
        console.print(_table(alerts))
    elif all(read.polled for read in reads):
        console.print("Nothing would fire now.")
    else:
        console.print("What would fire is not known of every source:")
    for read in reads:
        name = read.facts.name
        for task, reason in read.problems.items():
            console.print(Text(f"{name}: {task} failed: {reason}"))
        if not read.polled:
            wait = f"after {settings.unreachable_for} of this"
            console.print(Text(f"{name}: cannot be read; {wait}, {UNREACHABLE} would fire"))


def _table(alerts: Sequence[Alert]) -> Table:
    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for alert in sorted(alerts, key=lambda alert: (alert.name, alert.labels)):
        labels = dict(alert.labels)
        summary = alert.annotations.get("summary", "")
        shown = (alert.name, labels["severity"], labels.get("source", ""), labels.get("pipeline_name", ""))
        table.add_row(*map(Text, shown), Text(summary.removeprefix(f"{labels.get('pipeline_name', '')}: ")))
    return table


def console() -> Console:
    """Standard output; where it is no terminal, wide enough that no line has to break."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=_WIDE)
