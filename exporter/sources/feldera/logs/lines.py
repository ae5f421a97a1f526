"""What log lines say: level, time, panic. Whole blocks are read at once, by expressions that run in C.

Three kinds of lines come mixed: text (``[name] 2026-01-01T00:00:00.000001Z  INFO target: message``, with terminal
colours, ``[name host=1]`` on several hosts), JSON objects, and anything a process writes to its standard error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from exporter.model import LogLevel, parse_time
from exporter.sources.feldera.logs.ansi import without_colours
from exporter.sources.feldera.logs.objects import Head, head_of, said
from exporter.sources.feldera.logs.redact import LOOKED_AT

_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
_TIMED = re.compile(rb"\[[^\]\n]*\] (%b)[ \t]+(?:TRACE|DEBUG|INFO|WARN|ERROR) " % _TIME)

# A newline stands before each line that is looked for: a fixed beginning is found many times faster than a line's.
_LEVELLED = re.compile(rb"\n\[[^\]\n]*\] %b[ \t]+(TRACE|DEBUG|INFO|WARN|ERROR) " % _TIME)
_ERROR = re.compile(rb"\n(\[[^\]\n]*\] %b[ \t]+ERROR .*)" % _TIME)
_JSON = re.compile(rb"\n(\{.*)")
_PANIC = b"panicked at"

_CLIP = LOOKED_AT + 1  # one more tells that there was more
_CHARACTER_BYTES = 4

LEVELS: dict[str, LogLevel] = {
    "ERROR": "error",
    "FATAL": "error",
    "CRITICAL": "error",
    "WARN": "warn",
    "WARNING": "warn",
    "INFO": "info",
    "DEBUG": "debug",
    "TRACE": "trace",
}
"""Levels as lines spell them."""


class Telling(msgspec.Struct, frozen=True, gc=False):
    """A line that tells of a failure, as text, with its time if it has one; nobody has looked for credentials yet.

    ``is_open``: what a panic says stands on the line after it, which is yet to come.
    """

    text: str
    at: float | None
    is_open: bool = False


class Summary(msgspec.Struct, frozen=True):
    """What lines say: how many of each level, panics, the last time that one carries, and which tell of failures.

    ``goes_on``: the first of them, if it may belong to a line that came before them.
    """

    levels: dict[LogLevel, int]
    panics: int
    last_at: float | None
    telling: tuple[Telling, ...]
    goes_on: str | None = None


def summarize(block: bytes, *, most_telling: int) -> Summary:
    """Read whole lines, each ending in a newline; of those that tell of failures only the last ``most_telling``."""
    plain = b"\n" + without_colours(block)
    levels = Counter({LEVELS[level.decode()]: count for level, count in Counter(_LEVELLED.findall(plain)).items()})
    panics = set(_panics(plain))
    told = panics | {match.start(1) for match in _ERROR.finditer(plain)} if levels["error"] else panics
    objects: dict[int, Head] = {}
    for place, head in _objects(plain):
        level = LEVELS.get(head.word, "unknown")
        levels[level] += 1
        if level == "error" or place in panics:
            objects[place] = head
    levels["unknown"] += block.count(b"\n") - levels.total()
    newest = sorted(told | objects.keys())[-most_telling:] if most_telling else []
    telling = tuple(_told(plain, place, objects.get(place)) for place in newest)
    return Summary(dict(levels), len(panics), _last_time(plain), telling, _going_on(_line_at(plain, 1)))


def _panics(plain: bytes) -> Iterator[int]:
    """Where the lines begin that tell of a panic."""
    found = plain.find(_PANIC)
    while found >= 0:
        yield plain.rfind(b"\n", 0, found) + 1
        found = plain.find(_PANIC, plain.find(b"\n", found))


def _last_time(plain: bytes) -> float | None:
    """The time of the last line that carries one."""
    end = len(plain) - 1
    while end > 0:
        start = plain.rfind(b"\n", 0, end) + 1
        if (at := _time_of(plain[start:end])) is not None:
            return at
        end = start - 1
    return None


def time_of(line: bytes) -> float | None:
    """The time a line carries."""
    return _time_of(without_colours(line))


def _time_of(plain: bytes) -> float | None:
    if match := _TIMED.match(plain):
        return parse_time(match[1].decode())
    head = head_of(plain) if plain.startswith(b"{") else None
    return head.at if head else None


def _objects(plain: bytes) -> Iterator[tuple[int, Head]]:
    """The lines that are JSON objects, with where they begin."""
    for match in _JSON.finditer(plain):
        if (head := head_of(match[1])) is not None:
            yield match.start(1), head


def _told(plain: bytes, place: int, head: Head | None) -> Telling:
    """What the line that begins at ``place`` tells; what a panic says stands on the line after it."""
    line = _line_at(plain, place)
    if head is not None:
        return Telling(said(line)[:_CLIP], head.at)
    told = Telling(_text(line), _time_of(line), _PANIC in line and line.rstrip(b"\r").endswith(b":"))
    following = place + len(line) + 1
    return closed(told, _going_on(_line_at(plain, following))) if told.is_open and following < len(plain) else told


def closed(told: Telling, goes_on: str | None) -> Telling:
    """An open line once the next one has come; ``goes_on`` is that one, if it belongs to it."""
    return Telling(told.text if goes_on is None else f"{told.text} {goes_on}"[:_CLIP], told.at)


def _line_at(plain: bytes, place: int) -> bytes:
    """The line that begins at ``place``, without its newline; empty behind the last."""
    return plain[place : plain.find(b"\n", place)] if place < len(plain) else b""


def _going_on(line: bytes) -> str | None:
    """The text of a line that has no form of its own, so that it may belong to the one before."""
    has_form = line.startswith(b"{") or _TIMED.match(line)
    return _text(line) if line.strip() and not has_form else None


def _text(line: bytes) -> str:
    return line[: _CLIP * _CHARACTER_BYTES].rstrip(b"\r").decode("utf-8", "replace")[:_CLIP]
