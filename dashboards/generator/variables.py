"""The variables at the top of every board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import (
    ConstantVariable,
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableModel, VariableOption, VariableRefresh, VariableSort

from dashboards.generator.queries import exporters, sources

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


class Places(NamedTuple):
    """Where links outside of Grafana lead."""

    exporter: str = "http://localhost:10777"
    runbooks: str = "https://github.com/pipeline-exporter/pipeline-exporter/blob/main/docs/runbooks"


USUAL = Places()


def variables(places: Places) -> list[Builder[VariableModel]]:
    """All of them; ``pipeline_name`` is also the name on Feldera's own dashboard, so that links carry over."""
    return [
        DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _query("job", "Job", "pipeline_exporter_build_info", "job"),
        _query("instance", "Instance", 'pipeline_exporter_build_info{job=~"$job"}', "instance"),
        _query("source", "Source", exporters("pipeline_info"), "source"),
        _query("pipeline_name", "Pipeline", sources("pipeline_info"), "pipeline_name"),
        TextBoxVariable("exporter_url")
        .label("Exporter URL")
        .description("Where a browser finds the exporter's own pages; links lead there.")
        .default_value(places.exporter)
        .current(VariableOption(text=places.exporter, value=places.exporter)),
        ConstantVariable("runbooks_url")
        .label("Runbooks URL")
        .description("Where the runbooks of the alerts are.")
        .value(places.runbooks),
    ]


def names() -> Sequence[str]:
    """The variables that narrow queries, in their order."""
    return ("job", "instance", "source", "pipeline_name")


def _query(name: str, label: str, selector: str, wanted: str) -> QueryVariable:
    query = f"label_values({selector}, {wanted})"
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
