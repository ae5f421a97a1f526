"""What the boards' queries make of series that are written down, computed by promtool."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.dashboards.boards import PLACES, Asked, filled, panel_id, targets

Tool = Callable[[str], str]

TARGET = 'job="j",instance="i",container="exporter",namespace="monitoring"'
PIPELINE = 'source="f",pipeline="p1",pipeline_name="one"'

UP = {f'pipeline_exporter_source_up{{{TARGET},source="f"}}': "1x40"}
DOWN = {f'pipeline_exporter_source_up{{{TARGET},source="f"}}': "0x40"}
KNOWN = UP | {f"pipeline_info{{{TARGET},{PIPELINE}}}": "1x40"}
FAILED = KNOWN | {f'pipeline_health{{{TARGET},{PIPELINE},health="failed"}}': "1x40"}

WANTED = {f'pipeline:pipeline_wanted_seconds:rate_30d{{job="j",{PIPELINE}}}': "0.5x40"}
HEALTHY = {f'pipeline:pipeline_healthy_seconds:rate_30d{{job="j",{PIPELINE}}}': "0.5x40"}
NOT_WANTED = {f'pipeline:pipeline_wanted_seconds:rate_30d{{job="j",{PIPELINE}}}': "0x40"}
PERFECT = {f'pipeline:pipeline_unavailable:ratio_30d{{job="j",{PIPELINE}}}': "0x40"}
BAD = {f'pipeline:pipeline_unavailable:ratio_30d{{job="j",{PIPELINE}}}': "0.2x40"}

NUMBERS = [asked for asked in targets() if asked.kind in ("stat", "bargauge")]


class Case(NamedTuple):
    """A query, when it is asked, and what it answers: values by labels."""

    expr: str
    answer: Mapping[str, float]
    at: str = "5m"


def compute(tool: Tool, folder: Path, series: Mapping[str, str], *cases: Case, interval: str = "15s") -> None:
    """AssertionError if promtool computes anything else from the series."""
    tests = [
        {
            "expr": case.expr,
            "eval_time": case.at,
            "exp_samples": [{"labels": labels, "value": value} for labels, value in case.answer.items()],
        }
        for case in cases
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    path = folder / "numbers.test.yml"
    path.write_text(
        yaml.safe_dump({"tests": [{"interval": interval, "input_series": inputs, "promql_expr_test": tests}]})
    )
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def expr(board: str, place: str, **places: str) -> str:
    """A query of a board, filled in."""
    found = next(asked.expr for asked in targets() if (asked.board, asked.place) == (board, place))
    return filled(found, PLACES | {f"$__{name}": value for name, value in places.items()})


@pytest.mark.parametrize("asked", NUMBERS, ids=panel_id)
def test_of_nothing_no_number_is_made(asked: Asked, tool: Tool, tmp_path: Path) -> None:
    """With the exporter not scraped there is no number, and above all no 0."""
    compute(tool, tmp_path, {"another_metric": "1x40"}, Case(filled(asked.expr), {}))


@pytest.mark.parametrize(
    ("board", "panel", "series", "number"),
    [
        ("fleet", "Pipelines", UP, 0),
        ("fleet", "Pipelines", DOWN, None),
        ("fleet", "Pipelines", KNOWN, 1),
        ("fleet", "Failed", UP, None),
        ("fleet", "Failed", KNOWN, 0),
        ("fleet", "Failed", FAILED, 1),
        ("fleet", "Unhealthy", UP, None),
        ("fleet", "Unhealthy", FAILED, 0),
        ("fleet", "Failures", UP, None),
        ("fleet", "Failures", KNOWN, 0),
        ("fleet", "Sources down", UP, 0),
        ("fleet", "Sources down", DOWN, 1),
        ("fleet", "Unknown statuses", UP, 0),
        ("exporter", "Sources down", UP, 0),
        ("exporter", "Sources down", DOWN, 1),
        ("exporter", "Pipelines", UP, 0),
        ("exporter", "Streams down", KNOWN, None),
        ("pipeline", "Failures", KNOWN, 0),
        ("pipeline", "History entries", KNOWN, 0),
        ("availability", "Over budget", PERFECT, 0),
        ("availability", "Over budget", BAD, 1),
        ("availability", "Over budget", WANTED, None),
        ("availability", "Availability", WANTED | HEALTHY, 1),
        ("availability", "Availability", WANTED, 0),
        ("availability", "Availability", NOT_WANTED, None),
        ("availability", "Unavailable", WANTED | HEALTHY, 0),
        ("availability", "Unavailable", WANTED, 15 * 86400),
        ("availability", "Unavailable", NOT_WANTED, None),
    ],
)
def test_zero_is_shown_where_it_is_known(
    board: str, panel: str, series: Mapping[str, str], number: float | None, tool: Tool, tmp_path: Path
) -> None:
    """There is a 0 if something is known that could be counted; a pipeline that was never healthy is unavailable."""
    answer = {} if number is None else {"{}": number}
    compute(tool, tmp_path, series, Case(expr(board, f"{panel} A"), answer))


def test_a_pipeline_that_is_gone_has_no_health(tool: Tool, tmp_path: Path) -> None:
    """The word is that of now: none after the series has ended."""
    name = f'pipeline:pipeline_health:code{{job="j",{PIPELINE}}}'
    cases = (
        Case(expr("pipeline", "Health A"), {name: 3}, at="1m"),
        Case(expr("pipeline", "Health A"), {}, at="2m"),
    )
    compute(tool, tmp_path, {name: "3x4 stale"}, *cases)


@pytest.mark.parametrize("scrape", [15, 30])
def test_each_event_is_one_bar(scrape: int, tool: Tool, tmp_path: Path) -> None:
    """Whenever an event is scraped, of all steps of the graph one has it."""
    step, events, phase = 120, range(1, 30), 7
    series = {
        f'pipeline_deployment_failures_total{{{TARGET},source="s{event}",pipeline="p",pipeline_name="p"}}': (
            f"1x{event - 1} 2x{40 - event}"
        )
        for event in events
    }
    failures = expr("fleet", "Failures over time A", rate_interval=f"{step + scrape}s")
    bar_of = {event: math.ceil((scrape * event - phase) / step) for event in events}
    cases = [
        Case(
            f"count by (source) (({failures}) > 0)",
            {f'{{source="s{event}"}}': 1 for event in events if bar_of[event] == bar},
            at=f"{bar * step + phase}s",
        )
        for bar in range(max(bar_of.values()) + 1)
    ]
    compute(tool, tmp_path, series, *cases, interval=f"{scrape}s")


def test_the_first_pipelines_are_the_worst(tool: Tool, tmp_path: Path) -> None:
    """Of more pipelines than are shown all those are shown that failed, then those that are unhealthy."""
    codes = [3] * 60 + [2] * 30 + [5] * 5 + [1] * 5 + [0] * 30 + [4] * 30
    names = [f'source="f",pipeline="p{i}",pipeline_name="n{i}"' for i in range(len(codes))]
    series = {
        f'pipeline:pipeline_health:code{{job="j",{name}}}': f"{code}x40"
        for name, code in zip(names, codes, strict=True)
    }
    over_time = expr("fleet", "Health over time, first 100 A")
    table = expr("fleet", "First 100 pipelines A")
    cases = [
        Case(f'count_values("code", {found})', {f'{{code="{c}"}}': codes.count(c) for c in (3, 2, 5, 1)})
        for found in (over_time, table)
    ]
    every = Case(f"count({expr('fleet', 'All pipelines A')})", {"{}": len(codes)})
    compute(tool, tmp_path, series, *cases, every)


def test_labels_of_the_target_make_no_rows(tool: Tool, tmp_path: Path) -> None:
    """Two replicas in two containers give one row for a status."""
    series = {}
    for instance in ("a", "b"):
        target = f'job="j",instance="{instance}",container="{instance}",namespace="monitoring"'
        series[f'pipeline_status_since_timestamp_seconds{{{target},{PIPELINE},dimension="storage"}}'] = "7x40"
        series[f'pipeline_storage_status{{{target},{PIPELINE},status="InUse"}}'] = "1x40"
    row = {f'{{{PIPELINE},dimension="storage",status="InUse"}}': 7000.0}
    compute(
        tool,
        tmp_path,
        series,
        Case(expr("fleet", "Latest changes A"), row),
        Case(expr("pipeline", "Statuses A"), row),
    )
