"""The columns of tables: their order, names, units, words and links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from dashboards.generator import looks
from dashboards.generator.codes import Code
from dashboards.generator.links import Link


class Column(NamedTuple):
    """A column: the field it shows (a label, or ``Value #A``), and how; ``title`` is empty for a label's own name."""

    field: str
    title: str = ""
    unit: str = ""
    codes: Sequence[Code] = ()
    steps: looks.Steps = ()
    links: Sequence[Link] = ()
    width: int = 0

    @property
    def shown(self) -> str:
        """The name at the head."""
        return self.title or self.field


def with_columns(
    panel: table.Panel, *columns: Column, dropped: Iterable[str] = (), hidden: Iterable[str] = ()
) -> table.Panel:
    """A table with these columns, in this order; those of several queries meet in one row where their labels agree.

    What is only ``hidden`` is still there for links, which find nothing in columns that are ``dropped``.
    """
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    organize = {
        "excludeByName": dict.fromkeys(("Time", *dropped), True),
        "indexByName": {column.field: index for index, column in enumerate(columns)},
        "renameByName": {column.field: column.title for column in columns if column.title},
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=organize))
    for column in columns:
        if properties := list(_properties(column)):
            panel.override_by_name(column.shown, properties)
    for name in hidden:
        panel.override_by_name(name, [DynamicConfigValue(id_val="custom.hidden", value=True)])
    return panel


def largest_first(panel: table.Panel, title: str) -> table.Panel:
    """Sorted by a column, the largest value first."""
    return panel.with_transformation(
        DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": title, "desc": True}]})
    )


def _properties(column: Column) -> Iterator[DynamicConfigValue]:
    if column.unit:
        yield DynamicConfigValue(id_val="unit", value=column.unit)
    if column.unit == "short":
        yield DynamicConfigValue(id_val="decimals", value=0)
    if column.codes:
        yield DynamicConfigValue(id_val="mappings", value=looks.mappings(column.codes))
    if column.steps:
        yield DynamicConfigValue(id_val="thresholds", value=looks.thresholds(column.steps).build())
    if column.codes or column.steps:
        colour = {"type": "color-background" if column.codes else "color-text"}
        yield DynamicConfigValue(id_val="custom.cellOptions", value=colour)
    if column.links:
        yield DynamicConfigValue(id_val="links", value=[link.of_data() for link in column.links])
    if column.width:
        yield DynamicConfigValue(id_val="custom.width", value=column.width)
