"""Where the reading of a log stands, as it goes on from line to line; a later connection finds the place by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from exporter.model import LogPosition, parse_time
from exporter.sources.feldera.logs.ansi import without_colours
from exporter.sources.feldera.logs.lines import time_of

FARTHEST_SECONDS = 86_400.0
"""How far ahead of the server's clock a line may be dated; else it counts as one without a time."""

_TEXT_TIMES = re.compile(rb"\n\[[^\]\n]*\] (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z")  # without Z: in order of bytes
_OBJECTS = re.compile(rb"\n(\{.*)")


def digest(line: bytes) -> int:
    """Eight bytes for a raw line."""
    return int.from_bytes(blake2b(line, digest_size=8).digest(), "big")


def key_of(line: bytes, *, is_dated: bool, behind: int) -> int:
    """What tells a place in a log from any other: a dated line by itself, else with all lines back to a dated one.

    ``behind`` is the key of the line before, or of the beginning.
    """
    return digest(line) if is_dated else digest(behind.to_bytes(8, "big") + line)


def key_of_beginning(number: int) -> int:
    """The key of a buffer's beginning, before which so many lines were."""
    return digest(b"%d" % number)


def was_read(position: LogPosition) -> bool:
    """Whether lines were read up to this position."""
    return bool(position.epoch or position.tail or position.number)


def newest_time(block: bytes, *, until: float = float("inf")) -> float | None:
    """The latest time up to ``until`` that a line of a block carries: they do not always come in order of time."""
    plain = b"\n" + without_colours(block)
    times = [_newest(_TEXT_TIMES.findall(plain), until), *map(time_of, _OBJECTS.findall(plain))]
    return max((at for at in times if at is not None and at <= until), default=None)


def _newest(stamps: list[bytes], until: float) -> float | None:
    """The latest of these; what is later, or only looks like a time, is left out."""
    newest = _time(max(stamps)) if stamps else None
    if newest is not None and newest <= until:
        return newest
    return max((at for at in map(_time, stamps) if at is not None and at <= until), default=None)


def _time(stamp: bytes) -> float | None:
    return parse_time(f"{stamp.decode()}Z")


class Bookmark:
    """A position that moves on. Of the lines it keeps no more than the key of the last one."""

    def __init__(self, position: LogPosition) -> None:
        self.epoch = position.epoch
        self.number = position.number
        self.after = position.after
        self.exact = position.exact
        self._keys = position.tail

    def position(self) -> LogPosition:
        """The position now, as a value."""
        return LogPosition(self.epoch, self.number, self._keys, self.after, self.exact)

    def pass_line(self, key: int) -> None:
        """Move behind the next line, given by its key."""
        self.number += 1
        if not self.exact:
            self._keys = (key,)

    def pass_block(self, block: bytes, *, until: float) -> None:
        """Move behind whole lines, each ending in a newline, dated up to ``until`` if they are not mistaken."""
        if not block:
            return
        self._note_key(block)
        self.number += block.count(b"\n")
        self.note_time(newest_time(block, until=until))

    def note_time(self, at: float | None) -> None:
        """Remember the latest time of all lines."""
        if at is not None:
            self.after = at if self.after is None else max(at, self.after)

    def _note_key(self, block: bytes) -> None:
        if self.exact:
            return
        key = self._keys[-1] if self._keys else key_of_beginning(self.number)
        for line, is_dated in _from_last_dated(block):
            key = key_of(line, is_dated=is_dated, behind=key)
        self._keys = (key,)


def _from_last_dated(block: bytes) -> Iterable[tuple[bytes, bool]]:
    """The last dated line of a block and those behind it, or all of them, with whether a line is dated."""
    lines: list[tuple[bytes, bool]] = []
    end = len(block) - 1
    while end >= 0:
        start = block.rfind(b"\n", 0, end) + 1
        line = block[start:end]
        lines.append((line, time_of(line) is not None))
        if lines[-1][1]:
            break
        end = start - 1
    return reversed(lines)
