"""Log lines in JSON mode (``FELDERA_LOG_JSON``): read as far as need be, and as leniently as can be."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import msgspec

from exporter.model import parse_time

_MOST_FIELDS = 10


class Head(msgspec.Struct, frozen=True, gc=False):
    """What counts of a line; whatever else is in it is not built."""

    timestamp: Any = None
    level: Any = None

    @property
    def at(self) -> float | None:
        """The time it carries."""
        return parse_time(self.timestamp) if isinstance(self.timestamp, str) else None

    @property
    def word(self) -> str:
        """How it spells its level, in capitals; empty if it has none."""
        return self.level.upper() if isinstance(self.level, str) else ""


_decoder = msgspec.json.Decoder(Head)


def head_of(line: bytes) -> Head | None:
    """Level and time of a line; None: it is no JSON object.

    To fail takes longer than to read, and many lines may begin with a brace: what cannot be one is not tried.
    """
    if not line.rstrip().endswith(b"}"):
        return None
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _object(line) if b'"level"' in line else None
        return Head(found.get("timestamp"), found.get("level")) if found is not None else None


def said(line: bytes) -> str:
    """What a line says to people: its message, and its other fields as in text mode.

    >>> said(b'{"level": "ERROR", "target": "dbsp", "fields": {"message": "no", "error": "broker down", "line": 7}}')
    'dbsp: no error="broker down" line=7'
    """
    found = _object(line) or {}
    target, fields = found.get("target"), found.get("fields")
    rest = dict(fields) if isinstance(fields, dict) else {"message": fields}
    message = _text(rest.pop("message", None)) or _text(rest.pop("line", None)) or _text(found.get("message"))
    # what the bridge from the log crate adds is not shown in text mode either
    more = (f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in rest.items() if key[:4] != "log.")
    text = " ".join((message, *islice(more, _MOST_FIELDS))).strip()
    return f"{target}: {text}" if isinstance(target, str) and target else text


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _object(line: bytes) -> dict[str, Any] | None:
    """The whole of it, with what msgspec refuses: bytes that are no UTF-8, halves of characters, NaN."""
    try:
        found = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
