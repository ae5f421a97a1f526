"""Long lists put together piece by piece, so that nobody else who is served by the same loop waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_TURN_SECONDS = 0.002


async def gradually(make: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``make`` of each item; others get their turn before, after, and every two milliseconds."""
    made: list[R] = []
    due = time.monotonic()
    for item in items:
        made.append(make(item))
        if time.monotonic() >= due:
            await asyncio.sleep(0)
            due = time.monotonic() + _TURN_SECONDS
    await asyncio.sleep(0)
    return made
