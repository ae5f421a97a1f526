"""Asks the C library to hand memory back to the system.

A poll of a large fleet builds and drops many megabytes. By default glibc raises its thresholds when it sees that, and
keeps what was freed; with fixed ones a quiet exporter of 10,000 pipelines is a fifth smaller. Other C libraries have
no such setting and need none.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_SETTINGS = ((_TRIM_THRESHOLD, 128 * 1024), (_MMAP_THRESHOLD, 256 * 1024), (_ARENA_MAX, 2))


def give_back() -> bool:
    """Fix the thresholds of glibc's allocator for this process; False if there is no glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    taken = [mallopt(*setting) == 1 for setting in _SETTINGS]
    return all(taken)
