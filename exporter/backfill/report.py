"""What a backfill says of itself: a bar while it works, a summary at the end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from exporter.backfill.collect import Tell
from exporter.backfill.plan import Plan
from exporter.backfill.write import Written


@contextmanager
def progress() -> Iterator[Tell]:
    """A bar on standard error, if that is a terminal, for everything that is told."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def summary(written: Written, plan: Plan) -> str:
    """What was written, and what to do with it."""
    rows = (
        ("pipelines", f"{written.pipelines:,}"),
        ("events", f"{written.events:,}"),
        ("samples", f"{written.samples:,}"),
        ("from", _time(written.first)),
        ("to", _time(written.last)),
        ("bytes", f"{written.size_bytes:,}"),
        ("written to", str(plan.output)),
        ("next", f"promtool tsdb create-blocks-from openmetrics {shlex.quote(str(plan.output))} DATA_DIRECTORY"),
    )
    return "\n".join(f"{name + ':':<12}{value}" for name, value in rows)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
