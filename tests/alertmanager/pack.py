"""The Alertmanager pack as it is shipped, and the alerts that it has to know."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "alerts" / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
MESSAGES = FOLDER / "pipeline-exporter.tmpl"
RULES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
WATCHDOG = "PipelineExporterWatchdog"


class Known(NamedTuple):
    """An alert that can come."""

    alertname: str
    severity: str
    via: str


BRIDGE = (
    Known("PipelineDeploymentError", "critical", "bridge"),
    Known("PipelineProgramError", "warning", "bridge"),
    Known("PipelineUnavailable", "critical", "bridge"),
    Known("PipelineChecksFailed", "warning", "bridge"),
    Known("PipelineSourceUnreachable", "critical", "bridge"),
    Known(WATCHDOG, "none", "bridge"),
)


def from_rules() -> set[Known]:
    """The alerts of all rule files, each severity of a name once."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {Known(rule["alert"], rule["labels"]["severity"], "rules") for rule in rules}


def known() -> list[Known]:
    """Everything that the rules and the bridge can send."""
    return sorted({*BRIDGE, *from_rules()})


def config() -> dict[str, Any]:
    """The shipped configuration."""
    loaded: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return loaded


def routes(route: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Every route, the root first."""
    route = route or config()["route"]
    yield route
    for child in route.get("routes", []):
        yield from routes(child)


def matchers() -> Iterator[str]:
    """Every matcher, of routes and of inhibitions."""
    for route in routes():
        yield from route.get("matchers", [])
    for rule in config()["inhibit_rules"]:
        yield from rule["source_matchers"]
        yield from rule["target_matchers"]


def ran(*command: str | Path) -> tuple[int, str]:
    """Exit code and all output of a command."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout
