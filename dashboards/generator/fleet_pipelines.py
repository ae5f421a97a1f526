"""The sections of the fleet's board with a row for each pipeline: those to look at first, and, if asked for, all."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.builders import statetimeline, table

from dashboards.generator import looks
from dashboards.generator.board import Panels
from dashboards.generator.codes import DIMENSIONS, HEALTH, NEED
from dashboards.generator.columns import Column, largest_first, with_columns
from dashboards.generator.links import BOARD_OF_PIPELINE, PAGE_OF_PIPELINE
from dashboards.generator.panels import FEW_POINTS, RULES_HINT, Size, Text, listing, timeline, timeline_of
from dashboards.generator.queries import NAMED, PIPELINE, Query, age, increase_in_range, now, pipelines, recorded

MOST = 100
"""How many pipelines are shown one by one when the board is opened: of thousands each would cost a row and a query."""

LINKS = (BOARD_OF_PIPELINE, PAGE_OF_PIPELINE)

_HEALTH = recorded(HEALTH.record)
_ORDER = "failed, then unhealthy, then unknown or on the way, then the others"


def first() -> Panels:
    """The pipelines that want attention most, and as many others as there is room for."""
    text = Text(
        f"First {MOST} pipelines", f"As many as that: {_ORDER}. Statuses, errors, last sign of life; with links."
    )
    return [_first_over_time(), _table(text, _first)]


def every() -> Panels:
    """Every pipeline, which of thousands takes Prometheus and the browser a while."""
    said = "One row a pipeline, across all control planes. A gap: nobody knew, or a status this version does not know."
    text = Text("All pipelines", f"{_ORDER.capitalize()}: statuses, errors and the last sign of life; with links.")
    return [timeline_of(HEALTH, said, size=Size(24, 12)), _table(text, lambda expr: expr)]


def _first_over_time() -> statetimeline.Panel:
    panel = timeline(
        Text(
            f"Health over time, first {MOST}",
            f"As it is at the end: {_ORDER}. A gap: nobody knew, or a status this version does not know.",
        ),
        Query(_first(_HEALTH), NAMED),
        HEALTH.codes,
        size=Size(24, 12),
        none=RULES_HINT,
    )
    return panel.max_data_points(FEW_POINTS)


def _first(expr: str) -> str:
    return f"{expr} and on (source, pipeline) topk({MOST}, {_HEALTH} @ end() {NEED})"


def _table(text: Text, chosen: Callable[[str], str]) -> table.Panel:
    def best(expr: str, *labels: str) -> str:
        return f"max by ({', '.join((PIPELINE, *labels))}) ({chosen(expr)})"

    panel = listing(
        text,
        *(now(best(recorded(scale.record))) for scale in (HEALTH, *DIMENSIONS.values())),
        now(best(pipelines("pipeline_deployment_error_info"), "error_code")),
        now(best(increase_in_range(pipelines("pipeline_deployment_failures_total")))),
        now(best(pipelines("pipeline_connector_errors"))),
        now(age(best(pipelines("pipeline_last_event_timestamp_seconds")))),
        now(best(f"{_HEALTH} {NEED}")),
        size=Size(24, 14),
        none=RULES_HINT,
    )
    return largest_first(_with_columns(panel), "need")


def _with_columns(panel: table.Panel) -> table.Panel:
    words = [
        Column(f"Value #{ref}", s.title, codes=s.codes) for ref, s in zip("BCDEF", DIMENSIONS.values(), strict=True)
    ]
    return with_columns(
        panel,
        Column("source"),
        Column("pipeline_name", links=LINKS, width=220),
        Column("Value #A", "health", codes=HEALTH.codes),
        *words,
        Column("error_code"),
        Column("Value #H", "failures", "short", steps=looks.ODD_IF_ANY),
        Column("Value #I", "connector errors", "short", steps=looks.ODD_IF_ANY),
        Column("Value #J", "last event", "dtdurations"),
        Column("pipeline", links=LINKS),
        Column("Value #K", "need"),
        dropped=("Value #G",),
        hidden=("need",),
    )
