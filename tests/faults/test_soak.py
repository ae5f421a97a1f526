"""A short soak; the long one is ``python -m tests.faults.soak``."""

from __future__ import annotations

from tests.faults.soak import soak


async def test_faults_and_churn_leave_nothing_behind() -> None:
    """Some seconds of random faults, churn, reloads and kills: nothing leaks, no poll is missed, counters are right."""
    report = await soak(16, seed=20)
    assert not report.problems(), report.text()
    assert report.kills
    assert report.faults
    assert report.events > 100, "too little happened to show anything"
    assert min(counted for counted, _, _ in report.lines.values()) > 500, "too little was logged to show anything"
