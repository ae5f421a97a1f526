"""The Prometheus rules are valid, clean to Prometheus' own linter, and do what their tests say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.pack import (
    ALERTS,
    BRIDGE_ALERTS,
    RULES,
    TESTS,
    alerts,
    known_labels,
    known_metrics,
    known_statuses,
    load,
    metrics_in,
    ran,
    rules,
    selectors,
)

AVAILABILITY = ALERTS / "rules" / "pipeline-availability.rules.yml"
BURN = ALERTS / "rules" / "pipeline-availability-alerts.rules.yml"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "7d", "30d")
BOARDS = ("fleet", "pipeline", "availability", "exporter")
RUNBOOK_BASE = "https://github.com/pipeline-exporter/pipeline-exporter/blob/main/docs/runbooks"
GRAFANA = r"https://grafana\.example\.com/d/pipeline-exporter"
ADDED_LABELS = {"job", "instance", "source", "pipeline", "pipeline_name"}
NEVER_QUIET = {"PipelineExporterWatchdog"}
OF_A_PROCESS = {
    "PipelineExporterDown",
    "PipelineExporterConfigReloadFailed",
    "PipelineExporterStateNotWritten",
    "PipelineExporterNotificationsFailing",
    "PipelineExporterNotificationsDropped",
    "PipelineExporterPartRestarting",
    "PipelineExporterEventLoopSlow",
}

Tool = Callable[[str], str]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_pass_the_linter(path: Path, tool: Tool) -> None:
    """Prometheus takes the file, and its linter has nothing to say."""
    code, output = ran(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", path)
    assert code == 0, output


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(path: Path, tool: Tool) -> None:
    """The unit tests of the rules are green."""
    code, output = ran(tool("promtool"), "test", "rules", path)
    assert code == 0, output


def test_every_file_of_rules_has_tests() -> None:
    """No rules without tests, and no tests of nothing."""
    assert RULES
    assert [p.name.removesuffix(".rules.yml") for p in RULES] == [p.name.removesuffix(".test.yml") for p in TESTS]


# What every alert has


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_alert_is_complete(rule: dict[str, Any]) -> None:
    """An alert says how bad it is, who says so, what it is about, and where to read on."""
    labels, annotations = rule["labels"], rule["annotations"]
    assert labels["severity"] in ("critical", "warning", "info", "none")
    assert labels["via"] == "rules"
    assert set(annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in annotations["summary"]
    assert annotations["runbook_url"] == f"{RUNBOOK_BASE}/{rule['alert']}.md"
    board = re.fullmatch(rf"{GRAFANA}-(\w+)(\?.*)?", annotations["dashboard_url"])
    assert board is not None
    assert board[1] in BOARDS
    assert "$value" not in str(labels)


def test_bridge_and_rules_agree() -> None:
    """Each alert of the bridge has a rule of the same name and severity."""
    severities = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert set(BRIDGE_ALERTS.items()) <= severities


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_metrics_exist(rule: dict[str, Any]) -> None:
    """A rule reads only series that there are, by labels and statuses that they have."""
    assert metrics_in(rule["expr"]) - known_metrics() == set()
    for selector in selectors(rule["expr"]):
        name = str(selector.name)
        for matcher in selector.matchers.matchers:
            assert matcher.name in known_labels().get(name, {matcher.name}) | ADDED_LABELS
            if name in known_statuses() and matcher.name in ("status", "health"):
                assert set(matcher.value.split("|")) <= known_statuses()[name]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_statuses_are_only_compared_with_one(rule: dict[str, Any]) -> None:
    """With sparse series a status that is not the present one has no series: 0, changes and averages mislead."""
    expr = " ".join(rule["expr"].split())
    assert not re.search(r"pipeline_(\w+_)?(status|health)(\{[^}]*\})?\)* (== 0|!= |< )", expr)
    assert not re.search(r"(changes|avg_over_time|min_over_time)\(pipeline_(\w+_)?(status|health)\b", expr)


# What the promtool tests have


def checks() -> list[tuple[str, list[dict[str, str]]]]:
    """Every check of an alert in the promtool tests: its name and the labels of what fires."""
    found = []
    for path in TESTS:
        for test in load(path)["tests"]:
            for check in test.get("alert_rule_test", ()):
                labels = [alert["exp_labels"] for alert in check.get("exp_alerts") or ()]
                found.append((check["alertname"], labels))
    return found


def test_every_alert_is_tested_firing_and_quiet() -> None:
    """Each alerting rule fires in a promtool test, and each alert that can be quiet is quiet in one."""
    fired = {(n, e["severity"], e.get("long")) for n, firing in checks() for e in firing}
    assert fired == {(r["alert"], r["labels"]["severity"], r["labels"].get("long")) for r in alerts()}
    quiet = {name for name, firing in checks() if not firing}
    assert quiet == {rule["alert"] for rule in alerts()} - NEVER_QUIET


def test_alerts_do_not_name_the_replica() -> None:
    """Only what is about one process has the label of an instance or a pod."""
    named = {name for name, firing in checks() for labels in firing if {"instance", "pod"} & labels.keys()}
    assert named == OF_A_PROCESS


def test_every_alert_is_tested_with_two_exporters() -> None:
    """Each alert about pipelines or sources has a test in which two exporters tell of the same."""
    tested = set()
    for path in TESTS:
        for test in load(path)["tests"]:
            series = [entry["series"] for entry in test["input_series"]]
            if any(s.replace('"b"', '"a"').replace('"e-1"', '"e-0"') in series for s in series if 'instance="b"' in s):
                tested |= {check["alertname"] for check in test.get("alert_rule_test", ())}
    from_records = {rule["alert"] for rule in load(BURN)["groups"][0]["rules"]}
    without = OF_A_PROCESS | NEVER_QUIET | {"PipelineExporterAbsent"} | from_records
    assert {rule["alert"] for rule in alerts()} - tested <= without


# Availability


def counted(pipeline: str, instance: str, dimension: str, status: str, values: str) -> dict[str, str]:
    """A series of time in a status, as one exporter tells it."""
    labels = f'job="e",instance="{instance}",source="s",pipeline="{pipeline}",pipeline_name="{pipeline}"'
    series = f'pipeline_status_seconds_total{{{labels},dimension="{dimension}",status="{status}"}}'
    return {"series": series, "values": values}


def test_budget_burns_from_the_counters(tmp_path: Path, tool: Tool) -> None:
    """Counters of two exporters become ratios and those an alert; a pipeline that only starts burns nothing."""
    series = [
        counted("new", "a", "resources", "Provisioning", "_x70 0+60x20"),
        counted("good", "a", "deployment", "STARTED", "0+60x90"),
    ]
    for instance in "ab":
        series.append(counted("bad", instance, "resources", "Provisioned", "0+60x90"))
        series.append(counted("bad", instance, "runtime", "Running", "0+60x70 4200x20"))
        series.append(counted("bad", instance, "runtime", "Unavailable", "0x70 60+60x19"))
    name = "PipelineAvailabilityBudgetBurn"
    labels = f'alertname="{name}",alertstate="firing",severity="critical",via="rules",long="1h",short="5m"'
    alert = f'ALERTS{{{labels},job="e",source="s",pipeline="bad",pipeline_name="bad"}}'
    query = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {"expr": query, "eval_time": "74m"},
            {"expr": query, "eval_time": "80m", "exp_samples": [{"labels": alert, "value": 1}]},
        ],
    }
    document = {"rule_files": [str(AVAILABILITY), str(BURN)], "evaluation_interval": "1m", "tests": [test]}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    code, output = ran(tool("promtool"), "test", "rules", path)
    assert code == 0, output


def records_of_availability() -> dict[str, str]:
    """The recorded expressions of availability, by name."""
    groups = load(AVAILABILITY)["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_every_window_is_recorded_in_the_same_way() -> None:
    """The windows differ in nothing but the window."""
    shapes = {name: re.sub(r"(?<=[_\[])\d+[mhd]\b", "W", expr) for name, expr in records_of_availability().items()}
    for kind in ("wanted_seconds:rate", "healthy_seconds:rate", "available:ratio", "unavailable:ratio"):
        found = {shapes[f"pipeline:pipeline_{kind}_{window}"] for window in WINDOWS}
        assert len(found) == 1, kind
    assert len(shapes) == 4 * len(WINDOWS)
