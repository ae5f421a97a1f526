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
_HEAD = rb"^\[[^\]\n]*\] (%b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)[ \t]+(%bTRACE|DEBUG|INFO|WARN|ERROR) "
_TIMED = re.compile(_HEAD % (b"", b"?:"))
_LEVELLED = re.compile(_HEAD % (b"?:", b""), re.M)
_JSON = re.compile(rb"^[ \t]*\{.*$", re.M)
_TELLING = re.compile(rb"^(?:\[[^\]\n]*\] \S+Z[ \t]+ERROR .*|.*panicked at.*)$", re.M)
_PANIC = b"panicked at"
_PANICKED = re.compile(rb"^.*panicked at", re.M)

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
    plain = without_colours(block)
    levels = Counter({LEVELS[level.decode()]: count for level, count in Counter(_LEVELLED.findall(plain)).items()})
    told = _telling(plain, most_telling) if b"ERROR" in plain or _PANIC in plain else []
    for place, line in _json_lines(plain):
        level = LEVELS.get((line.level or "").upper(), "unknown")
        levels[level] += 1
        if level == "error":
            text = line.said()
            told.append((place, Telling(text, parse_time(line.timestamp), _PANIC.decode() in text)))
    levels["unknown"] += block.count(b"\n") - levels.total()
    told.sort(key=_place)
    newest = told[-most_telling:] if most_telling else []
    return Summary(dict(levels), _panics(plain), _last_time(plain), tuple(one for _, one in newest))


def _panics(plain: bytes) -> int:
    return len(_PANICKED.findall(plain)) if _PANIC in plain else 0


def _place(found: tuple[int, Telling]) -> int:
    return found[0]


def _last_time(plain: bytes) -> float | None:
    """The time of the last line that carries one."""
    end = len(plain) - 1
    while end > 0:
        start = plain.rfind(b"\n", 0, end) + 1
        if (at := time_of(plain[start:end])) is not None:
            return at
        end = start - 1
    return None


def without_colours(block: bytes) -> bytes:
    """The text without terminal escape sequences."""
    return _COLOURS.sub(b"", block) if b"\x1b" in block else block


def time_of(line: bytes) -> float | None:
    """The time a line carries."""
    plain = without_colours(line)
    if match := _TIMED.match(plain):
        return parse_time(match[1].decode())
    if plain.lstrip(b" \t").startswith(b"{"):
        return next((parse_time(found.timestamp) for _, found in _json_lines(plain)), None)
    return None


def is_dated(line: bytes) -> bool:
    """Whether a line has a form of its own, and does not merely go on with the one before."""
    plain = without_colours(line)
    return bool(_TIMED.match(plain) or _JSON.match(plain))


def is_dated_after(block: bytes, at: float) -> bool:
    """Whether the last dated line of a block is from after ``at``."""
    last = _last_time(without_colours(block))
    return last is not None and last > at


def _json_lines(plain: bytes) -> Iterator[tuple[int, _Json]]:
    """The lines that are JSON objects, with where they stand."""
    if not (plain.lstrip(b" \t").startswith(b"{") or b"\n{" in plain or b"\n {" in plain or b"\n\t{" in plain):
        return
    for match in _JSON.finditer(plain):
        try:
            yield match.start(), _decoder.decode(match[0])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue


def _telling(plain: bytes, most: int) -> list[tuple[int, Telling]]:
    """The last text lines that tell of failures, with where they stand."""
    matches = [match for match in _TELLING.finditer(plain) if not match[0].lstrip(b" \t").startswith(b"{")]
    return [(match.start(), _told(plain, match)) for match in matches[-most:]]


def _told(plain: bytes, match: re.Match[bytes]) -> Telling:
    """What a line tells; what a panic says stands on the line after it."""
    line, panic = match[0], _PANIC in match[0]
    if panic and line.endswith(b":"):
        following = plain[match.end() + 1 :].partition(b"\n")[0]
        if following and not is_dated(following):
            line = b"%b %b" % (line, following)
    return Telling(line.decode("utf-8", "replace"), time_of(match[0]), panic)
