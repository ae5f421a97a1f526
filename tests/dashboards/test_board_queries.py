"""Every query, variable and annotation is PromQL about metrics that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.generator.availability import BURNS, OBJECTIVE
from dashboards.generator.pipeline_feldera import METRICS as FELDERA
from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import families
from exporter.sources.kinds import KINDS
from tests.dashboards.boards import ROOT, Asked, annotations, board, everything, filled, panel_id, targets, variables
from tests.dashboards.promql import selectors

PROMETHEUS = {"up": "of every target", "scrape_duration_seconds": "of every target", "ALERTS": "alerts of its rules"}
"""What Prometheus makes itself."""

PER_REPLICA = {"exporter"}
"""The board on which each replica may be shown for itself."""


@cache
def exported() -> dict[str, str]:
    """The families of the exporter with their types."""
    dimensions = [dimension for kind in KINDS.values() for dimension in kind.dimensions]
    own = {name: type for name, type, *_ in OwnMetrics().families}
    return {family.name: family.type for family in families(dimensions)} | own


@cache
def series() -> set[str]:
    """The names of all series of the exporter: a histogram has three."""
    parts = {"histogram": ("_bucket", "_count", "_sum")}
    return {f"{name}{part}" for name, type in exported().items() for part in parts.get(type, ("",))}


@cache
def rules() -> tuple[dict[str, Any], ...]:
    """All rules that are shipped."""
    paths = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
    groups = [group for path in paths for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return tuple(rule for group in groups for rule in group["rules"])


def records() -> set[str]:
    """The names that the rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def alerts() -> list[dict[str, Any]]:
    """The alerts of the rules."""
    return [rule for rule in rules() if "alert" in rule]


@pytest.mark.parametrize("asked", everything(), ids=panel_id)
def test_every_metric_exists(asked: Asked) -> None:
    """A query parses, and names only what the exporter, the rules, Prometheus or Feldera have."""
    known = series() | records() | PROMETHEUS.keys() | set(FELDERA)
    found = {selector.metric for selector in selectors(filled(asked.expr))}
    assert found
    assert found - known == set()


def test_there_are_queries() -> None:
    """The walk sees all kinds of them."""
    assert len(list(targets())) > 100
    assert len(list(annotations())) == 12
    assert len(list(variables())) == 16


def test_most_families_are_shown() -> None:
    """What the exporter has to say stands on a board somewhere; what does not is named here, with the reason."""
    shown = {selector.metric for asked in targets() for selector in selectors(filled(asked.expr))}
    left_out = {
        "pipeline_exporter_config_last_reload_success_timestamp_seconds",  # only whether it worked matters
        "pipeline_exporter_task_duration_seconds",  # shown by its buckets
        "pipeline_exporter_event_loop_delay_seconds",
        "pipeline_exporter_render_duration_seconds",
        "pipeline_status_duration_seconds",
    }
    assert exported().keys() - shown - left_out == set()


@pytest.mark.parametrize("asked", everything(), ids=panel_id)
def test_dense_and_sparse_give_the_same(asked: Asked) -> None:
    """Series of a status or a health are asked for 1 only: with ``status_series: sparse`` there are no zeros."""
    choices = {f"pipeline_{name}_status" for name in ("resources", "runtime", "program", "storage", "deployment")}
    choices |= {"pipeline_health", "pipeline_resources_desired_status", "pipeline_runtime_desired_status"}
    for selector in selectors(filled(asked.expr)):
        if selector.metric in choices and asked.kind != "variable":
            after = filled(asked.expr).split(f"{selector.metric}{{")[1:]
            assert all(part.partition("}")[2].startswith(" == 1") for part in after), asked.expr


@pytest.mark.parametrize("asked", [a for a in targets() if a.board not in PER_REPLICA], ids=panel_id)
def test_replicas_are_one(asked: Asked) -> None:
    """What several replicas say is made one before anything is counted or summed."""
    expr = filled(asked.expr)
    own = [s for s in selectors(expr) if "instance=~.+" in s.matchers]
    merged = expr.count("max without (instance, pod)") + expr.count("max by (")
    assert bool(own) <= bool(merged), expr
    for outer in ("sum", "count", "avg"):
        for part in expr.split(f"{outer} by (")[1:]:
            inner = part.partition(") (")[2]
            assert inner.startswith(("max without (", "max by ("))


def test_alerts_lead_to_boards_that_exist() -> None:
    """The link in an alert's annotations names a board of the set, and sets only variables that it has."""
    links = [url for rule in alerts() if (url := rule.get("annotations", {}).get("dashboard_url"))]
    assert links
    for url in links:
        uid, _, query = url.partition("/d/")[2].partition("?")
        names = {v["name"] for v in board(uid.removeprefix("pipeline-exporter-"))["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= names, url


def test_burn_rates_are_those_of_the_alerts() -> None:
    """The lines of the graphs are where the alerts about the error budget fire, for the same objective."""
    text = " ".join(rule["expr"] for rule in alerts() if "ratio" in rule["expr"])
    found = re.findall(r"ratio_(\w+) > ([\d.]+) \* \(1 - ([\d.]+)\)", text)
    shown = [(window, f"{rate:g}", str(OBJECTIVE)) for rate, *windows in BURNS for window in windows]
    assert sorted(set(found)) == sorted(shown)


def test_the_rules_are_found() -> None:
    """The records that boards use come from the files that are shipped."""
    assert {"pipeline:pipeline_health:code", "pipeline:pipeline_available:ratio_30d"} <= records()
    assert Path(ROOT / "alerts" / "rules" / "pipeline-statuses.rules.yml").exists()
