"""The committed boards as tests see them: panels, queries, and queries with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards"
NAMES = ("availability", "exporter", "fleet", "pipeline")

Json = dict[str, Any]

PLACES = {
    "$__rate_interval": "1m",
    "$__interval": "30s",
    "$__range": "6h",
    "$__from": "0",
    "$job": ".+",
    "$instance": ".+",
    "$source": ".+",
    "$pipeline_name": ".+",
}
"""What stands for Grafana's variables when nothing is chosen."""


class Asked(NamedTuple):
    """A query somewhere on a board."""

    board: str
    place: str
    kind: str
    expr: str
    instant: bool = False

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.board}: {self.place}"


def board(name: str) -> Json:
    """A committed board."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def panels(of: Json) -> Iterator[Json]:
    """All panels, those in collapsed rows too; not the rows."""
    for panel in of["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def open_panels(of: Json) -> Iterator[Json]:
    """The panels that ask when the board is opened; not those in collapsed rows."""
    return (panel for panel in of["panels"] if panel["type"] != "row")


def columns(panel: Json) -> set[str]:
    """The labels that a table gives a place, or leaves out on purpose."""
    organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
    hidden = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if {"id": "custom.hidden", "value": True} in override["properties"]
    }
    return organize["indexByName"].keys() | organize["excludeByName"].keys() | hidden


def every_panel() -> list[tuple[str, Json]]:
    """All panels of all boards."""
    return [(name, panel) for name in NAMES for panel in panels(board(name))]


def panel_id(value: object) -> str:
    """A panel's or a query's name for pytest."""
    if isinstance(value, dict):
        return str(value["title"])
    return value.name if isinstance(value, Asked) else str(value)


def targets() -> Iterator[Asked]:
    """Every query of every panel."""
    for name, panel in every_panel():
        for target in panel.get("targets", ()):
            place = f"{panel['title']} {target['refId']}"
            yield Asked(name, place, panel["type"], target["expr"], bool(target.get("instant")))


def annotations() -> Iterator[Asked]:
    """Every query of every annotation."""
    for name in NAMES:
        for annotation in board(name)["annotations"]["list"]:
            yield Asked(name, f"annotation {annotation['name']}", "annotation", annotation["expr"])


def query_variables(of: Json) -> list[Json]:
    """The variables that are filled by a query."""
    return [variable for variable in of["templating"]["list"] if variable["type"] == "query"]


def label_values(query: str) -> tuple[str, str]:
    """The selector and the label of a variable's query."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found, query
    return found[1], found[2]


def variables() -> Iterator[Asked]:
    """The selector of every variable that is filled by a query."""
    for name in NAMES:
        for variable in query_variables(board(name)):
            yield Asked(name, f"variable {variable['name']}", "variable", label_values(variable["query"])[0])


def everything() -> list[Asked]:
    """All PromQL there is on the boards."""
    return [*targets(), *annotations(), *variables()]


def filled(expr: str, places: Mapping[str, str] = PLACES) -> str:
    """PromQL without variables; the longest names first, as one may begin with another."""
    for name in sorted(places, key=len, reverse=True):
        expr = expr.replace(name, places[name])
    assert "$" not in expr.replace('"$1"', ""), f"a variable is not filled: {expr}"
    return expr
