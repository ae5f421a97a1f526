"""The scalar types of the config file: durations, sizes, patterns and secrets, written as Prometheus writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

_DURATION = re.compile("".join(rf"(?:(\d{{1,15}}){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")))
_DURATION_UNITS = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
_LONGEST_DURATION = 292 * 365 * 86400  # Prometheus' own limit, which every timer can hold
_SIZE = re.compile(r"(\d{1,15})\s*([KMGT]i?B|B)?")
_SIZE_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


class Duration(float):
    """A length of time in seconds, written as in Prometheus: ``15s``, ``1h30m``, ``500ms``."""

    @classmethod
    def parse(cls, raw: object) -> Duration:
        """Raise ValueError with a sentence if ``raw`` is no duration."""
        match = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
        if raw == "0" or (raw == 0 and not isinstance(raw, bool)):
            return cls(0)
        if not match or not raw:
            raise ValueError(f"{raw!r} is not a duration; write it as in Prometheus: 15s, 5m, 1h30m")
        seconds = sum(int(n) * unit for n, unit in zip(match.groups(), _DURATION_UNITS, strict=True) if n)
        if seconds > _LONGEST_DURATION:
            raise ValueError(f"{raw!r} is too long; 292y at most")
        return cls(seconds)

    def __str__(self) -> str:
        return f"{float(self):g}s"


class Interval(Duration):
    """A duration above zero."""

    @classmethod
    def parse(cls, raw: object) -> Interval:
        """Raise ValueError with a sentence if ``raw`` is no duration above zero."""
        value = cls(Duration.parse(raw))
        if value <= 0:
            raise ValueError("must be above 0s")
        return value


class Name(str):
    """A name that can stand in a label and in a path."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Name:
        """Raise ValueError with a sentence if ``raw`` is no such name."""
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is not a name; quote it")
        if not 0 < len(raw) <= 63 or "/" in raw or not raw.isprintable():
            raise ValueError("must have 1 to 63 printable characters and no slash")
        if raw in (".", ".."):
            raise ValueError("a browser takes '.' and '..' for a step in a path; choose another name")
        return cls(raw)


class WholeNumber(int):
    """A number from ``least`` to ``most``."""

    least: ClassVar[int] = 0
    most: ClassVar[int] = 1_000_000

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Raise ValueError with a sentence if ``raw`` is no such number."""
        text = str(raw)
        if isinstance(raw, bool) or not text.isdecimal() or len(text) > 18 or not cls.least <= int(text) <= cls.most:
            raise ValueError(f"{raw!r} is not a whole number from {cls.least} to {cls.most}")
        return cls(text)


class Concurrency(WholeNumber):
    """How much may be under way at once."""

    least = 1
    most = 1000


class Positive(WholeNumber):
    """A number of things of which there is at least one."""

    least = 1


class Size(int):
    """A number of bytes, written as in Prometheus: ``256MiB``, ``512KB``; units are powers of 1024."""

    @classmethod
    def parse(cls, raw: object) -> Size:
        """Raise ValueError with a sentence if ``raw`` is no size above zero."""
        match = _SIZE.fullmatch(raw) if isinstance(raw, str) else None
        if match:
            raw = int(match[1]) * _SIZE_UNITS[(match[2] or "B").replace("i", "")]
        if not isinstance(raw, int) or isinstance(raw, bool) or not 0 < raw < 2**63:
            raise ValueError(f"{raw!r} is not a size; write it as 256MiB, 512KiB or a number of bytes")
        return cls(raw)


class Pattern:
    """A regular expression that must match a whole name, as in Prometheus' relabelling."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._regex = re.compile(text, re.DOTALL)  # as Prometheus: a name with a line break is a name

    @classmethod
    def parse(cls, raw: object) -> Pattern:
        """Raise ValueError with a sentence if ``raw`` is no regular expression."""
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is not a regular expression; quote it")
        try:
            return cls(raw)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{raw!r} is not a regular expression: {error}") from error

    def matches(self, name: str) -> bool:
        """Whether the whole of ``name`` matches."""
        return self._regex.fullmatch(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


class Secret:
    """A text that shows itself only when asked to: printed, logged or dumped it is ``<secret>``."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, raw: object) -> Secret:
        """Raise ValueError with a sentence, which never holds the value, if ``raw`` is no text."""
        if not isinstance(raw, str) or not raw:
            raise ValueError("not a text; quote it")
        return cls(raw)

    def reveal(self) -> str:
        """The text itself: for the request that needs it and nothing else."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<secret>"


class Url(str):
    """The http or https address of a server, without user, query and fragment; no slash at its end."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Url:
        """Raise ValueError with a sentence if ``raw`` is no such address."""
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is not a URL; write it as http://host:port")
        if "@" in raw:  # before anything could repeat it
            raise ValueError("a URL with a user or password in it; use authorization instead")
        try:
            parts = urlsplit(raw)
            port_is_valid = parts.port != 0
        except ValueError:
            raise ValueError("not a URL; write it as http://host:port") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
            raise ValueError(f"{raw!r} is not a URL; write it as http://host:port or https://host")
        if any(c in "?#" or c.isspace() for c in raw):
            raise ValueError("a URL with a query, a fragment or a space; leave it out")
        return cls(raw.rstrip("/"))


class FilePath(str):
    """The path of a file, relative to the folder of the config file."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> FilePath:
        """Raise ValueError with a sentence if ``raw`` is no text."""
        if not isinstance(raw, str) or not raw or "\0" in raw or not _can_be_written(raw):
            raise ValueError(f"{raw!r} is not the path of a file")
        return cls(raw)

    def within(self, folder: Path) -> FilePath:
        """The same file as seen from anywhere."""
        return FilePath(folder / self)


def _can_be_written(text: str) -> bool:
    """Whether UTF-8 can hold it; YAML's ``"\\ud800"`` is half a character."""
    return not any("\ud800" <= c <= "\udfff" for c in text)
