"""``make bench``: fleets of all sizes, a cold start and a backfill on a long past; ``--write`` keeps the tables."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from benchmarks.fleet import Case, Figures, Fleet
from benchmarks.lines import fleet_lines, past_line
from benchmarks.past import SECONDS_OF_PAST, Past, backfill, cold_start
from benchmarks.processes import cores, exporter, simulator
from benchmarks.tables import Results, markdown

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- begin of what make bench writes -->", "<!-- end of what make bench writes -->"
_SERIES = ("sparse", "dense")
_SHORT_PAST = 3600.0
_OTHERS = ("benchmarks.logs", "benchmarks.alerts")
_LIBRARIES = ("msgspec", "aiohttp", "uvicorn", "prometheus-client")
_MIDDLE, _LARGE = 5000, 20_000


@click.command()
@click.option(
    "--pipelines", multiple=True, type=click.IntRange(min=1), default=(100, 1000, 10_000, 50_000), show_default=True,
    help="Sizes of the Feldera fleets; repeatable.",
)  # fmt: skip
@click.option("--core", default=1000, show_default=True, help="Calyptia pipelines; 0 leaves them out.")
@click.option("--past", default=1000, show_default=True, help="Pipelines with a long past; 0 leaves them out.")
@click.option("--scrapes", default=100, show_default=True, help="Answers to time while it polls, and while it rests.")
@click.option("--others/--no-others", default=True, help="Run the benchmarks of logs and alerts, too.")
@click.option("--write", is_flag=True, help=f"Write the tables to docs/{DOCUMENT.name}.")
def main(pipelines: Sequence[int], core: int, past: int, scrapes: int, others: bool, write: bool) -> None:
    """Print lines of figures for each measurement, each with a ratio from the same run."""
    circumstances = _circumstances()
    print("; ".join(circumstances), flush=True)
    cold, backfilled = _past(past) if past else (None, None)
    other = [line for name in _OTHERS for line in _other(name)] if others else []
    fleets: list[Figures] = []
    for kind, size in [("calyptia", core)] * (core > 0) + [("feldera", size) for size in pipelines]:
        for figures in _fleets(kind, size, scrapes):
            fleets.append(figures)
            if write:  # each time: a run that is ended early leaves what it has
                _write(markdown(Results([*circumstances, _load("at the end")], fleets, cold, backfilled, other)))


def _circumstances() -> list[str]:
    """When and with what; nothing that names the machine."""
    own, others = cores()
    shared = "which it shares with the simulated control plane" if own == others else "of its own"
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return [
        f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores; the exporter on {len(own)}, {shared}",
        f"Python {platform.python_version()}, {libraries}",
        _load("at the start"),
    ]


def _load(when: str) -> str:
    """How busy the machine is with other things."""
    return f"load average {when}: {os.getloadavg()[0]:.1f}"


def _fleets(kind: str, size: int, scrapes: int) -> Iterator[Figures]:
    for series in _SERIES:
        case = _case(kind, size, series, scrapes)
        with (
            simulator(kind, size, _SHORT_PAST) as plane,  # a fresh one: the one before has been changed
            exporter(plane, series=series, poll_interval=case.poll_interval) as running,
        ):
            figures = Fleet(case, plane, running).measure()
        for line in fleet_lines(figures):
            print(f"{case.name}: {line}", flush=True)
        yield figures


def _case(kind: str, size: int, series: str, scrapes: int) -> Case:
    """Polls so often that many answers fall into one, and so seldom that the exporter rests in between."""
    if size < _MIDDLE:
        return Case(kind, size, series, 0.3, scrapes, seconds=10, rounds=6, waits=True)
    if size < _LARGE:
        return Case(kind, size, series, 1.5, scrapes, seconds=16, rounds=4, waits=True)
    return Case(kind, size, series, 6.0, scrapes, seconds=16, rounds=2, waits=False)


def _past(size: int) -> tuple[Past, Past]:
    with simulator("feldera", size, SECONDS_OF_PAST) as plane:
        with exporter(plane, series="dense", poll_interval=3) as running:
            cold = cold_start(plane, running, size)
        print(f"cold start: {past_line(cold)}", flush=True)
        written = backfill(plane, size)
        print(f"backfill: {past_line(written)}", flush=True)
    return cold, written


def _other(name: str) -> list[str]:
    """The lines of a benchmark that is a command of its own, if there is one."""
    if importlib.util.find_spec(name) is None:
        return []
    done = subprocess.run([sys.executable, "-m", name], check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return done.stdout.splitlines()


def _write(tables: str) -> None:
    """Put the tables between the marks of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
