"""The tests of the rules notice when a rule is broken, and the tool that says so can say the opposite."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.pack import ROOT, alerts, ran

MUTATE = ROOT / "tests" / "tools" / "mutate_rules.py"
SERIES = [{"series": 'a{b="c"}', "values": "2x9"}]
FIRING = {"alertname": "A", "eval_time": "1m", "exp_alerts": [{"exp_labels": {"b": "c"}}]}
QUIET = {"alertname": "A", "eval_time": "0m"}

Tool = Callable[[str], str]


@pytest.fixture
def mutate(tool: Tool) -> Callable[..., tuple[int, str]]:
    """Runs the tool on files, or on all rules; exit code and output."""
    tool("promtool")
    return lambda *files: ran(sys.executable, MUTATE, *files)


def written(folder: Path, checks: list[dict[str, Any]]) -> Path:
    """A file with one rule, and its tests."""
    (folder / "rules").mkdir()
    (folder / "tests").mkdir()
    rules = folder / "rules" / "x.rules.yml"
    group = {"name": "x", "rules": [{"alert": "A", "expr": 'a{b="c"} > 1', "for": "1m"}]}
    rules.write_text(json.dumps({"groups": [group]}))
    test = {"interval": "1m", "input_series": SERIES, "alert_rule_test": checks}
    document = {"rule_files": ["../rules/x.rules.yml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "tests" / "x.test.yml").write_text(json.dumps(document))
    return rules


def test_mutants_are_noticed(mutate: Callable[..., tuple[int, str]]) -> None:
    """Of all small changes to the alerting rules the promtool tests notice nine in ten at the least."""
    code, output = mutate()
    assert code == 0, output
    killed, total = map(int, re.findall(r"^all: (\d+)/(\d+)", output, re.MULTILINE)[0])
    assert total > 10 * len(alerts())
    assert killed >= 0.9 * total


def test_weak_tests_are_told(mutate: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """A test that never looks before the alert fires lets changes through: they are named, and the exit code is 1."""
    code, output = mutate(written(tmp_path, [FIRING]))
    assert code == 1
    assert "survived: x.rules.yml: A: for: 1m -> 0s" in output
    assert "comparison: 1/1" in output


def test_failing_tests_prove_nothing(mutate: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    """Tests that fail without any change would notice every one: the tool refuses them."""
    assert mutate(written(tmp_path, [FIRING, {**QUIET, "eval_time": "5m"}])) == (
        2,
        "tests fail without any change: A\n",
    )
