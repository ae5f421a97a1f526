"""What several tests share: Debian's tools, and a simulated Feldera with the exporter on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many examples the properties under tests/fuzz had."""
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, ())]
    counts = [dict(report.user_properties).get("examples", 0) for report in reports if report.when == "call"]
    if total := sum(counts):
        terminalreporter.write_line(f"fuzzing: {total:,} examples of {sum(map(bool, counts))} properties")


@pytest.fixture
def tool() -> Callable[[str], str]:
    """The path of an installed program; without it the test is skipped, or failed where CI is set."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            message = f"{name} is not installed; `make test` as root installs it, or see tests/tools"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        return path

    return find
