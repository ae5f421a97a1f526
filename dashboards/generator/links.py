"""Where the boards lead: to each other, to the exporter's own pages, to runbooks, to Feldera's own dashboard."""

from __future__ import annotations

from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

TAG = "pipeline-exporter"
FLEET = "pipeline-exporter-fleet"
PIPELINE = "pipeline-exporter-pipeline"
AVAILABILITY = "pipeline-exporter-availability"
EXPORTER = "pipeline-exporter-exporter"
FELDERA = "dbsp"
"""The uid of the dashboard that comes with Feldera."""

RUNBOOKS = "${runbooks_url:raw}"
"""A variable that is not shown: whoever ships runbooks elsewhere has the boards generated for it."""

_KEEP = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"
_ROW = "var-source=${__data.fields.source:percentencode}&var-pipeline_name=${__data.fields.pipeline_name:percentencode}"
_PAGE = "${__data.fields.source:percentencode}/${__data.fields.pipeline:percentencode}"


class Link(NamedTuple):
    """A link on a value; ``${__data.fields…}`` are the fields of its row."""

    title: str
    url: str
    new_tab: bool = False

    def of_data(self) -> dict[str, object]:
        """As a field's property."""
        return {"title": self.title, "url": self.url, "targetBlank": self.new_tab}


BOARD_OF_PIPELINE = Link("The pipeline's board", f"/d/{PIPELINE}?{_ROW}&{_KEEP}")
PAGE_OF_PIPELINE = Link("The exporter's page of the pipeline", f"${{exporter_url:raw}}/pipelines/{_PAGE}", new_tab=True)
RUNBOOK = Link("Runbook", f"{RUNBOOKS}/${{__data.fields.alertname}}.md", new_tab=True)


def dashboard_links(uid: str) -> list[Builder[model.DashboardLink]]:
    """The links at the top of a board."""
    links: list[Builder[model.DashboardLink]] = [
        DashboardLink("Pipelines")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True),
        _outside("Exporter", "${exporter_url:raw}/", "The exporter's own pages"),
        _outside("Runbooks", RUNBOOKS, "What each alert means and what to do"),
    ]
    if uid == PIPELINE:
        feldera = f"/d/{FELDERA}?${{pipeline_name:queryparam}}&${{__url_time_range}}"
        links.append(_outside("Feldera", feldera, "The dashboard that comes with Feldera, where it is imported"))
    return links


def _outside(title: str, url: str, tooltip: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).tooltip(tooltip).target_blank(True)
