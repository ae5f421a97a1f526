"""Garbage collections that look only at what is new, and every ten minutes at everything."""

from __future__ import annotations

import gc
import platform
import weakref
from collections.abc import Iterator

import pytest

from exporter.memory import give_back, spare_survivors


class Clock:
    """A clock that is wound by hand, and goes on by ``step`` each time it is looked at."""

    now = 0.0
    step = 0.03

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Node:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Survivors are spared, by this clock."""
    clock = Clock()
    added = spare_survivors(clock)
    yield clock
    gc.callbacks.remove(added)
    gc.unfreeze()


def test_survivors_are_looked_at_every_ten_minutes(clock: Clock) -> None:
    """A cycle that outlived a full collection is found by the first one after ten minutes; a new one at once."""
    old = Node()
    gc.collect()
    assert gc.get_freeze_count() > 1000
    found = weakref.ref(old)
    del old
    young = weakref.ref(Node())
    gc.collect()
    assert young() is None
    assert found() is not None
    clock.now = 600.0
    gc.collect()
    assert found() is None


def test_who_survived_a_short_collection_is_not_spared(clock: Clock) -> None:
    """Neither a full one that took no time, nor one of the young."""
    gc.collect(1)
    clock.step = 0.001
    gc.collect()
    assert gc.get_freeze_count() == 0


def test_memory_is_given_back_where_there_is_glibc() -> None:
    """Every setting is taken; other C libraries have none."""
    assert give_back() is (platform.libc_ver()[0] == "glibc")
