"""The Prometheus rules are valid, clean to Prometheus' own linter, and do what their tests say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ALERTS = Path(__file__).parents[2] / "alerts"
RULES = sorted((ALERTS / "rules").glob("*.yml"))
TESTS = sorted((ALERTS / "tests").glob("*.yml"))
AVAILABILITY = ALERTS / "rules" / "pipeline-availability.rules.yml"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "7d", "30d")

Tool = Callable[[str], str]


def ran(*command: str | Path) -> tuple[int, str]:
    """Exit code and all output of a command."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode, done.stdout


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


def records() -> dict[str, str]:
    """The recorded expressions of availability, by name."""
    groups = yaml.safe_load(AVAILABILITY.read_text(encoding="utf-8"))["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_every_window_is_recorded_in_the_same_way() -> None:
    """The windows differ in nothing but the window."""
    shapes = {name: re.sub(r"(?<=[_\[])\d+[mhd]\b", "W", expr) for name, expr in records().items()}
    for kind in ("wanted_seconds:rate", "healthy_seconds:rate", "available:ratio", "unavailable:ratio"):
        found = {shapes[f"pipeline:pipeline_{kind}_{window}"] for window in WINDOWS}
        assert len(found) == 1, kind
    assert len(shapes) == 4 * len(WINDOWS)


def test_the_names_in_the_readme_are_recorded() -> None:
    """Each record that alerts/README.md names is there."""
    named = set(re.findall(r"\bpipeline:[a-z_]+:[a-z]+_\w+", (ALERTS / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= records().keys()
