"""The rules, their promtool tests and the runbooks, as values."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import families
from exporter.model import HEALTHS
from exporter.sources.kinds import KINDS

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "alerts"
RULES = sorted((ALERTS / "rules").glob("*.rules.yml"))
TESTS = sorted((ALERTS / "tests").glob("*.test.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"

BRIDGE_ALERTS = {
    "PipelineDeploymentError": "critical",
    "PipelineProgramError": "warning",
    "PipelineUnavailable": "critical",
    "PipelineChecksFailed": "warning",
    "PipelineSourceUnreachable": "critical",
    "PipelineExporterWatchdog": "none",
}
"""The alerts that the bridge posts, with their severity; the rules have alerts of the same names."""

FELDERA_METRICS = frozenset(
    {
        "records_processed_total",
        "records_input_buffered",
        "process_resident_memory_bytes",
        "memory_pressure",
        "storage_usage_bytes",
        "input_connector_errors_parse_total",
        "input_connector_errors_transport_total",
        "output_connector_errors_encode_total",
        "output_connector_errors_transport_total",
        "output_connector_buffered_records",
    }
)
"""What Feldera's own /v0/metrics has, as far as it is used here."""

OTHER_METRICS = frozenset(
    {
        "up",
        "ALERTS",
        "scrape_duration_seconds",
        "prometheus_notifications_errors_total",
        "node_filesystem_avail_bytes",
    }
)
"""Metrics of Prometheus and of node_exporter."""


def ran(*command: str | Path) -> tuple[int, str]:
    """Exit code and all output of a command."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    return done.returncode, done.stdout


def load(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    """Every rule of every file."""
    return [rule for path in RULES for group in load(path)["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def alert_names() -> set[str]:
    """The names of all alerts, of the rules and of the bridge."""
    return {rule["alert"] for rule in alerts()} | BRIDGE_ALERTS.keys()


def records() -> set[str]:
    """The names of all records."""
    return {rule["record"] for rule in rules() if "record" in rule}


def known_labels() -> dict[str, frozenset[str]]:
    """The labels of every series that the exporter has, but for those that Prometheus adds."""
    dimensions = [dimension for kind in KINDS.values() for dimension in kind.dimensions]
    table: list[tuple[str, str, frozenset[str]]] = [
        *((family.name, family.type, frozenset(family.labels)) for family in families(dimensions)),
        *((name, kind, frozenset(labels)) for name, kind, _, labels in OwnMetrics().families),
    ]
    found: dict[str, frozenset[str]] = {}
    for name, kind, labels in table:
        for part in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[f"{name}{part}"] = labels | {"le"}
    return found


def known_metrics() -> set[str]:
    """Every series name that a query may have."""
    return known_labels().keys() | FELDERA_METRICS | OTHER_METRICS | records()


def known_statuses() -> dict[str, set[str]]:
    """The values that the status of each dimension, and the health, may have, by family."""
    found: dict[str, set[str]] = {"pipeline_health": set(HEALTHS)}
    for kind in KINDS.values():
        for dimension in kind.dimensions:
            for family in (f"pipeline_{dimension.name}_status", f"pipeline_{dimension.name}_desired_status"):
                found.setdefault(family, set()).update(dimension.statuses)
    return found


def selectors(expr: str) -> Iterator[promql_parser.VectorSelector]:
    """The selectors of a query; one that does not parse is a ValueError."""
    return _selectors(promql_parser.parse(expr))


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from _selectors(child)
    for child in getattr(node, "args", ()):
        yield from _selectors(child)


def metrics_in(expr: str) -> set[str]:
    """The series names of a query."""
    return {str(selector.name) for selector in selectors(expr)}
