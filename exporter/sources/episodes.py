"""Failures among the events of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from exporter.model import Event


class Episode(msgspec.Struct, frozen=True):
    """The event with which a failure began, and when it was over (None: the events do not tell)."""

    began: Event
    until: float | None


def newest_episode(events: Sequence[Event]) -> Episode | None:
    """The newest failure that began among events, oldest first; the first one only tells what was before."""
    until: float | None = None
    for before, after in reversed(list(pairwise(events))):
        if after.has_error and not before.has_error:
            return Episode(after, until)
        if not after.has_error:
            until = after.at
    return None
