"""The kinds of panel the boards are made of, each with what all panels of its kind have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import ascii_uppercase
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as plain
from grafana_foundation_sdk.builders.common import StackingConfig
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    StackingMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from dashboards.generator import looks
from dashboards.generator.codes import Code, Scale
from dashboards.generator.queries import EVENT_STEP, NAMED, Query, recorded
from dashboards.generator.variables import DATASOURCE

MIN_STEP = "30s"

NOTHING = "no data"
FEW_POINTS = 200
"""As many steps as a graph of a large fleet has at most: each is a look at every pipeline."""

LOGS_HINT = "no data: is a log followed? (key logs of a source)"
SCRAPE_HINT = "no data: is the exporter scraped?"
RULES_HINT = "no data: are the rules of alerts/rules loaded, and is the pipeline known?"

P = TypeVar("P", bargauge.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


class Text(NamedTuple):
    """What a panel is called, and what it shows."""

    title: str
    description: str


class Size(NamedTuple):
    """Width in 24ths of the board, height in rows."""

    width: int
    height: int


NUMBER = Size(4, 4)
HALF = Size(12, 8)
THIRD = Size(8, 8)
WIDE = Size(24, 8)


def number(
    text: Text,
    query: Query,
    *,
    unit: str = "short",
    steps: looks.Steps = looks.PLAIN,
    size: Size = NUMBER,
    none: str = SCRAPE_HINT,
) -> stat.Panel:
    """One number of now, or of the whole range; ``none`` is said where nobody knows, which is no 0."""
    panel = _counting(_dressed(stat.Panel(), text, size, [query], none), unit)
    return (
        panel.unit(unit)
        .thresholds(looks.thresholds(steps))
        .color_scheme(looks.by_threshold())
        .reduce_options(looks.last())
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.AUTO)
    )


def word(
    text: Text, query: Query, codes: Iterable[Code], *, size: Size = NUMBER, none: str = SCRAPE_HINT
) -> stat.Panel:
    """A word for each series, in its colour."""
    panel = number(text, query, unit="none", size=size, none=none)
    return panel.mappings(looks.mappings(codes)).color_mode(BigValueColorMode.BACKGROUND)


def bars(
    text: Text,
    *queries: Query,
    unit: str = "short",
    steps: looks.Steps = looks.PLAIN,
    colours: Mapping[str, str] | None = None,
    size: Size = HALF,
    none: str = NOTHING,
) -> bargauge.Panel:
    """A bar for each series, of now or of the whole range."""
    panel = _counting(_dressed(bargauge.Panel(), text, size, queries, none), unit)
    panel = (
        panel.unit(unit)
        .min(0)
        .thresholds(looks.thresholds(steps))
        .color_scheme(looks.by_threshold())
        .reduce_options(looks.last())
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .legend(looks.no_legend())
    )
    return _coloured(panel, colours or {})


def graph(
    text: Text,
    *queries: Query,
    unit: str = "short",
    stacked: bool = False,
    events: bool = False,
    signed: bool = False,
    colours: Mapping[str, str] | None = None,
    size: Size = HALF,
    none: str = NOTHING,
) -> timeseries.Panel:
    """Lines over time; ``stacked`` areas for parts of a whole, bars for ``events``; from 0 on unless ``signed``."""
    panel = _dressed(timeseries.Panel(), text, size, queries, none)
    panel = (
        panel.unit(unit)
        .color_scheme(looks.by_name())
        .legend(looks.legend())
        .tooltip(looks.tooltip())
        .draw_style(GraphDrawStyle.BARS if events else GraphDrawStyle.LINE)
        .fill_opacity(70 if stacked or events else 0)
        .line_width(1)
        .show_points(VisibilityMode.NEVER if events else VisibilityMode.AUTO)
        .stacking(StackingConfig().mode(StackingMode.NORMAL if stacked or events else StackingMode.NONE).group("A"))
    )
    if events:
        panel.decimals(0).interval(EVENT_STEP)
    return _coloured(panel if signed else panel.min(0), colours or {})


def bounded(panel: timeseries.Panel, steps: looks.Steps) -> timeseries.Panel:
    """A graph with lines at its limits."""
    return panel.thresholds(looks.thresholds(steps)).thresholds_style(looks.dashed())


def timeline(
    text: Text, query: Query, codes: Iterable[Code], *, size: Size = WIDE, none: str = NOTHING
) -> statetimeline.Panel:
    """A row for each series, coloured by its code; where nothing is known there is a gap."""
    panel = _dressed(statetimeline.Panel(), text, size, [query], none)
    return (
        panel.unit("none")
        .mappings(looks.mappings(codes))
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.9)
        .fill_opacity(75)
        .line_width(0)
        .span_nulls(False)
        .per_page(20)
        .legend(looks.no_legend())
        .tooltip(looks.tooltip_of_one())
    )


def timeline_of(scale: Scale, description: str, *, size: Size = WIDE) -> statetimeline.Panel:
    """The timeline of one scale, from its recorded series."""
    text = Text(f"{scale.title.capitalize()} over time", description)
    return timeline(text, Query(recorded(scale.record), NAMED), scale.codes, size=size, none=RULES_HINT)


def listing(text: Text, *queries: Query, size: Size = WIDE, none: str = NOTHING) -> table.Panel:
    """A table; what its columns are is said in ``columns``."""
    panel = _dressed(table.Panel(), text, size, queries, none)
    return panel.unit("none").filterable(True).show_header(True)


def alerts(text: Text, size: Size) -> plain.Panel:
    """Grafana's own list of alerts."""
    options = {
        "viewMode": "list",
        "groupMode": "default",
        "maxItems": 50,
        "sortOrder": 3,
        "dashboardAlerts": False,
        "alertName": "Pipeline",
        "alertInstanceLabelFilter": "",
        "stateFilter": {"firing": True, "pending": False, "noData": False, "normal": False, "error": True},
    }
    panel = plain.Panel().type("alertlist").title(text.title).description(text.description)
    return panel.datasource(DATASOURCE).span(size.width).height(size.height).unit("none").options(options)


def _dressed(panel: P, text: Text, size: Size, queries: Iterable[Query], none: str) -> P:
    panel.title(text.title).description(text.description).datasource(DATASOURCE)
    panel.span(size.width).height(size.height).interval(MIN_STEP).no_value(none)
    for ref, query in zip(ascii_uppercase, queries, strict=False):
        panel.with_target(_target(ref, query, table=panel.build().type_val == "table"))
    return panel


def _target(ref: str, query: Query, *, table: bool) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(ref).expr(query.expr).datasource(DATASOURCE)
    target.legend_format(query.legend or "__auto").editor_mode(QueryEditorMode.CODE)
    target.format(PromQueryFormat.TABLE if table else PromQueryFormat.TIME_SERIES)
    return target.instant() if query.instant else target.range()


def _counting(panel: P, unit: str) -> P:
    """Plain numbers are whole: an increase is extrapolated, and nobody wants to read of 2.03 failures."""
    return panel.decimals(0) if unit == "short" else panel


def named_codes(panel: timeseries.Panel, codes: Iterable[Code]) -> timeseries.Panel:
    """A graph whose series are called by codes, with their statuses and colours in place of the numbers."""
    for code in codes:
        name = DynamicConfigValue(id_val="displayName", value=code.status)
        panel.override_by_name(str(code.number), [name, looks.fixed(code.colour)])
    return panel


C = TypeVar("C", bargauge.Panel, timeseries.Panel)


def _coloured(panel: C, colours: Mapping[str, str]) -> C:
    for name, colour in colours.items():
        panel.override_by_name(name, [looks.fixed(colour)])
    return panel
