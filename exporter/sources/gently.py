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
    run: Run,
    take: Callable[[], str | None],
    read: Callable[[str], Awaitable[None]],
    put_off: Callable[[str], None],
    *,
    workers: int,
) -> None:
    """Read what ``take`` gives until that is None, ``workers`` at a time; what cannot be read is put off.

    A failure is noted on ``run`` and the reading goes on; ten in a row end it, with the last one raised.
    """
    reading = _Reading(run, take, read, put_off)
    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, workers)):
            group.create_task(reading.work())
    if len(reading.in_a_row) >= _FAILURES_IN_A_ROW:
        raise reading.in_a_row[-1]


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
    """One such run, and its failures in a row."""

    def __init__(
        self,
        run: Run,
        take: Callable[[], str | None],
        read: Callable[[str], Awaitable[None]],
        put_off: Callable[[str], None],
    ) -> None:
        self.in_a_row: list[SourceError] = []
        self._run = run
        self._take = take
        self._read = read
        self._put_off = put_off

    async def work(self) -> None:
        while len(self.in_a_row) < _FAILURES_IN_A_ROW and (key := self._take()) is not None:
            try:
                await self._read(key)
                self.in_a_row.clear()
            except SourceError as error:
                self._put_off(key)
                self._failed(error)

    def _failed(self, error: SourceError) -> None:
        """Note a failure; the one that ends the run is raised instead."""
        self.in_a_row.append(error)
        if len(self.in_a_row) < _FAILURES_IN_A_ROW:
            self._run.fail(error)
