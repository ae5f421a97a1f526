"""A board from its rows: the head that all have, and panels put in their places and numbered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.generator.annotations import marks
from dashboards.generator.links import TAG, dashboard_links
from dashboards.generator.variables import Places, variables

Panels = Sequence[Builder[model.Panel]]


class Section(NamedTuple):
    """A row's title and its panels; a collapsed one is asked nothing until it is opened."""

    title: str
    panels: Panels
    collapsed: bool = False


class Board(NamedTuple):
    """Everything by which one board differs from the others."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    time_from: str = "now-6h"
    every_change: bool = False

    def build(self, places: Places) -> model.Dashboard:
        """The dashboard, with ids that are the panels' order."""
        board = self._head(places)
        for section in self.sections:
            _add(board, section)
        built = board.build()
        for number, panel in enumerate(_all(built), start=1):
            panel.id_val = number
        return built

    def _head(self, places: Places) -> Dashboard:
        return (
            Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .readonly()
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .refresh("1m")
            .time(self.time_from, "now")
            .variables(variables(places))
            .annotations(marks(every_change=self.every_change))
            .links(dashboard_links(self.uid))
        )


def _add(board: Dashboard, section: Section) -> None:
    row = Row(section.title).collapsed(section.collapsed)
    if section.collapsed:
        for panel in section.panels:
            row.with_panel(panel)
    board.with_row(row)
    if not section.collapsed:
        for panel in section.panels:
            board.with_panel(panel)


def _all(board: model.Dashboard) -> list[model.Panel | model.RowPanel]:
    found: list[model.Panel | model.RowPanel] = []
    for panel in board.panels or ():
        found.append(panel)
        found.extend(panel.panels if isinstance(panel, model.RowPanel) else ())
    return found
