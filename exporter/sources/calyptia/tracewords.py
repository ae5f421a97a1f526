"""Trace sessions and records in the exporter's words: Go durations, times in four forms, codes of outputs."""

from __future__ import annotations

import re
from typing import TypeGuard

import msgspec

from exporter.model import TraceRecord, TraceResult, TraceSession, parse_time
from exporter.sources.calyptia.wire import TraceRow, TraceSessionRow
from exporter.sources.labels import label_text

_STAGES = {1: "input", 2: "filter", 3: "pre_output", 4: "output"}
_OUTPUT = 4
_RESULTS: dict[int, TraceResult] = {0: "zero", 1: "ok", 2: "retry"}
"""Fluent Bit's FLB_ERROR, FLB_OK, FLB_RETRY; a zero may also be a server's value for nothing."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)((?:{_PART.pattern})+)")
_NANOSECOND = 1e-9
_LONGEST_LAG_SECONDS = 86400.0
_LONGEST_DURATION_TEXT = 64
_MOST_NANOSECONDS = 2.0**63
_LAST_MOMENT = 253402300799.0  # of the year 9999


def session(row: TraceSessionRow, now: float) -> TraceSession:
    """A session at the control plane's time ``now``; it is active to the last moment of its lifespan."""
    begun, lifespan = parse_time(row.created_at), duration(row.lifespan)
    ends_at = None if begun is None or lifespan is None else begun + max(0.0, lifespan)
    return TraceSession(row.id, ends_at, active=ends_at is not None and ends_at >= now)


def record(row: TraceRow, now: float) -> TraceRecord:
    """A trace record without its payload; one without a time of its own was received ``now``."""
    at = moment(row.created_at) or now
    end = moment(row.end_time)
    seen_at = at if end is None or abs(end - at) > _LONGEST_LAG_SECONDS else end
    plugin = row.plugin_alias or row.plugin_instance
    if not _is_whole(row.type) or not isinstance(plugin, str) or not _has_readable_records(row):
        return TraceRecord(row.id, at, seen_at, malformed=True)
    result = _result(row.return_code) if row.type == _OUTPUT else None
    return TraceRecord(row.id, at, seen_at, _STAGES.get(row.type, "unknown"), label_text(plugin), result)


def duration(raw: str | int | float | None) -> float | None:
    """Seconds of a lifespan: a Go duration, or a number of nanoseconds; None if it is neither, or too long for Go.

    >>> duration("1h30m0.5s")
    5400.5
    """
    if isinstance(raw, str):
        return _go_duration(raw.strip())
    return None if raw is None or not abs(raw) <= _MOST_NANOSECONDS else raw * _NANOSECOND


def _go_duration(text: str) -> float | None:
    match = _DURATION.fullmatch(text) if len(text) <= _LONGEST_DURATION_TEXT else None
    if match is None:
        return 0.0 if text == "0" else None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(match[2]))
    if seconds > _MOST_NANOSECONDS * _NANOSECOND:
        return None
    return -seconds if match[1] == "-" else seconds


def moment(raw: object) -> float | None:
    """Unix seconds of a time as a number, as a number in a text, or in RFC 3339; None for anything else."""
    if isinstance(raw, str):
        try:
            raw = float(raw)
        except ValueError:
            return parse_time(str(raw))
    return float(raw) if _is_number(raw) and 0 < raw <= _LAST_MOMENT else None


def _is_whole(raw: object) -> TypeGuard[int]:
    return isinstance(raw, int) and not isinstance(raw, bool)


def _is_number(raw: object) -> TypeGuard[float]:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def _result(code: object) -> TraceResult:
    return _RESULTS.get(code, "other") if _is_whole(code) else "other"


def _has_readable_records(row: TraceRow) -> bool:
    """Whether ``records`` is a list, null or absent; its first byte tells, and no more of it is looked at."""
    return not isinstance(row.records, msgspec.Raw) or bytes(memoryview(row.records)[:1]) in (b"[", b"n")
