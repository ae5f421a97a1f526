"""Families of pipelines that only some control planes have something to say about: replicas, checks, notes, traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exporter.history.logs import Logs
from exporter.history.notes import Notes
from exporter.history.traces import Traces
from exporter.metrics.family import Family, PipelineView, partial_family
from exporter.metrics.text import ending, plain_ending
from exporter.model import Checks


def _traces(view: PipelineView) -> Traces | None:
    return view.history.traces


def _logs(view: PipelineView) -> Logs | None:
    logs = view.history.logs
    return logs if logs is not None and logs.up is not None else None


def _checks(checks: Checks) -> Sequence[str]:
    states = (("total", checks.total), ("ok", checks.ok), ("running", checks.running))
    return [ending((("state", state),), count) for state, count in states]


def _notes(notes: Notes) -> Sequence[str]:
    return _pairs("origin", "reason", notes.counts)


def _pairs(first: str, second: str, counts: Mapping[tuple[str, str], int]) -> Sequence[str]:
    return [ending(((first, a), (second, b)), count) for (a, b), count in counts.items()]


def _session_active(traces: Traces) -> Sequence[str]:
    return (plain_ending(int(traces.session is not None and traces.session.active)),)


def _session_end(traces: Traces) -> Sequence[str]:
    ends_at = traces.session.ends_at if traces.session else None
    return () if ends_at is None else (plain_ending(ends_at),)


def _plain(value: float | None) -> Sequence[str]:
    return () if value is None else (plain_ending(value),)


OPTIONAL_FAMILIES: tuple[Family[PipelineView], ...] = (
    partial_family(
        "pipeline_replicas",
        "gauge",
        "Replicas that the pipeline is to have.",
        (),
        lambda v: v.pipeline.replicas,
        _plain,
    ),
    partial_family(
        "pipeline_checks",
        "gauge",
        "Checks of the pipeline; those that are neither ok nor running failed or have not begun.",
        ("state",),
        lambda v: v.pipeline.checks,
        _checks,
    ),
    partial_family(
        "pipeline_config_changed_timestamp_seconds",
        "gauge",
        "When the newest config of the pipeline was made.",
        (),
        lambda v: v.pipeline.config_changed_at,
        _plain,
    ),
    partial_family(
        "pipeline_status_events_total",
        "counter",
        "Kubernetes events in the status history, by where they come from and their reason.",
        ("origin", "reason"),
        lambda v: v.history.notes,
        _notes,
    ),
    partial_family(
        "pipeline_trace_session_active",
        "gauge",
        "1 while a trace session of the pipeline is active.",
        (),
        _traces,
        _session_active,
    ),
    partial_family(
        "pipeline_trace_session_end_timestamp_seconds",
        "gauge",
        "When the last trace session of the pipeline ends or ended.",
        (),
        _traces,
        _session_end,
    ),
    partial_family(
        "pipeline_trace_last_record_timestamp_seconds",
        "gauge",
        "Newest end time of a trace record.",
        (),
        _traces,
        lambda traces: _plain(traces.last_record_at),
    ),
    partial_family(
        "pipeline_trace_records_total",
        "counter",
        "Well-formed trace records, by stage and plugin; a sample of the traffic, not its volume.",
        ("stage", "plugin"),
        _traces,
        lambda traces: _pairs("stage", "plugin", traces.records),
    ),
    partial_family(
        "pipeline_trace_output_results_total",
        "counter",
        "What became of traced chunks at the outputs; errors are only told once the session has shown an ok.",
        ("plugin", "result"),
        _traces,
        lambda traces: _pairs("plugin", "result", traces.results),
    ),
    partial_family(
        "pipeline_trace_malformed_total",
        "counter",
        "Trace records that cannot be read; they are counted nowhere else.",
        (),
        _traces,
        lambda traces: _plain(traces.malformed),
    ),
    partial_family(
        "pipeline_log_lines_total",
        "counter",
        "Log lines, by the level they carry; unknown: none.",
        ("level",),
        _logs,
        lambda logs: [ending((("level", level),), count) for level, count in logs.lines.items()],
    ),
    partial_family(
        "pipeline_log_panics_total",
        "counter",
        "Log lines that tell of a panic.",
        (),
        _logs,
        lambda logs: _plain(logs.panics),
    ),
    partial_family(
        "pipeline_log_lines_lost_total",
        "counter",
        "Log lines that were gone before they could be read: at least so many; a gap of unknown size counts 1.",
        (),
        _logs,
        lambda logs: _plain(logs.lost),
    ),
    partial_family(
        "pipeline_log_reconnects_total",
        "counter",
        "Times that the log stream was opened again after it had ended.",
        (),
        _logs,
        lambda logs: _plain(logs.reconnects),
    ),
    partial_family(
        "pipeline_log_stream_up",
        "gauge",
        "1 while the log stream is open.",
        (),
        _logs,
        lambda logs: _plain(int(bool(logs.up))),
    ),
    partial_family(
        "pipeline_log_last_line_timestamp_seconds",
        "gauge",
        "Time of the last log line that carries one.",
        (),
        _logs,
        lambda logs: _plain(logs.last_line_at),
    ),
)
