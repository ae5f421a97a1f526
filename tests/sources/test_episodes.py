"""Failures among events: the newest one, when it began and was over."""

from __future__ import annotations

import pytest

from exporter.model import Event
from exporter.sources.episodes import newest_episode


@pytest.mark.parametrize(
    ("errors", "began", "until"),
    [
        ("", None, None),
        ("..", None, None),
        ("x..", None, None),
        (".xx..", 1, 3),
        (".xx.x.x", 6, None),
        (".x.", 1, 2),
        ("xx.x", 3, None),
    ],
)
def test_the_newest_failure(errors: str, began: int | None, until: float | None) -> None:
    """It begins with the first event that has the error and ends with the next that has not."""
    events = [Event(str(at), at, ("s",), error == "x") for at, error in enumerate(errors)]
    found = newest_episode(events)
    assert (found and found.began.at, found and found.until) == (began, until)
