"""Bounds for texts from an API that become label values."""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 64
_FOREIGN = re.compile(r"[^A-Za-z0-9_.:/-]")


def label_text(text: str) -> str:
    """``text`` as a label value: at most 64 characters, others than letters, digits and ``_.:/-`` replaced by ``_``.

    >>> label_text("Runtime Error!")
    'Runtime_Error_'
    """
    return _harmless(text[:_LONGEST])


@lru_cache(maxsize=1024)
def _harmless(text: str) -> str:
    return _FOREIGN.sub("_", text) or "unknown"
