"""The sections of a pipeline's board that only some pipelines have something to say in: log, Calyptia Core, traces."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import bargauge, timeseries

from dashboards.generator import looks
from dashboards.generator.board import Panels
from dashboards.generator.panels import LOGS_HINT, NOTHING, THIRD, Size, Text, bars, graph, timeline
from dashboards.generator.queries import NAMED, Query, age, increase, increase_in_range, now, once, pipelines

_QUARTER = Size(6, 8)

_LEVELS = {
    "error": "red",
    "warn": "orange",
    "info": "green",
    "debug": "blue",
    "trace": "super-light-blue",
    "unknown": "#8e8e8e",
}


def logs() -> Panels:
    """What the pipeline's log says, where log streams are configured."""
    levels = Text("Log lines by level", "Lines read from the log stream; unknown: no level, as in backtraces.")
    last = Text("Last log line", "Age of the newest line; a quiet pipeline has nothing to say: see the stream.")
    stream = Text("Log stream", "Whether the log is being read.")
    return [
        _counted(levels, "pipeline_log_lines_total", "level", colours=_LEVELS, none=LOGS_HINT),
        _log_troubles(),
        _each(last, age(pipelines("pipeline_log_last_line_timestamp_seconds")), THIRD, none=LOGS_HINT),
        timeline(
            stream,
            Query(once(pipelines("pipeline_log_stream_up")), NAMED),
            looks.DOWN_UP,
            size=Size(24, 5),
            none=LOGS_HINT,
        ),
    ]


def calyptia() -> Panels:
    """Replicas, checks, Kubernetes events and config changes."""
    checks = Text("Checks", "Checks of the pipeline; those neither ok nor running failed or have not begun.")
    replicas = Text("Replicas", "Replicas that the pipeline is to have.")
    return [
        graph(
            checks,
            Query(f"sum by (state) ({once(pipelines('pipeline_checks'))})", "{{state}}"),
            size=_QUARTER,
        ),
        _each(replicas, once(pipelines("pipeline_replicas")), _QUARTER, unit="short"),
        _kubernetes(),
        bars(
            Text("Last change of the config", "Time since the newest config of the pipeline was made."),
            now(age(pipelines("pipeline_config_changed_timestamp_seconds")), NAMED),
            unit="s",
            size=_QUARTER,
        ),
    ]


def traces() -> Panels:
    """What trace sessions show: a sample, so these say what flows, not how much."""
    stages = Text("Trace records by stage", "Well-formed records of trace sessions: a sample, no volume.")
    results = Text("Results at the outputs", "What became of traced chunks; errors only after a first ok.")
    broken = Text("Malformed records", "Records that cannot be read; some are normal, and they count nowhere else.")
    session = Text("Trace session", "Whether a session is active.")
    ends = Text("Session ends in", "Time left of the last session; negative: it is over.")
    last = Text("Last trace record", "Age of the newest record.")
    left = f"{once(pipelines('pipeline_trace_session_end_timestamp_seconds'))} - time()"
    return [
        _counted(stages, "pipeline_trace_records_total", "stage, plugin"),
        _counted(results, "pipeline_trace_output_results_total", "plugin, result"),
        _counted(broken, "pipeline_trace_malformed_total", "pipeline_name"),
        timeline(
            session, Query(once(pipelines("pipeline_trace_session_active")), NAMED), looks.NO_YES, size=Size(12, 6)
        ),
        _each(ends, left, Size(6, 6), signed=True),
        _each(last, age(pipelines("pipeline_trace_last_record_timestamp_seconds")), Size(6, 6)),
    ]


def _counted(
    text: Text, family: str, by: str, *, colours: Mapping[str, str] | None = None, none: str = NOTHING
) -> timeseries.Panel:
    query = Query(f"sum by ({by}) ({increase(pipelines(family))})", _legend(by))
    return graph(text, query, events=True, colours=colours, size=THIRD, none=none)


def _each(
    text: Text, expr: str, size: Size, *, unit: str = "s", signed: bool = False, none: str = NOTHING
) -> timeseries.Panel:
    return graph(text, Query(expr, NAMED), unit=unit, signed=signed, size=size, none=none)


def _legend(by: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by.split(", "))


def _log_troubles() -> timeseries.Panel:
    families = {
        "panics": "pipeline_log_panics_total",
        "lost": "pipeline_log_lines_lost_total",
        "reconnects": "pipeline_log_reconnects_total",
    }
    queries = [
        Query(f"sum by (pipeline_name) ({increase(pipelines(family))})", f"{{{{pipeline_name}}}} {name}")
        for name, family in families.items()
    ]
    text = Text("Panics, lost lines, reconnects", "Panics in the log; lines gone before they were read; reconnects.")
    return graph(text, *queries, events=True, size=THIRD, none=LOGS_HINT)


def _kubernetes() -> bargauge.Panel:
    events = increase_in_range(pipelines("pipeline_status_events_total"))
    return bars(
        Text("Kubernetes events", "In the time shown, by where they come from and their reason."),
        now(f"sum by (origin, reason) ({events})", "{{origin}} {{reason}}"),
        steps=looks.ODD_IF_ANY,
        size=_QUARTER,
    )
