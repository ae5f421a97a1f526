"""The board of all pipelines: how many are in which state, which changed, what failed, and who has been told."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, stat, timeseries

from dashboards.generator import looks, statuses
from dashboards.generator.annotations import firing as alerts_firing
from dashboards.generator.board import Board, Panels, Section
from dashboards.generator.codes import DIMENSIONS, HEALTH
from dashboards.generator.columns import Column, largest_first, with_columns
from dashboards.generator.fleet_pipelines import LINKS, MOST, every, first
from dashboards.generator.links import FLEET, RUNBOOK
from dashboards.generator.panels import (
    FEW_POINTS,
    RULES_HINT,
    THIRD,
    WIDE,
    Size,
    Text,
    alerts,
    bars,
    graph,
    listing,
    named_codes,
    number,
)
from dashboards.generator.queries import (
    Query,
    exporters,
    increase,
    increase_in_range,
    known_pipelines,
    known_sources,
    now,
    or_zero,
    pipelines,
    recorded,
    sources,
)

_NO_WATCHDOG = 'alertname!="PipelineExporterWatchdog"'


def board() -> Board:
    """The board."""
    return Board(
        uid=FLEET,
        title="Pipelines / Fleet",
        description="All pipelines of all control planes: health, statuses, what changed, what failed, who was told.",
        sections=(
            Section("Now", _now()),
            Section("Counts", _counts()),
            Section(f"The {MOST} pipelines to look at first", first()),
            Section("Every pipeline", every(), collapsed=True),
            Section("What happened", _what_happened()),
            Section("Alerts", _alerts()),
        ),
    )


def _now() -> Panels:
    failures = increase_in_range(pipelines("pipeline_deployment_failures_total"))
    unknown = increase_in_range(sources("pipeline_exporter_unknown_status_total"))
    return [
        number(
            Text("Pipelines", "Pipelines that are known; one that several replicas of the exporter read counts once."),
            now(or_zero(f"count(max by (source, pipeline) ({known_pipelines()}))", f"{known_sources()} == 1")),
        ),
        _of_health("failed", "Pipelines with a deployment error or with a program that does not compile.", True),
        _of_health("unhealthy", "Pipelines that should work and cannot be reached or fail their checks.", False),
        number(
            Text("Failures", "Deployments that failed in the time shown, from the control planes' histories."),
            now(or_zero(f"sum({failures})", known_pipelines())),
            steps=looks.ODD_IF_ANY,
        ),
        number(
            Text("Sources down", "Control planes whose last read failed; their pipelines are shown as last known."),
            now(or_zero(f"count(max by (source) ({known_sources()}) == 0)", known_sources())),
            steps=looks.BAD_IF_ANY,
        ),
        number(
            Text("Unknown statuses", "Statuses seen in the time shown that this version does not know: timeline gaps."),
            now(or_zero(f"sum({unknown})", known_sources())),
            steps=looks.ODD_IF_ANY,
        ),
    ]


def _of_health(health: str, description: str, serious: bool) -> stat.Panel:
    selector = pipelines("pipeline_health", f'health="{health}"')
    query = now(or_zero(f"count(max by (source, pipeline) ({selector} == 1))", known_pipelines()))
    return number(
        Text(health.capitalize(), description), query, steps=looks.BAD_IF_ANY if serious else looks.ODD_IF_ANY
    )


def _counts() -> Panels:
    return [_by_health(), *map(_by_status, DIMENSIONS, (4, 6, 5, 4, 5))]


def _by_health() -> timeseries.Panel:
    panel = graph(
        Text("Pipelines by health", "How many pipelines are in which health, over all control planes."),
        Query(f'count_values("code", {recorded(HEALTH.record)})', "{{code}}"),
        stacked=True,
        size=WIDE,
        none=RULES_HINT,
    )
    return named_codes(panel, HEALTH.codes).max_data_points(FEW_POINTS)


def _by_status(dimension: str, width: int) -> bargauge.Panel:
    scale = DIMENSIONS[dimension]
    present = f"max by (source, pipeline, status) ({pipelines(scale.family)} == 1)"
    return bars(
        Text(f"By {dimension}", f"Pipelines in each status of their {dimension} now; unknown statuses included."),
        now(f"count by (status) ({present})", "{{status}}"),
        colours=looks.colours_of(scale),
        size=Size(width, 8),
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
        Column("pipeline_name", links=LINKS),
        Column("dimension"),
        Column("status"),
    )
    changes = largest_first(with_columns(changes, *columns, hidden=("pipeline",)), "began")
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
        now(f"max by (alertname, severity, source, pipeline_name) ({alerts_firing('critical|warning|info')})"),
        size=THIRD,
        none="no alert fires, or the rules of alerts/rules are not loaded",
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
            none="no data: does the exporter post alerts? (section alerting)",
        ),
    ]
