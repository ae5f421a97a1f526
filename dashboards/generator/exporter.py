"""The board of the exporter itself: is what it says fresh, what does it cost, and do its alerts arrive."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.common import BigValueTextMode

from dashboards.generator import looks
from dashboards.generator.board import Board, Panels, Section
from dashboards.generator.exporter_detail import logs, notifications, page, platform
from dashboards.generator.links import EXPORTER
from dashboards.generator.panels import HALF, SCRAPE_HINT, THIRD, Size, Text, graph, number, timeline, word
from dashboards.generator.queries import (
    Query,
    age,
    exporters,
    increase,
    known_pipelines,
    known_sources,
    now,
    once,
    or_zero,
    rate,
    sources,
)

_AGE = age(sources("pipeline_exporter_task_last_success_timestamp_seconds"))
_POLL = sources("pipeline_exporter_source_poll_interval_seconds")
_TASK = "{{source}} {{task}}"
_NOT_GOOD = 'code!~"2.."'


def board() -> Board:
    """The board."""
    return Board(
        uid=EXPORTER,
        title="Pipelines / Exporter",
        description="The exporter itself: freshness of its sources, requests, durations, notifications, its page.",
        sections=(
            Section("Now", _now()),
            Section("Freshness", _freshness()),
            Section("Requests to the control planes", _requests()),
            Section("Control planes", platform()),
            Section("Notifications of the bridge", notifications()),
            Section("Log streams", logs()),
            Section("The page", page()),
        ),
    )


def _now() -> Panels:
    return [
        word(
            Text("Scrapes", "Whether Prometheus reaches each exporter."),
            now(exporters("up"), "{{instance}}"),
            looks.DOWN_UP,
        ),
        number(
            Text("Sources down", "Control planes whose last read of the statuses failed, at every replica."),
            now(or_zero(f"count(max by (source) ({known_sources()}) == 0)", known_sources())),
            steps=looks.BAD_IF_ANY,
        ),
        number(
            Text("Pipelines", "Pipelines exported; those of all shards, and one that several replicas read once."),
            now(or_zero(f"count(max by (source, pipeline) ({known_pipelines()}))", f"{known_sources()} == 1")),
        ),
        word(
            Text("Config", "Whether each exporter's last load of the config file worked."),
            now(exporters("pipeline_exporter_config_last_reload_successful"), "{{instance}}"),
            looks.FAILED_OK,
        ),
        word(
            Text("State file", "Whether each exporter can write its state; if not, it goes on from memory."),
            now(exporters("pipeline_exporter_state_last_write_successful"), "{{instance}}"),
            looks.FAILED_OK,
        ),
        _version(),
    ]


def _version() -> stat.Panel:
    builds = f"count by (version) ({exporters('pipeline_exporter_build_info')})"
    panel = number(Text("Versions", "Exporters by version."), now(builds, "{{version}}"))
    return panel.text_mode(BigValueTextMode.VALUE_AND_NAME)


def _freshness() -> Panels:
    polled = age(sources("pipeline_exporter_task_last_success_timestamp_seconds", 'task="poll"'))
    late = f"({polled}) / ignoring (task) {once(_POLL)}"
    return [
        timeline(
            Text("Sources", "Whether the last read of the statuses worked, at each replica."),
            Query(sources("pipeline_exporter_source_up"), "{{source}} at {{instance}}"),
            looks.DOWN_UP,
            size=Size(24, 6),
            none=SCRAPE_HINT,
        ),
        graph(
            Text("Last success of each task", "Age; of several replicas the freshest."),
            Query(_AGE, _TASK),
            unit="s",
            size=HALF,
        ),
        graph(
            Text("Polls behind", "Age of the statuses by the configured interval: 1 or 2 is fresh, 5 is stale."),
            Query(late, "{{source}}"),
            size=HALF,
        ),
    ]


def _requests() -> Panels:
    requests = rate(sources("pipeline_exporter_api_requests_total"))
    all_requests = f"sum by (source) ({requests})"
    bad = f"sum by (source) ({rate(sources('pipeline_exporter_api_requests_total', _NOT_GOOD))})"
    failures = increase(sources("pipeline_exporter_task_failures_total"))
    buckets = f"rate({sources('pipeline_exporter_task_duration_seconds_bucket')}[$__rate_interval])"
    return [
        graph(
            Text("Requests", "A second, by endpoint; replicas ask on their own, so of several the busiest is shown."),
            Query(f"sum by (source, endpoint) ({requests})", "{{source}} {{endpoint}}"),
            unit="reqps",
            size=HALF,
        ),
        graph(
            Text("Share of requests that failed", "Answers other than 2xx, and requests without an answer."),
            Query(f"({bad} or 0 * {all_requests}) / ({all_requests} > 0)", "{{source}}"),
            unit="percentunit",
            size=HALF,
        ),
        graph(
            Text("Failures of tasks by reason", "Failures of a task, or of a part of it."),
            Query(f"sum by (source, task, reason) ({failures}) > 0", "{{source}} {{task}} {{reason}}"),
            events=True,
            size=THIRD,
            none="no failure",
        ),
        graph(
            Text("Duration of tasks", "95 % of the runs are shorter; all replicas together."),
            Query(f"histogram_quantile(0.95, sum by (source, task, le) ({buckets}))", _TASK),
            unit="s",
            size=THIRD,
        ),
        graph(
            Text("Bytes read", "A second, after decompression."),
            Query(f"sum by (source) ({rate(sources('pipeline_exporter_api_response_bytes_total'))})", "{{source}}"),
            unit="Bps",
            size=THIRD,
        ),
    ]
