"""Where panels stand and where links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from exporter.alerts.explain import RUNBOOKS
from tests.dashboards.boards import NAMES, Json, board, every_panel, filled, open_panels, panel_id, panels
from tests.dashboards.promql import labels_of
from tests.dashboards.test_board_queries import alerts

OURS = {f"pipeline-exporter-{name}" for name in NAMES}
FOREIGN = {"dbsp": "the dashboard that comes with Feldera; the link says that it must be imported"}

BUILT_IN = {"__url_time_range", "__data", "__field", "__value"}


def placed(name: str) -> list[list[Json]]:
    """Panels that share one grid: those of the board, and those inside each collapsed row."""
    top = board(name)["panels"]
    return [top, *(row["panels"] for row in top if row.get("panels"))]


def overlap(a: Json, b: Json) -> bool:
    """Whether two places have a cell in common."""
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


@pytest.mark.parametrize("name", NAMES)
def test_no_panel_covers_another(name: str) -> None:
    """No two panels of a grid overlap."""
    for grid in placed(name):
        pairs = combinations(grid, 2)
        assert [(a["title"], b["title"]) for a, b in pairs if overlap(a["gridPos"], b["gridPos"])] == []


def test_overlaps_are_seen() -> None:
    """Places that touch do not overlap, and those that share a cell do."""
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    assert not overlap(place, place | {"x": 12})
    assert not overlap(place, place | {"y": 8})
    assert overlap(place, place | {"x": 11, "y": 7})


@pytest.mark.parametrize("name", NAMES)
def test_panels_stay_on_the_board(name: str) -> None:
    """No panel is wider than the 24 columns, or hangs over their edge."""
    for grid in placed(name):
        assert [p["title"] for p in grid if not 0 < p["gridPos"]["x"] + p["gridPos"]["w"] <= 24] == []


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_full(name: str) -> None:
    """Every row begins at the left edge and its panels leave no hole at the right."""
    for grid in placed(name):
        cells = {(x, y) for p in grid for x in range(*span(p, "x", "w")) for y in range(*span(p, "y", "h"))}
        lines = {y for _, y in cells}
        holes = [y for y in sorted(lines) if not {(0, y), (23, y)} <= cells]
        assert holes == []


def span(panel: Json, begin: str, length: str) -> tuple[int, int]:
    """The first cell and the one behind the last."""
    place = panel["gridPos"]
    return place[begin], place[begin] + place[length]


def links_in(value: Any) -> Iterator[str]:
    """Every URL on a board."""
    if isinstance(value, dict):
        if isinstance(value.get("url"), str) and value["url"]:
            yield value["url"]
        for inner in value.values():
            yield from links_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links_in(inner)


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_boards_that_exist(name: str) -> None:
    """A link to a board names one of the set, or the one of Feldera's."""
    uids = {found for url in links_in(board(name)) for found in re.findall(r"^/d/([\w-]+)", url)}
    assert uids <= OURS | FOREIGN.keys()


@pytest.mark.parametrize("name", NAMES)
def test_links_use_variables_that_exist(name: str) -> None:
    """A link fills in only what the board has, and sets only what the target has."""
    names = {variable["name"] for variable in board(name)["templating"]["list"]}
    for url in links_in(board(name)):
        used = set(re.findall(r"\$\{(\w+)", url)) - BUILT_IN
        assert used <= names, url
        assert set(re.findall(r"var-(\w+)=", url)) <= names, url


def test_tables_of_pipelines_lead_to_pipelines() -> None:
    """A pipeline's name leads to its board and to the exporter's own page of it."""
    for table in (p for p in panels(board("fleet")) if p["title"] in ("All pipelines", "First 100 pipelines")):
        urls = list(links_in(table))
        assert any(url.startswith("/d/pipeline-exporter-pipeline?var-source=") for url in urls)
        assert any(url.startswith("${exporter_url:raw}/pipelines/${__data.fields.source") for url in urls)


def test_the_fleet_opens_with_a_bounded_number_of_rows() -> None:
    """However many pipelines there are, no open panel of the fleet has one row for each; the collapsed ones have."""
    fleet = board("fleet")
    shown = [t["expr"] for panel in open_panels(fleet) for t in panel.get("targets", ())]
    assert len(shown) > 20
    assert [expr for expr in shown if unbounded(expr)] == []
    (row,) = [p for p in fleet["panels"] if p.get("collapsed")]
    assert [p["title"] for p in row["panels"]] == ["Health over time", "All pipelines"]
    assert all(unbounded(t["expr"]) for p in row["panels"] for t in p["targets"])


def unbounded(expr: str) -> bool:
    """Whether an answer has a row for each pipeline there is."""
    labels = labels_of(filled(expr))
    return (labels is None or "pipeline" in labels) and "topk(" not in expr


def test_the_fleet_looks_at_few_points_in_time() -> None:
    """Of graphs over time that look at every pipeline at each step, an open row has only those with few steps."""
    every = [p for p in open_panels(board("fleet")) if p["type"] in ("timeseries", "state-timeline")]
    recorded = [p for p in every if any("pipeline:pipeline_health:code" in t["expr"] for t in p["targets"])]
    assert {p["title"]: p["maxDataPoints"] for p in recorded} == {
        "Pipelines by health": 200,
        "Health over time, first 100": 200,
    }


@pytest.mark.parametrize("title", ["All pipelines", "First 100 pipelines"])
def test_the_worst_come_first(title: str) -> None:
    """Tables of pipelines are sorted by how much each wants attention; the number itself is not shown."""
    (table,) = [p for p in panels(board("fleet")) if p["title"] == title]
    order = table["transformations"][-1]
    assert (order["id"], order["options"]["sort"]) == ("sortBy", [{"field": "need", "desc": True}])
    shown = {o["matcher"]["options"]: o["properties"] for o in table["fieldConfig"]["overrides"]}
    assert shown["need"] == [{"id": "custom.hidden", "value": True}]


def test_alerts_of_every_severity_are_listed() -> None:
    """The list of firing alerts leaves out only the one that always fires, whose severity is none."""
    (table,) = [p for p in panels(board("fleet")) if p["title"] == "Firing in Prometheus"]
    (found,) = re.findall(r'severity=~"([^"]*)"', table["targets"][0]["expr"])
    severities = {rule["labels"]["severity"] for rule in alerts()}
    assert set(found.split("|")) == severities - {"none"}


def test_alerts_lead_to_runbooks() -> None:
    """A firing alert's name leads to its runbook."""
    (table,) = [p for p in panels(board("fleet")) if p["title"] == "Firing in Prometheus"]
    assert set(links_in(table)) == {"${runbooks_url:raw}/${__data.fields.alertname}.md"}
    base = next(v for v in board("fleet")["templating"]["list"] if v["name"] == "runbooks_url")
    assert (base["type"], base["query"]) == ("constant", RUNBOOKS)


@pytest.mark.parametrize(("name", "panel"), every_panel(), ids=panel_id)
def test_fields_of_links_are_columns(name: str, panel: Json) -> None:
    """A link takes from a row only what the queries of the table have as labels, under their own names."""
    used = {field for url in links_in(panel) for field in re.findall(r"__data\.fields\.(\w+)", url)}
    exprs = " ".join(target["expr"] for target in panel.get("targets", ()))
    assert {field for field in used if not re.search(rf"\b{field}\b", exprs)} == set()
    renamed = [t["options"]["renameByName"] for t in panel.get("transformations", ()) if t["id"] == "organize"]
    assert not used & {field for names in renamed for field in names}
    dropped = [t["options"]["excludeByName"] for t in panel.get("transformations", ()) if t["id"] == "organize"]
    assert not used & {field for names in dropped for field in names}


@pytest.mark.parametrize("name", NAMES)
def test_boards_find_each_other(name: str) -> None:
    """Each board has the list of all of them, with the chosen variables and the time kept."""
    (link,) = [link for link in board(name)["links"] if link["type"] == "dashboards"]
    assert link["tags"] == ["pipeline-exporter"]
    assert (link["asDropdown"], link["includeVars"], link["keepTime"]) == (True, True, True)
