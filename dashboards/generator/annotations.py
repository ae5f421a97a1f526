"""What is marked on every graph: alerts that fire, deployments that failed, statuses that changed."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.generator.codes import BAD, FAILED, WORKING
from dashboards.generator.queries import EVENT_STEP, increase, pipelines
from dashboards.generator.variables import DATASOURCE


def firing(severities: str = "critical|warning") -> str:
    """Alerts of the rules that fire; one without a source or a pipeline is about all of them."""
    return (
        f'ALERTS{{alertstate="firing",alertname=~"Pipeline.+",severity=~"{severities}",'
        f'source=~"|$source",pipeline_name=~"|$pipeline_name"}}'
    )


_SINCE = f"max by (source, pipeline_name, dimension) ({pipelines('pipeline_status_since_timestamp_seconds')})"


def marks(*, every_change: bool) -> list[Builder[model.AnnotationQuery]]:
    """All of them; changes of status are shown from the start only where that is asked for: a fleet has many."""
    return [
        _query("Alerts", FAILED, firing(), "{{alertname}}", "{{source}} {{pipeline_name}} ({{severity}})"),
        _query("Failures", BAD, f"{_FAILED} > 0", "Deployment failed", "{{source}} / {{pipeline_name}}"),
        _query("Status changes", WORKING, _CHANGED, "{{dimension}} changed", "{{source}} / {{pipeline_name}}")
        .use_value_for_time(True)
        .enable(every_change),
    ]


_FAILED = increase(pipelines("pipeline_deployment_failures_total"))
_CHANGED = f"{_SINCE} * 1000 > $__from"
"""The value is the time of the change, in milliseconds: exact, whenever it was scraped."""


def _query(name: str, colour: str, expr: str, title: str, text: str) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(colour)
        .expr(expr)
        .step(EVENT_STEP)
        .title_format(title)
        .text_format(text)
        .tag_keys("source,pipeline_name,dimension,severity")
    )
