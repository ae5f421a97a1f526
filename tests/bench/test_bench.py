"""The benchmarks run, at a size that shows that they do, and fill the tables of docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.processes import Exporter, exporter, simulator
from benchmarks.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
TINY = ("--pipelines", "12", "--core", "0", "--past", "2", "--scrapes", "4", "--no-others")


def test_every_measurement_prints_figures_and_a_ratio() -> None:
    """A tiny run ends well, and has a line for each thing the document has a table for."""
    command = [sys.executable, "-m", "benchmarks", *TINY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert "load average" in head
    for start in (
        "quiet poll: 1.00 requests", "1 % changed: page ready", "all changed: page ready", "page of ",
        "/metrics gzip", "/metrics identity", "event loop held", "GET /: p50", "GET /?health=failed: p50",
        "GET /api/v1/pipelines: p50",
    ):  # fmt: skip
        assert {one.partition(":")[0] for one in lines if f": {start}" in one} == {
            "feldera 12 sparse", "feldera 12 dense",
        }, start  # fmt: skip
    assert [line.partition(":")[0] for line in lines[:2]] == ["cold start", "backfill"]
    assert all("times" in line for line in lines if "samples" in line or "/metrics" in line or "quiet" in line)


def test_tables_stand_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing replaces what stands between the marks and nothing else."""
    copy = tmp_path / "performance.md"
    text = DOCUMENT.read_text(encoding="utf-8")
    copy.write_text(text, encoding="utf-8")
    monkeypatch.setattr(bench, "DOCUMENT", copy)
    bench._write("one\ntwo")
    before, after = text.split(bench.BEGIN)[0], text.split(bench.END)[1]
    assert copy.read_text(encoding="utf-8") == f"{before}{bench.BEGIN}\n\none\ntwo\n\n{bench.END}{after}"


def test_changes_are_seen_and_taken_back() -> None:
    """The simulated control plane changes as many pipelines as asked for, the exporter's page shows them, and back."""
    with simulator("feldera", 8, 300) as plane, exporter(plane, series="sparse", poll_interval=0.3) as running:
        assert plane.change(3) == 3
        running.wait(0, lambda one: one.get("not_healthy") == 3)
        assert _unhealthy(running) == 3
        start = running.said()
        assert plane.change(3) == 0
        running.wait(start, lambda one: one.get("not_healthy") == 0)
        assert _unhealthy(running) == 0


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_can_be_missed(target: Target) -> None:
    """Each limit tells whether it is kept, and else by how much it is missed and why."""
    half, double = target.limit / 2, target.limit * 2
    missed, kept = (half, double) if target.least else (double, half)
    assert target.verdict(kept) == "met"
    assert target.verdict(target.limit) == "met"
    assert target.verdict(missed) == f"missed by {50 if target.least else 100} %: {target.why}"


def _unhealthy(running: Exporter) -> int:
    return running.page().count(b'health="unhealthy"} 1')
