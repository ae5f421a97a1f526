"""One code table: what it says is what the exporter knows, what the rules count with and what the panels show."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml

from dashboards.generator.codes import DIMENSIONS, HEALTH, NEED, SCALES, Code, Scale
from exporter.model import HEALTHS
from exporter.sources.kinds import KINDS
from exporter.web.words import WORST_FIRST
from tests.dashboards.boards import ROOT, Json, every_panel

TRANSLATED = {dimension.name: dimension.statuses for kind in KINDS.values() for dimension in kind.dimensions}
RULES = ROOT / "alerts" / "rules" / "pipeline-statuses.rules.yml"


def test_every_dimension_has_codes() -> None:
    """There is a scale for each dimension of every kind of control plane, and no other."""
    assert DIMENSIONS.keys() == TRANSLATED.keys()
    assert {name: scale.family for name, scale in DIMENSIONS.items()} == {n: f"pipeline_{n}_status" for n in DIMENSIONS}


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_status_has_a_code(dimension: str) -> None:
    """The statuses of a scale are those that the exporter knows; a new one needs a code."""
    assert sorted(code.status for code in DIMENSIONS[dimension].codes) == sorted(TRANSLATED[dimension])


def test_every_health_has_a_code() -> None:
    """So are the healths."""
    assert sorted(code.status for code in HEALTH.codes) == sorted(HEALTHS)


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.title)
def test_codes_are_counted(scale: Scale) -> None:
    """Codes count from 0 without holes, and each is given once."""
    assert [code.number for code in scale.codes] == list(range(len(scale.codes)))


def recorded() -> dict[str, str]:
    """The rules' expressions by the names of their records."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: scale.title)
def test_rules_count_with_the_codes(scale: Scale) -> None:
    """Each rule has a branch for each code, with its number."""
    found = re.findall(r'(\d+) \* \((\w+)\{(\w+)="(\w+)"\} == 1\)', recorded()[scale.record])
    assert found == [(str(code.number), scale.family, scale.label, code.status) for code in scale.codes]


def mapped(field: Json) -> dict[int, tuple[str, str]]:
    """Text and colour by value, of a field's mappings."""
    options = next(mapping["options"] for mapping in field["mappings"] if mapping["type"] == "value")
    return {int(value): (shown["text"], shown["color"]) for value, shown in options.items()}


def shown(codes: tuple[Code, ...]) -> dict[int, tuple[str, str]]:
    """What a panel must say for these codes."""
    return {code.number: (code.status, code.colour) for code in codes}


def fields() -> Iterator[tuple[str, str, Json]]:
    """Every field that shows a recorded code: its record, where it is, and its properties."""
    for name, panel in every_panel():
        for target in panel.get("targets", ()):
            if found := re.match(r"(?:max by \([\w, ]+\) \()?(pipeline:\w+:code)\{[^}]*\}(?! %)", target["expr"]):
                yield found[1], f"{name}: {panel['title']}", field_of(panel, target["refId"])


def field_of(panel: Json, ref: str) -> Json:
    """What says how a query's values look: the panel's defaults, or the column's own properties."""
    if panel["type"] != "table":
        return panel["fieldConfig"]["defaults"]  # type: ignore[no-any-return]
    renamed = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]["renameByName"]
    title = renamed[f"Value #{ref}"]
    override = next(o for o in panel["fieldConfig"]["overrides"] if o["matcher"]["options"] == title)
    return {prop["id"]: prop["value"] for prop in override["properties"]}


@pytest.mark.parametrize(("record", "place", "field"), list(fields()), ids=lambda value: str(value)[:60])
def test_panels_show_the_codes(record: str, place: str, field: Json) -> None:
    """Wherever a code is shown it has the text and the colour of the table; no value is said to be no data."""
    scale = next(scale for scale in SCALES if scale.record == record)
    assert mapped(field) == shown(scale.codes), place
    nothing = next(mapping["options"] for mapping in field["mappings"] if mapping["type"] == "special")
    assert nothing == {"match": "null+nan", "result": nothing["result"]}
    assert nothing["result"]["text"] == "no data"


def test_every_scale_is_shown() -> None:
    """Each scale has a timeline on the pipeline's board and a column in the table of the fleet."""
    places = {(record, place.partition(":")[0]) for record, place, _ in fields()}
    assert places >= {(scale.record, board) for scale in SCALES for board in ("fleet", "pipeline")}


def test_the_worst_health_has_the_largest_need() -> None:
    """What is made of the codes sorts pipelines as the exporter's own pages do, but for equals."""
    modulus = int(NEED.removeprefix("% "))
    needs = {code.status: code.number % modulus for code in HEALTH.codes}
    assert [needs[health] for health in WORST_FIRST] == [3, 2, 1, 1, 0, 0]


def test_counts_by_health_have_its_names_and_colours() -> None:
    """Series that are counted by code are shown as the healths they stand for."""
    (panel,) = [p for name, p in every_panel() if (name, p["title"]) == ("fleet", "Pipelines by health")]
    assert 'count_values("code", pipeline:pipeline_health:code{' in panel["targets"][0]["expr"]
    assert panel["targets"][0]["legendFormat"] == "{{code}}"
    named = {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    assert named == {
        str(code.number): {"displayName": code.status, "color": {"mode": "fixed", "fixedColor": code.colour}}
        for code in HEALTH.codes
    }
