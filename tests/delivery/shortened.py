"""The shipped rules with every duration divided by 60, so that what takes minutes takes seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.alertmanager.pack import RULES

PARTS = 60

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ONE = re.compile(r"(\d+)([smhd])")
_PLACES = re.compile(
    r"(?P<mark>\b(?:for|keep_firing_for|interval): |\boffset |\[)(?P<what>\d+[smhd](?::(?:\d+[smhd])?)?)"
)


def shortened(folder: Path) -> Path:
    """A folder with the shortened copies. Plain numbers (``> 900`` seconds) stay: nothing here lasts that long."""
    folder.mkdir()
    for path in RULES:
        text = _PLACES.sub(_replaced(_divided), path.read_text(encoding="utf-8"))
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def _divided(one: re.Match[str]) -> str:
    return f"{int(one[1]) * _SECONDS[one[2]] * 1000 // PARTS}ms"


def _replaced(divide: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    return lambda place: place["mark"] + _ONE.sub(divide, place["what"])
