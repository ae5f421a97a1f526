"""Has the C library give memory back to the system, and the interpreter not look at all of it again and again."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_FULL = 2
_LONG_SECONDS, _LOOK_AT_ALL_SECONDS = 0.02, 600.0
_SETTINGS = ((_TRIM_THRESHOLD, 128 * 1024), (_MMAP_THRESHOLD, 256 * 1024), (_ARENA_MAX, 2))


def give_back() -> bool:
    """Fix the thresholds of glibc's allocator for this process; False if there is no glibc.

    A poll of a large fleet builds and drops many megabytes. By default glibc raises its thresholds when it sees that,
    and keeps what was freed; with fixed ones a quiet exporter of 10,000 pipelines is a fifth smaller. Other C libraries
    have no such setting and need none.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    taken = [mallopt(*setting) == 1 for setting in _SETTINGS]
    return all(taken)


def spare_survivors(clock: Callable[[], float] = time.monotonic) -> Callable[[str, dict[str, Any]], None]:
    """Have garbage collections leave alone what survived one that took long; every ten minutes look at everything.

    What is known of 10,000 pipelines is half a million objects, and looking at them all holds the event loop for 50 to
    100 ms. Hardly any of them ever becomes a part of a cycle. What was only passing, and was spared by chance, is given
    back within ten minutes; short collections, which are all that a small fleet has, spare nothing. Returns what was
    added to ``gc.callbacks``.
    """
    begun = all_looked_at = clock()

    def collecting(phase: str, info: dict[str, Any]) -> None:
        nonlocal begun, all_looked_at
        if info["generation"] < _FULL:
            return
        if phase == "start":
            begun = clock()
            if begun - all_looked_at >= _LOOK_AT_ALL_SECONDS:
                all_looked_at = begun
                gc.unfreeze()
        elif clock() - begun >= _LONG_SECONDS:
            gc.freeze()

    gc.callbacks.append(collecting)
    return collecting
