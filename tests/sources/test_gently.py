"""Reading many things gently: failures are noted and put off, and a run of them ends it."""

from __future__ import annotations

import asyncio

import pytest

from exporter.errors import ServerFailed, SourceError
from exporter.model import Fact
from exporter.sources.gently import read_gently, together


class Notes:
    """A run that remembers its failures."""

    def __init__(self) -> None:
        self.failures: list[SourceError] = []

    def fail(self, error: SourceError) -> None:
        self.failures.append(error)

    def deliver(self, fact: Fact) -> None: ...

    def known(self, pipeline_id: str) -> None: ...

    def still_failing(self) -> None: ...


async def read_all(keys: list[str], bad: set[str], *, workers: int = 1) -> tuple[list[str], list[str], Notes]:
    """Read these, of which the bad ones fail: what was read, what was put off, what was noted."""
    read, put_off, notes, left = [], [], Notes(), iter(keys)

    async def one(key: str) -> None:
        await asyncio.sleep(0)
        if key in bad:
            raise ServerFailed(key)
        read.append(key)

    try:
        await read_gently(notes, lambda: next(left, None), one, put_off.append, workers=workers)
    except SourceError as error:
        read.append(f"raised {error}")
    return read, put_off, notes


async def test_one_failure_costs_the_others_nothing() -> None:
    """It is noted and put off, and the reading goes on."""
    read, put_off, notes = await read_all(["a", "b", "c"], {"b"})
    assert (read, put_off, len(notes.failures)) == (["a", "c"], ["b"], 1)


async def test_ten_failures_in_a_row_end_the_run() -> None:
    """The last one is raised and not noted too; what follows is not tried."""
    keys = [str(number) for number in range(30)]
    read, put_off, notes = await read_all(keys, set(keys))
    assert (read, put_off, len(notes.failures)) == (["raised 9"], keys[:10], 9)


async def test_failures_that_are_not_in_a_row_do_not() -> None:
    """One that works begins the count anew."""
    keys = [str(number) for number in range(30)]
    read, put_off, _ = await read_all(keys, {key for key in keys if int(key) % 5})
    assert (len(read), len(put_off)) == (6, 24)


async def test_there_is_always_a_worker() -> None:
    """A concurrency of one leaves nothing for the history after the poll's share, and it is read all the same."""
    read, *_ = await read_all(["a", "b"], set(), workers=0)
    assert read == ["a", "b"]


async def test_the_first_failure_ends_the_others() -> None:
    """Results come in order; after a failure nothing goes on behind our back."""
    ended = asyncio.Event()

    async def slow() -> int:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return 1

    async def bad() -> int:
        await asyncio.sleep(0)
        raise ServerFailed("boom")

    with pytest.raises(ServerFailed):
        await together([slow(), bad()])
    assert ended.is_set()
    assert await together(asyncio.sleep(0, result=n) for n in (1, 2)) == [1, 2]
