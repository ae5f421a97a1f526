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

_COLOURS = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
_TIMED = re.compile(rb"\[[^\]\n]*\] (%b)[ \t]+(?:TRACE|DEBUG|INFO|WARN|ERROR) " % _TIME)

# A newline stands before each line that is looked for: a fixed beginning is found many times faster than a line's.
_LEVELLED = re.compile(rb"\n\[[^\]\n]*\] %b[ \t]+(TRACE|DEBUG|INFO|WARN|ERROR) " % _TIME)
_ERROR = re.compile(rb"\n(\[[^\]\n]*\] %b[ \t]+ERROR .*)" % _TIME)
_JSON = re.compile(rb"\n(\{.*)")
_PANIC = b"panicked at"

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


class _Fields(msgspec.Struct, frozen=True):
    """What a JSON line says."""

    message: str | None = None
    line: str | None = None


class _Json(msgspec.Struct, frozen=True):
    """A line in JSON mode (``FELDERA_LOG_JSON``); fields that are not declared are not built."""

    timestamp: str | None = None
    level: str | None = None
    target: str | None = None
    fields: _Fields | None = None
    message: str | None = None

    def said(self) -> str:
        """What it says to people."""
        text = (self.fields.message or self.fields.line if self.fields else None) or self.message or ""
        return f"{self.target}: {text}" if self.target else text


_decoder = msgspec.json.Decoder(_Json)


class Telling(msgspec.Struct, frozen=True, gc=False):
    """A line that tells of a failure, as text, with its time if it has one."""

    text: str
    at: float | None
    panic: bool


class Summary(msgspec.Struct, frozen=True):
    """What lines say: how many of each level, panics, the last time that one carries, and which tell of failures."""

    levels: dict[LogLevel, int]
    panics: int
    last_at: float | None
    telling: tuple[Telling, ...]


def summarize(block: bytes, *, most_telling: int) -> Summary:
    """Read whole lines, each ending in a newline; of those that tell of failures only the last ``most_telling``."""
    plain = b"\n" + without_colours(block)
    levels = Counter({LEVELS[level.decode()]: count for level, count in Counter(_LEVELLED.findall(plain)).items()})
    panics = set(_panics(plain))
    told = panics | {match.start(1) for match in _ERROR.finditer(plain)} if levels["error"] else panics
    objects: dict[int, _Json] = {}
    for place, line in _objects(plain):
        level = LEVELS.get((line.level or "").upper(), "unknown")
        levels[level] += 1
        if level == "error" or place in panics:
            objects[place] = line
    levels["unknown"] += block.count(b"\n") - levels.total()
    newest = sorted(told | objects.keys())[-most_telling:] if most_telling else []
    telling = tuple(_told(plain, place, objects.get(place)) for place in newest)
    return Summary(dict(levels), len(panics), _last_time(plain), telling)


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


def without_colours(block: bytes) -> bytes:
    """The text without terminal escape sequences."""
    return _COLOURS.sub(b"", block) if b"\x1b" in block else block


def time_of(line: bytes) -> float | None:
    """The time a line carries."""
    return _time_of(without_colours(line))


def last_time_of(block: bytes) -> float | None:
    """The time of the last line of a block that carries one."""
    return _last_time(b"\n" + without_colours(block))


def _time_of(plain: bytes) -> float | None:
    if match := _TIMED.match(plain):
        return parse_time(match[1].decode())
    found = _object(plain) if plain.startswith(b"{") else None
    return parse_time(found.timestamp) if found else None


def _objects(plain: bytes) -> Iterator[tuple[int, _Json]]:
    """The lines that are JSON objects, with where they begin."""
    for match in _JSON.finditer(plain):
        if (found := _object(match[1])) is not None:
            yield match.start(1), found


def _object(line: bytes) -> _Json | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _told(plain: bytes, place: int, found: _Json | None) -> Telling:
    """What the line that begins at ``place`` tells; what a panic says stands on the line after it."""
    line = _line_at(plain, place)
    if found is not None:
        text = found.said()
        return Telling(text, parse_time(found.timestamp), _PANIC.decode() in text)
    shown, panic = line.rstrip(b"\r"), _PANIC in line
    if panic and shown.endswith(b":"):
        shown = _with_next(shown, _line_at(plain, place + len(line) + 1))
    return Telling(shown.decode("utf-8", "replace"), _time_of(line), panic)


def _line_at(plain: bytes, place: int) -> bytes:
    """The line that begins at ``place``, without its newline; empty behind the last."""
    return plain[place : plain.find(b"\n", place)] if place < len(plain) else b""


def _with_next(line: bytes, following: bytes) -> bytes:
    """A line and the one that goes on with it, if that has no form of its own."""
    goes_on = following.strip() and not _TIMED.match(following) and not following.startswith(b"{")
    return b"%b %b" % (line, following) if goes_on else line
