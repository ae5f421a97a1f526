"""Texts as Alertmanager and the receivers behind it can take them: clean, bounded, times in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """``text`` with a mark for every control character and every half of a surrogate pair; line breaks stay."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, most: int) -> str:
    """A clean text on one line, of at most ``most`` characters.

    >>> one_line("out of  memory", 8)
    'out of …'
    """
    line = _BREAKS.sub(" ", clean(text)).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def cut(text: str, most_bytes: int) -> str:
    """A clean text of at most ``most_bytes`` of UTF-8; what is missing is told at its end.

    >>> cut("x" * 100, 10)
    'xxxxxxxxxx… 90 bytes cut'
    """
    raw = clean(text).encode()
    if len(raw) <= most_bytes:
        return raw.decode()
    kept = raw[:most_bytes].decode(errors="ignore")
    return f"{kept}… {len(raw) - len(kept.encode())} bytes cut"


def rfc3339(seconds: float) -> str:
    """A time as Alertmanager reads it; nothing for one that no calendar has.

    >>> rfc3339(1767225600.25)
    '2026-01-01T00:00:00.250Z'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return ""
