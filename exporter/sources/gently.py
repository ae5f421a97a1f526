"""Reads many things, a few at a time; what fails is put off, and a control plane that answers nothing is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from exporter.errors import SourceError
from exporter.sources.base import Run

T = TypeVar("T")

_FAILURES_IN_A_ROW = 10


async def read_gently(
    run: Run, take: Callable[[], str | None], read: Callable[[str], Awaitable[None]], *, workers: int
) -> list[str]:
    """Read what ``take`` gives until that is None, ``workers`` at a time; returns what could not be read.

    A failure is noted on ``run`` and the reading goes on, until ten in a row have failed.
    """
    return await _Reading(run, take, read).drain(max(1, workers))


async def together(reads: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Reading:
    """One such run: its failures in a row, and what was put off."""

    def __init__(self, run: Run, take: Callable[[], str | None], read: Callable[[str], Awaitable[None]]) -> None:
        self._run = run
        self._take = take
        self._read = read
        self._in_a_row = 0
        self._put_off: list[str] = []

    async def drain(self, workers: int) -> list[str]:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())
        return self._put_off

    async def _work(self) -> None:
        while self._in_a_row < _FAILURES_IN_A_ROW and (key := self._take()) is not None:
            try:
                await self._read(key)
                self._in_a_row = 0
            except SourceError as error:
                self._put_off.append(key)
                self._in_a_row += 1
                self._run.fail(error)
