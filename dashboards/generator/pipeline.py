"""The board of one pipeline, or a few: every dimension over time, errors, logs, traces, and Feldera's own metrics."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from dashboards.generator import looks, statuses
from dashboards.generator.board import Board, Panels, Section
from dashboards.generator.codes import DIMENSIONS, HEALTH
from dashboards.generator.columns import Column, with_columns
from dashboards.generator.links import PAGE_OF_PIPELINE
from dashboards.generator.links import PIPELINE as UID
from dashboards.generator.panels import (
    RULES_HINT,
    THIRD,
    Size,
    Text,
    bars,
    graph,
    listing,
    number,
    timeline,
    timeline_of,
    word,
)
from dashboards.generator.pipeline_detail import calyptia, logs, traces
from dashboards.generator.pipeline_feldera import throughput
from dashboards.generator.queries import (
    NAMED,
    PIPELINE,
    Query,
    age,
    increase,
    increase_in_range,
    known_pipelines,
    now,
    once,
    or_zero,
    pipelines,
    rate,
    recorded,
    sources,
)


def board() -> Board:
    """The board."""
    return Board(
        uid=UID,
        title="Pipelines / Pipeline",
        description="Chosen pipelines in full: statuses over time, time in each, errors, logs, traces, throughput.",
        sections=(
            Section("Now", _now()),
            Section("Statuses over time", _timelines()),
            Section("Changes and time", _changes()),
            Section("Errors and signs of life", _errors()),
            Section("Log", logs()),
            Section("Calyptia Core", calyptia(), collapsed=True),
            Section("Traces (Calyptia Core)", traces(), collapsed=True),
            Section("Throughput (Feldera's own metrics)", throughput(), collapsed=True),
        ),
        every_change=True,
    )


def _now() -> Panels:
    return [
        word(
            Text("Health", "One reading of all statuses, for each chosen pipeline."),
            now(recorded(HEALTH.record), NAMED),
            HEALTH.codes,
            size=Size(6, 8),
            none=RULES_HINT,
        ),
        _statuses(),
        _error(),
    ]


def _statuses() -> table.Panel:
    panel = listing(
        Text("Statuses", "Each status now, since when, and what is wanted where the control plane says so."),
        now(statuses.present()),
        now(statuses.wanted()),
        size=Size(12, 8),
    )
    return with_columns(
        panel,
        Column("pipeline_name", links=(PAGE_OF_PIPELINE,)),
        Column("dimension"),
        Column("status"),
        Column("wanted"),
        Column("Value #A", "since", "dateTimeFromNow"),
        Column("source"),
        dropped=("Value #B",),
        hidden=("pipeline",),
    )


def _error() -> table.Panel:
    panel = listing(
        Text("Deployment errors", "The code of each error; the message is on the exporter's page and in its alerts."),
        now(f"max by ({PIPELINE}, error_code) ({pipelines('pipeline_deployment_error_info')})"),
        size=Size(6, 8),
        none="no error is known",
    )
    columns = (Column("pipeline_name", links=(PAGE_OF_PIPELINE,)), Column("error_code"))
    return with_columns(panel, *columns, dropped=("Value",), hidden=("source", "pipeline"))


def _timelines() -> Panels:
    said = "Gaps: nobody knew, the status is null, or this version does not know it."
    health = timeline_of(HEALTH, f"One reading of all statuses. {said}", size=Size(24, 5))
    own = [
        timeline_of(scale, f"Status of the {dimension}. {said}", size=Size(24, 5))
        for dimension, scale in DIMENSIONS.items()
    ]
    return [health, *own]


def _changes() -> Panels:
    moved = increase(pipelines("pipeline_status_transitions_total"))
    share = rate(pipelines("pipeline_status_seconds_total", 'dimension=~"runtime|deployment"'))
    spent = increase_in_range(pipelines("pipeline_status_seconds_total"))
    lasted = once(f"increase({sources('pipeline_status_duration_seconds_bucket')}[$__range])")
    return [
        graph(
            Text("Changes of status", "From the history: changes between two scrapes count, too."),
            Query(f"sum by (dimension, to) ({moved})", "{{dimension}} → {{to}}"),
            events=True,
            size=THIRD,
        ),
        graph(
            Text(
                "Share of time by status",
                "How the time of the chosen pipelines is divided among the statuses of runtime or deployment.",
            ),
            Query(f"sum by (status) ({share}) / ignoring (status) group_left () (sum({share}) > 0)", "{{status}}"),
            unit="percentunit",
            stacked=True,
            colours=looks.colours_of(DIMENSIONS["runtime"], DIMENSIONS["deployment"]),
            size=THIRD,
        ),
        bars(
            Text(
                "Time in each status", "In the time shown, as far as it was watched; summed over the chosen pipelines."
            ),
            now(f"sum by (dimension, status) ({spent})", "{{dimension}} {{status}}"),
            unit="s",
            size=THIRD,
        ),
        bars(
            Text(
                "How long statuses last", "90 % of the stays that ended in the time shown; all pipelines of the source."
            ),
            now(f"histogram_quantile(0.9, sum by (dimension, status, le) ({lasted}))", "{{dimension}} {{status}}"),
            unit="s",
            size=Size(24, 8),
            none="no stay ended",
        ),
    ]


def _errors() -> Panels:
    return [
        timeline(
            Text("Deployment error over time", "Whether the deployment had an error; its code is in the table above."),
            Query(once(pipelines("pipeline_deployment_has_error")), NAMED),
            looks.NO_ERROR_ERROR,
            size=Size(24, 5),
        ),
        number(
            Text("Failures", "Deployments that failed in the time shown."),
            now(_sum_in_range("pipeline_deployment_failures_total")),
            steps=looks.ODD_IF_ANY,
            size=Size(4, 8),
        ),
        number(
            Text("History entries", "Entries of the control plane's history that came in the time shown."),
            now(_sum_in_range("pipeline_events_total")),
            size=Size(4, 8),
        ),
        graph(
            Text("Connector errors", "Errors of all connectors since the process started, as Feldera counts them."),
            Query(once(pipelines("pipeline_connector_errors")), NAMED),
            size=Size(8, 8),
        ),
        graph(
            Text(
                "Last history entry", "Its age. A pipeline that is provisioned writes one every 10 minutes or sooner."
            ),
            Query(age(pipelines("pipeline_last_event_timestamp_seconds")), NAMED),
            unit="s",
            size=Size(8, 8),
        ),
    ]


def _sum_in_range(family: str) -> str:
    return or_zero(f"sum({increase_in_range(pipelines(family))})", known_pipelines())
