"""The lower sections of the exporter's board: control planes, notifications, log streams, the page."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, timeseries

from dashboards.generator import looks
from dashboards.generator.board import Panels
from dashboards.generator.columns import Column, with_columns
from dashboards.generator.panels import LOGS_HINT, THIRD, Size, Text, bars, graph, listing, number, timeline
from dashboards.generator.queries import (
    Query,
    age,
    exporters,
    increase,
    increase_in_range,
    now,
    once,
    or_zero,
    pipelines,
    sources,
)


def platform() -> Panels:
    """What the control planes say about themselves."""
    info = listing(
        Text("Platforms", "What each control plane says it is."),
        now(f"max by (source, version, edition) ({sources('pipeline_platform_info')})"),
        size=Size(6, 6),
    )
    return [
        timeline(
            Text("Services", "Feldera's services and Calyptia's core instances, as they judge themselves."),
            Query(once(sources("pipeline_platform_service_healthy")), "{{source}} {{service}}"),
            looks.DOWN_UP,
            size=Size(12, 6),
        ),
        graph(
            Text("Last check of itself", "Its age. Above 12 minutes nobody checks, and every status may be frozen."),
            Query(age(sources("pipeline_platform_checked_timestamp_seconds")), "{{source}}"),
            unit="s",
            size=Size(6, 6),
        ),
        with_columns(info, Column("source"), Column("version"), Column("edition"), dropped=("Value",)),
    ]


def notifications() -> Panels:
    """Whether the bridge's alerts arrive; each replica posts for itself, and Alertmanager makes one of them."""
    sent = increase(exporters("pipeline_exporter_notifications_total"))
    failed = increase(exporters("pipeline_exporter_notifications_failed_total"))
    dropped = increase(exporters("pipeline_exporter_notifications_dropped_total"))
    return [
        graph(
            Text(
                "Alerts posted",
                "To each Alertmanager, again and again while they fire; of several replicas the larger.",
            ),
            Query(f"sum by (alertmanager) ({sent})", "{{alertmanager}}"),
            events=True,
            size=THIRD,
        ),
        graph(
            Text("Alerts not delivered", "Failed: refused or not answered, tried again. Dropped: the queue was full."),
            Query(f"sum by (alertmanager) ({failed})", "{{alertmanager}} failed"),
            Query(f"sum by (alertmanager) ({dropped})", "{{alertmanager}} dropped"),
            events=True,
            size=THIRD,
        ),
        graph(
            Text("Queue", "Alerts that wait to be posted."),
            Query(once(exporters("pipeline_exporter_notifications_queue_length")), "{{alertmanager}}"),
            size=THIRD,
        ),
    ]


def logs() -> Panels:
    """The log streams of all pipelines together."""
    streams = pipelines("pipeline_log_stream_up")
    down = f"count(max by (source, pipeline) ({streams}) == 0)"
    return [
        graph(
            Text("Log streams", "How many are read."),
            Query(f"sum by (source) ({once(streams)})", "{{source}}"),
            size=Size(10, 6),
            none=LOGS_HINT,
        ),
        graph(
            Text("Reconnects and lost lines", "Lost: at least so many, gone before they could be read."),
            Query(f"sum by (source) ({increase(pipelines('pipeline_log_reconnects_total'))})", "{{source}} reconnects"),
            Query(f"sum by (source) ({increase(pipelines('pipeline_log_lines_lost_total'))})", "{{source}} lost"),
            events=True,
            size=Size(10, 6),
            none=LOGS_HINT,
        ),
        number(
            Text("Streams down", "Log streams that are wanted and not read now."),
            now(or_zero(down, streams)),
            steps=looks.ODD_IF_ANY,
            size=Size(4, 6),
            none=LOGS_HINT,
        ),
    ]


def page() -> Panels:
    """Size and cost of the metrics page, and what was not read or not known."""
    size = Text("Size of the page", "Of each exporter, before compression.")
    series = Text("Samples and pipelines", "Samples on the page of each exporter, and its pipelines of each source.")
    gaps = Text("Histories not read in time", "Pipelines whose history rolled over unread, in the time shown.")
    unknown = Text("Unknown statuses", "Statuses in the time shown that this version does not know: timeline gaps.")
    return [
        graph(size, Query(exporters("pipeline_exporter_exposition_bytes"), "{{instance}}"), unit="bytes", size=THIRD),
        graph(
            series,
            Query(exporters("pipeline_exporter_exposition_series"), "{{instance}} samples"),
            Query(sources("pipeline_exporter_source_pipelines"), "{{instance}} {{source}} pipelines"),
            size=THIRD,
        ),
        _durations(),
        _counted(gaps, "pipeline_exporter_history_gaps_total", "source", "{{source}}"),
        _counted(unknown, "pipeline_exporter_unknown_status_total", "source, dimension", "{{source}} {{dimension}}"),
        _event_loop(),
        _shards(),
        _restarts(),
    ]


def _durations() -> timeseries.Panel:
    rendered = f"rate({exporters('pipeline_exporter_render_duration_seconds_bucket')}[$__rate_interval])"
    return graph(
        Text("Scrape and rendering", "How long a scrape takes, and 95 % of the times the page is put together."),
        Query(exporters("scrape_duration_seconds"), "{{instance}} scrape"),
        Query(f"histogram_quantile(0.95, sum by (instance, le) ({rendered}))", "{{instance}} rendering"),
        unit="s",
        size=THIRD,
    )


def _event_loop() -> timeseries.Panel:
    delays = f"rate({exporters('pipeline_exporter_event_loop_delay_seconds_bucket')}[$__rate_interval])"
    return graph(
        Text("Event loop", "99 % of its delays are shorter; a long one holds up scrapes and polls alike."),
        Query(f"histogram_quantile(0.99, sum by (instance, le) ({delays}))", "{{instance}}"),
        unit="s",
        size=THIRD,
    )


def _shards() -> timeseries.Panel:
    served = f'count_values("shard", {exporters("pipeline_exporter_shard_index")})'
    return graph(
        Text("Shards", "Into how many parts the pipelines are divided, and how many of them somebody serves."),
        Query(f"max({exporters('pipeline_exporter_shards')})", "divided into"),
        Query(f"count({served})", "served"),
        size=Size(16, 5),
    )


def _restarts() -> bargauge.Panel:
    restarts = increase_in_range(exporters("pipeline_exporter_part_restarts_total"))
    return bars(
        Text("Restarted parts", "Parts of the exporter that failed unexpectedly and began again: there are none."),
        now(f"sum by (part) ({restarts})", "{{part}}"),
        steps=looks.ODD_IF_ANY,
        size=Size(8, 5),
    )


def _counted(text: Text, family: str, by: str, legend: str) -> bargauge.Panel:
    query = now(f"sum by ({by}) ({increase_in_range(sources(family))})", legend)
    return bars(text, query, steps=looks.ODD_IF_ANY, size=THIRD)
