"""The board of all pipelines: how many are in which state, which changed, what failed, and who has been told."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table

from dashboards.generator import looks, statuses
from dashboards.generator.annotations import FIRING
from dashboards.generator.board import Board, Panels, Section
from dashboards.generator.codes import DIMENSIONS, HEALTH
from dashboards.generator.columns import Column, newest_first, with_columns
from dashboards.generator.links import BOARD_OF_PIPELINE, FLEET, PAGE_OF_PIPELINE, RUNBOOK
from dashboards.generator.panels import (
    THIRD,
    WIDE,
    Size,
    Text,
    alerts,
    bars,
    graph,
    listing,
    number,
    timeline_of,
)
from dashboards.generator.queries import (
    PIPELINE,
    Query,
    age,
    exporters,
    increase,
    increase_in_range,
    now,
    or_zero,
    pipelines,
    recorded,
    sources,
)

_NO_WATCHDOG = 'alertname!="PipelineExporterWatchdog"'
_LINKS = (BOARD_OF_PIPELINE, PAGE_OF_PIPELINE)


def board() -> Board:
    """The board."""
    return Board(
        uid=FLEET,
        title="Pipelines / Fleet",
        description="All pipelines of all control planes: health, statuses, what changed, what failed, who was told.",
        sections=(
            Section("Now", _now()),
            Section("Counts", _counts()),
            Section("Every pipeline", [_timeline(), _table()]),
            Section("What happened", _what_happened()),
            Section("Alerts", _alerts()),
        ),
    )


def _now() -> Panels:
    return [
        number(
            Text("Pipelines", "Pipelines that are known; one that several replicas of the exporter read counts once."),
            now(or_zero(f"count(max by (source, pipeline) ({pipelines('pipeline_info')}))")),
        ),
        _of_health("failed", "Pipelines with a deployment error or with a program that does not compile.", True),
        _of_health("unhealthy", "Pipelines that should work and cannot be reached or fail their checks.", False),
        number(
            Text("Failures", "Deployments that failed in the time shown, from the control planes' histories."),
            now(or_zero(f"sum({increase_in_range(pipelines('pipeline_deployment_failures_total'))})")),
            steps=looks.ODD_IF_ANY,
        ),
        number(
            Text("Sources down", "Control planes whose last read failed; their pipelines are shown as last known."),
            now(or_zero(f"count(max by (source) ({sources('pipeline_exporter_source_up')}) == 0)")),
            steps=looks.BAD_IF_ANY,
        ),
        number(
            Text("Unknown statuses", "Statuses seen in the time shown that this version does not know: timeline gaps."),
            now(or_zero(f"sum({increase_in_range(sources('pipeline_exporter_unknown_status_total'))})")),
            steps=looks.ODD_IF_ANY,
        ),
    ]


def _of_health(health: str, description: str, serious: bool) -> stat.Panel:
    selector = pipelines("pipeline_health", f'health="{health}"')
    query = now(or_zero(f"count(max by (source, pipeline) ({selector} == 1))"))
    return number(
        Text(health.capitalize(), description), query, steps=looks.BAD_IF_ANY if serious else looks.ODD_IF_ANY
    )


def _counts() -> Panels:
    present = f"max by (source, pipeline, health) ({pipelines('pipeline_health')} == 1)"
    health = graph(
        Text("Pipelines by health", "How many pipelines are in which health, over all control planes."),
        Query(f"count by (health) ({present})", "{{health}}"),
        stacked=True,
        colours=looks.colours_of(HEALTH),
        size=WIDE,
    )
    return [health, *map(_by_status, DIMENSIONS, (4, 6, 5, 4, 5))]


def _by_status(dimension: str, width: int) -> bargauge.Panel:
    scale = DIMENSIONS[dimension]
    present = f"max by (source, pipeline, status) ({pipelines(scale.family)} == 1)"
    return bars(
        Text(f"By {dimension}", f"Pipelines in each status of their {dimension} now; unknown statuses included."),
        now(f"count by (status) ({present})", "{{status}}"),
        colours=looks.colours_of(scale),
        size=Size(width, 8),
    )


def _timeline() -> statetimeline.Panel:
    return timeline_of(
        HEALTH,
        "One row a pipeline, across all control planes. A gap: nobody knew, or a status this version does not know.",
        size=Size(24, 12),
    )


def _table() -> table.Panel:
    def best(expr: str, *labels: str) -> Query:
        return now(f"max by ({', '.join((PIPELINE, *labels))}) ({expr})")

    panel = listing(
        Text("All pipelines", "Every pipeline: statuses, errors and the last sign of life; its name is a link."),
        *(best(recorded(scale.record)) for scale in (HEALTH, *DIMENSIONS.values())),
        best(pipelines("pipeline_deployment_error_info"), "error_code"),
        best(increase_in_range(pipelines("pipeline_deployment_failures_total"))),
        best(pipelines("pipeline_connector_errors")),
        now(age(f"max by ({PIPELINE}) ({pipelines('pipeline_last_event_timestamp_seconds')})")),
        size=Size(24, 14),
    )
    words = [
        Column(f"Value #{ref}", s.title, codes=s.codes) for ref, s in zip("BCDEF", DIMENSIONS.values(), strict=True)
    ]
    return with_columns(
        panel,
        Column("source"),
        Column("pipeline_name", links=_LINKS, width=220),
        Column("Value #A", "health", codes=HEALTH.codes),
        *words,
        Column("error_code"),
        Column("Value #H", "failures", "short", steps=looks.ODD_IF_ANY),
        Column("Value #I", "connector errors", "short", steps=looks.ODD_IF_ANY),
        Column("Value #J", "last event", "dtdurations"),
        Column("pipeline", links=_LINKS),
        dropped=("Value #G",),
    )


def _what_happened() -> Panels:
    changes = listing(
        Text("Latest changes", "The 50 statuses that began last, with the control plane's own time."),
        now(f"topk(50,\n{statuses.present()}\n)"),
        size=Size(12, 10),
    )
    columns = (
        Column("Value", "began", "dateTimeFromNow"),
        Column("source"),
        Column("pipeline_name", links=_LINKS),
        Column("dimension"),
        Column("status"),
    )
    changes = newest_first(with_columns(changes, *columns, dropped=("job",), hidden=("pipeline",)), "began")
    failed = increase(pipelines("pipeline_deployment_failures_total"))
    moved = increase(pipelines("pipeline_status_transitions_total"))
    failures = graph(
        Text("Failures over time", "Deployments that failed, from the histories: those between two scrapes, too."),
        Query(f"sum by (source) ({failed})", "{{source}}"),
        events=True,
        size=Size(6, 10),
    )
    transitions = graph(
        Text("Changes of status", "By the dimension that changed, from the histories: those between two scrapes, too."),
        Query(f"sum by (dimension) ({moved})", "{{dimension}}"),
        events=True,
        size=Size(6, 10),
    )
    return [changes, failures, transitions]


def _alerts() -> Panels:
    firing = listing(
        Text("Firing in Prometheus", "Alerts of the rules, with links to their runbooks; the bridge's are beside it."),
        now(f"max by (alertname, severity, source, pipeline_name) ({FIRING})"),
        size=THIRD,
    )
    columns = (Column("alertname", links=(RUNBOOK,)), Column("severity"), Column("source"), Column("pipeline_name"))
    bridge = f"max by (alertname) ({exporters('pipeline_exporter_alerts_firing', _NO_WATCHDOG)})"
    return [
        alerts(
            Text("Alerts in Grafana", "What Grafana's own alerting and the data source say about pipelines."), THIRD
        ),
        with_columns(firing, *columns, dropped=("Value",)),
        bars(
            Text(
                "Firing at the bridge", "Alerts that the exporter itself posts; of several replicas the larger number."
            ),
            now(bridge, "{{alertname}}"),
            steps=looks.ODD_IF_ANY,
            size=THIRD,
        ),
    ]
