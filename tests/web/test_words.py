"""Words for people: every reason has a mend, times and lengths of time read well."""

from __future__ import annotations

import pytest

from exporter.errors import REASONS as ALL_REASONS
from exporter.model import HEALTHS
from exporter.web.words import REASONS, SIGNS, absolute, ago, clipped, length, rfc3339


def test_every_reason_and_health_is_explained() -> None:
    """No reason of failure leaves a reader alone, no two healths look the same without colour."""
    assert sorted(REASONS) == sorted(ALL_REASONS)
    assert sorted(SIGNS) == sorted(HEALTHS)
    assert len(set(SIGNS.values())) == len(HEALTHS)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599.9, "1 h"), (3725, "1 h 2 min"), (1e6, "11 d 13 h")],
)
def test_length(seconds: float, text: str) -> None:
    """Two units at most, the largest there are."""
    assert length(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "just now"), (-0.9, "just now"), (61, "1 min 1 s ago"), (-90, "in 1 min 30 s")]
)
def test_ago(seconds: float, text: str) -> None:
    """A time that clocks put ahead is told as such."""
    assert ago(seconds) == text


def test_times() -> None:
    """UTC, to the second for people and finer for programs; what no calendar has ends at the last second of 9999."""
    assert absolute(1_800_000_000.9) == "2027-01-15 08:00:00 UTC"
    assert rfc3339(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"
    assert rfc3339(1_800_000_000.000001, micro=True) == "2027-01-15T08:00:00.000001Z"
    assert absolute(1e18) == "9999-12-31 23:59:59 UTC"


def test_clipped() -> None:
    """A text that is cut says so."""
    assert (clipped("abc", 3), clipped("abcd", 3)) == ("abc", "ab…")
