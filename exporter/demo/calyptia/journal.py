"""The simulator's own record of what happened, for tests to hold an exporter's counters against."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from exporter.demo.calyptia.wire import StatusRow, TraceRecord

_STAGES = {1: "input", 2: "filter", 3: "pre_output", 4: "output"}
_RESULTS = {0: "error", 1: "ok", 2: "retry"}
_ORIGINS = {"k8s:deployment": "deployment", "k8s:pod": "pod"}
_OUTPUT = 4

Pairs = dict[str, dict[str, int]]


class PipelineCounts(msgspec.Struct):
    """What happened to one pipeline; the nested tables are origin→reason, stage→plugin and plugin→result."""

    name: str
    rows: int = 0
    failures: int = 0
    malformed: int = 0
    transitions: dict[str, int] = msgspec.field(default_factory=dict)
    status_events: Pairs = msgspec.field(default_factory=dict)
    trace_records: Pairs = msgspec.field(default_factory=dict)
    output_results: Pairs = msgspec.field(default_factory=dict)


class _Happening(NamedTuple):
    time: float
    pipeline: str
    family: str
    keys: tuple[str, ...] = ()


def plain_status(status: str) -> str:
    """Read a status as clients should: upper case, cut at the first character other than A-Z and _."""
    return re.split(r"[^A-Z_]", status.strip().upper(), maxsplit=1)[0]


class Journal:
    """Everything countable, with the time it happened; grows as long as the world lives."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._last_status: dict[str, str] = {}
        self._happenings: list[_Happening] = []

    def status_row(self, now: float, pipeline_id: str, name: str, row: StatusRow) -> None:
        """Note a status report: the row, its edge if it is one, and its Kubernetes events."""
        self._names[pipeline_id] = name
        self._note(now, pipeline_id, "rows")
        self._edge(now, pipeline_id, plain_status(row.status))
        for event in row.events or ():
            origin = _ORIGINS.get(event.source, "other")
            self._note(now, pipeline_id, "status_events", origin, event.reason)

    def trace_record(self, now: float, pipeline_id: str, record: TraceRecord) -> None:
        """Note a trace record under its stage and plugin, or as malformed and nowhere else."""
        if is_malformed(record):
            self._note(now, pipeline_id, "malformed")
            return
        plugin = record.plugin_alias or record.plugin_instance
        self._note(now, pipeline_id, "trace_records", _STAGES.get(record.type, "unknown"), plugin)
        if record.type == _OUTPUT:
            self._note(now, pipeline_id, "output_results", plugin, _result(record.return_code))

    def counts(self, since: float = 0.0) -> dict[str, PipelineCounts]:
        """Count what happened at or after `since`, for every pipeline there ever was, by id."""
        counts = {pipeline_id: PipelineCounts(name) for pipeline_id, name in self._names.items()}
        for happening in self._happenings:
            if happening.time >= since:
                _count(counts[happening.pipeline], happening)
        return counts

    def _edge(self, now: float, pipeline_id: str, status: str) -> None:
        before = self._last_status.get(pipeline_id)
        self._last_status[pipeline_id] = status
        if status == before:
            return
        if before is not None:
            self._note(now, pipeline_id, "transitions", status)
        if status == "FAILED":
            self._note(now, pipeline_id, "failures")

    def _note(self, now: float, pipeline_id: str, family: str, *keys: str) -> None:
        self._happenings.append(_Happening(now, pipeline_id, family, keys))


def is_malformed(record: TraceRecord) -> bool:
    """Tell whether `records` is there and yet no list."""
    return not (record.records is msgspec.UNSET or record.records is None or isinstance(record.records, list))


def _result(return_code: int | msgspec.UnsetType | None) -> str:
    return _RESULTS.get(return_code, "other") if isinstance(return_code, int) else "other"


def _count(counts: PipelineCounts, happening: _Happening) -> None:
    family, keys = happening.family, happening.keys
    if not keys:
        setattr(counts, family, getattr(counts, family) + 1)
        return
    table = getattr(counts, family)
    for key in keys[:-1]:
        table = table.setdefault(key, {})
    table[keys[-1]] = table.get(keys[-1], 0) + 1
