"""The rules of these tests are the shipped ones, only quicker."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.alertmanager.pack import RULES, ran
from tests.delivery.shortened import PARTS, shortened

DURATION = re.compile(r"\d+(?:ms|[smhd])\b")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "ms": 0.001}


def waits(path: Path) -> dict[str, list[float]]:
    """What each alert waits before it fires and before it ends, in seconds, by its name and severity."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {
        f"{rule['alert']} {rule['labels']}": [seconds(rule.get(key, "0s")) for key in ("for", "keep_firing_for")]
        for rule in alerts
    }


def seconds(duration: str) -> float:
    """A duration with one unit."""
    number = duration.rstrip("smhd")
    return int(number) * SECONDS[duration.removeprefix(number)]


@pytest.mark.parametrize("shipped", RULES, ids=lambda path: str(path.stem))
def test_the_rules_are_the_shipped_ones_only_quicker(shipped: Path, tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Prometheus takes the copy, in which every alert waits a sixtieth of its time and all other text is the same."""
    copy = shortened(tmp_path / "rules") / shipped.name
    assert ran(tool("promtool"), "check", "rules", copy)[0] == 0
    whole = {name: [one / PARTS for one in both] for name, both in waits(shipped).items()}
    assert waits(copy) == {name: pytest.approx(both) for name, both in whole.items()}
    assert DURATION.sub("…", copy.read_text("utf-8")) == DURATION.sub("…", shipped.read_text("utf-8"))
