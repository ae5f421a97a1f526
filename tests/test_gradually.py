"""Long lists and the others: everybody gets a turn."""

from __future__ import annotations

import asyncio
import time

from exporter.gradually import gradually


async def turns_during(seconds: float, items: int) -> tuple[list[int], int]:
    """What was made of so many items that take so long each, and how often another task ran meanwhile."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def make(number: int) -> int:
        time.sleep(seconds)
        return number * 2

    task = asyncio.create_task(other())
    made = await gradually(make, range(items))
    task.cancel()
    return made, turns


async def test_others_get_their_turn() -> None:
    """Once an item has taken its time, somebody else is served before the next one."""
    made, turns = await turns_during(0.011, 5)
    assert made == [0, 2, 4, 6, 8]
    assert turns >= 5


async def test_before_and_after_too() -> None:
    """What comes before the list and what comes after it are not one long wait."""
    assert await turns_during(0.0, 0) == ([], 1)
    _, turns = await turns_during(0.0, 3)
    assert turns >= 2
