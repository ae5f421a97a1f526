"""Feldera's own metrics beside ours: both carry ``pipeline="pipeline-<uuid>"``, and are joined on it alone.

Feldera's come from another job, sometimes without a name, and vanish while a pipeline does not run; so ours choose the
pipelines, and an absent line means that Feldera said nothing, not that nothing flowed.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import timeseries

from dashboards.generator.board import Panels
from dashboards.generator.panels import THIRD, Text, graph
from dashboards.generator.queries import NAMED, PIPELINE, Query, pipelines

METRICS = (
    "records_processed_total",
    "records_input_total",
    "records_input_buffered",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "storage_usage_bytes",
    "input_connector_records_total",
    "input_connector_errors_parse_total",
    "input_connector_errors_transport_total",
    "output_connector_records_total",
    "output_connector_errors_encode_total",
    "output_connector_errors_transport_total",
)
"""The families of Feldera's that these panels need."""

_CHOSEN = f"max by ({PIPELINE}) ({pipelines('pipeline_info')})"


def throughput() -> Panels:
    """Records in and out, what waits, memory, processor and storage."""
    return [
        _graph(
            Text("Records processed", "Records a second that went through the pipeline."),
            {"": _rate("records_processed_total")},
            unit="rps",
        ),
        _graph(
            Text("Records in and waiting", "Records a second that came in; buffered: records that wait."),
            {"in": _rate("records_input_total"), "buffered": _gauge("records_input_buffered")},
        ),
        _graph(
            Text("Connectors", "Records a second of all input connectors and of all output connectors."),
            {"in": _rate("input_connector_records_total"), "out": _rate("output_connector_records_total")},
            unit="rps",
        ),
        _graph(
            Text("Connector errors by kind", "Errors a second of all connectors, by what went wrong."),
            {legend: _rate(family) for legend, family in _ERRORS.items()},
            unit="cps",
        ),
        _graph(
            Text("Memory and storage", "Resident memory of the process, and the storage that it uses."),
            {"memory": _gauge("process_resident_memory_bytes"), "storage": _gauge("storage_usage_bytes")},
            unit="bytes",
        ),
        _graph(
            Text("Processor", "Processors that are kept busy: 1 is one whole core."),
            {"": _rate("process_cpu_seconds_total")},
        ),
    ]


_ERRORS = {
    "parse": "input_connector_errors_parse_total",
    "input transport": "input_connector_errors_transport_total",
    "encode": "output_connector_errors_encode_total",
    "output transport": "output_connector_errors_transport_total",
}


def _graph(text: Text, exprs: Mapping[str, str], *, unit: str = "short") -> timeseries.Panel:
    queries = [Query(_joined(expr), f"{NAMED} {name}".strip()) for name, expr in exprs.items()]
    return graph(text, *queries, unit=unit, size=THIRD)


def _joined(feldera: str) -> str:
    return f"{_CHOSEN} * on (pipeline) group_left () {feldera}"


def _rate(family: str) -> str:
    return _of_pipeline(f"rate({family}[$__rate_interval])")


def _gauge(family: str) -> str:
    return _of_pipeline(family)


def _of_pipeline(expr: str) -> str:
    return f"sum by (pipeline) (max without (job, instance, pod) ({expr}))"
