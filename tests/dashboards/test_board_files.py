"""The committed files: what the generator writes, valid by Grafana's schema, with no key that Grafana would drop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dashboards.generator.__main__ import (  # first: it loads the SDK without warnings
    BEGIN,
    DOCS,
    END,
    documented,
    files,
)
from dashboards.generator.variables import USUAL, Places
from tests.dashboards.boards import FOLDER, NAMES, ROOT, Json, board, every_panel

from grafana_foundation_sdk.cog.encoder import JSONEncoder  # isort: skip
from grafana_foundation_sdk.cog.plugins import register_default_plugins  # isort: skip
from grafana_foundation_sdk.models.dashboard import Dashboard  # isort: skip

ANY = (("MatcherConfig", "options"), ("DynamicConfigValue", "value"))
"""What Grafana takes as any value, a name or a unit, and what its schema by mistake wants to be an object."""


def schema() -> Json:
    """Grafana's schema of classic dashboards, with its mistakes mended."""
    path = Path(__file__).parent / "grafana-dashboard.jsonschema.json"
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    for definition, key in ANY:
        assert found["definitions"][definition]["properties"][key].pop("type") == "object"
    return found


@pytest.mark.parametrize("path", files(), ids=str)
def test_the_committed_file_is_what_is_generated(path: Path) -> None:
    """Nobody has edited a generated file, and nobody has forgotten ``make dashboards``."""
    assert (ROOT / path).read_text(encoding="utf-8") == files()[path]


def test_there_are_no_other_boards() -> None:
    """Every board in the folder comes from the generator."""
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


def test_the_docs_have_the_table_of_codes() -> None:
    """docs/dashboards.md shows the codes as they are."""
    text = (ROOT / DOCS).read_text(encoding="utf-8")
    assert documented(text) == text


def test_docs_without_their_marks_are_refused() -> None:
    """A document in which the table has no place is not overwritten; the message names the marks."""
    with pytest.raises(SystemExit, match=r"docs/dashboards\.md: the marks .* are missing: <!-- codes"):
        documented(f"# Dashboards\n{BEGIN}")
    assert documented(f"a{BEGIN}old{END}b").startswith(f"a{BEGIN}\n| record |")


@pytest.mark.parametrize("name", NAMES)
def test_the_board_is_valid(name: str) -> None:
    """The schema of classic dashboards has nothing against the board."""
    jsonschema.Draft7Validator(schema()).validate(board(name))
    assert board(name)["schemaVersion"] == 42


def test_the_schema_refuses_a_stray_key() -> None:
    """The schema is one that can fail: a key that a panel does not have is an error."""
    changed = board("fleet")
    changed["panels"][1]["descripton"] = "misspelt"
    with pytest.raises(jsonschema.ValidationError, match="descripton"):
        jsonschema.Draft7Validator(schema()).validate(changed)


@pytest.mark.parametrize("name", NAMES)
def test_the_sdk_reads_every_key(name: str) -> None:
    """Read by Grafana's SDK and written again, the board is the same: no option is one that the SDK does not know."""
    assert round_trip(board(name)) == board(name)


def test_a_misspelt_option_is_found() -> None:
    """The round trip is one that can fail: it loses an option that does not exist."""
    changed = board("fleet")
    timeline = next(panel for panel in changed["panels"] if panel["type"] == "state-timeline")
    timeline["options"]["mergeValue"] = True
    assert round_trip(changed) != changed


def round_trip(before: Json) -> Json:
    """A board, read and written by the SDK, but for the menu into which it puts all links and annotations."""
    register_default_plugins()
    found: Json = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    for shown in (*found["links"], *found["annotations"]["list"]):
        assert shown.pop("placement") == "inControlsMenu"
    return found


def test_uids_and_titles_are_stable() -> None:
    """Links from alerts and bookmarks go by these; none of them is ever renamed."""
    assert {name: board(name)["uid"] for name in NAMES} == {name: f"pipeline-exporter-{name}" for name in NAMES}
    assert len({board(name)["title"] for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_the_board(name: str) -> None:
    """A shared crosshair, a refresh that suits a poller, the browser's time, and nothing of one Grafana alone."""
    found = board(name)
    assert (found["graphTooltip"], found["refresh"], found["timezone"]) == (1, "1m", "browser")
    assert found["tags"] == ["pipeline-exporter"]
    assert not {"id", "iteration", "__inputs", "__requires"} & found.keys()


def test_panels_have_ids_of_their_own() -> None:
    """No two panels or rows of a board have the same id."""
    for name in NAMES:
        top = board(name)["panels"]
        ids = Counter(panel["id"] for panel in [*top, *(p for row in top for p in row.get("panels", ()))])
        assert ids
        assert set(ids.values()) == {1}


def test_panels_have_titles_of_their_own() -> None:
    """A title names one panel of a board."""
    titles = Counter((name, panel["title"]) for name, panel in every_panel())
    assert [title for title, count in titles.items() if count > 1] == []


def test_no_data_source_is_fixed() -> None:
    """After an import every panel asks the data source that was chosen, whatever its uid."""
    found = {source["uid"] for name in NAMES for source in sources_in(board(name))}
    assert found == {"${datasource}"}


def sources_in(value: Any) -> Iterator[Json]:
    """Every reference to a data source."""
    if isinstance(value, dict):
        if isinstance(value.get("datasource"), dict):
            yield value["datasource"]
        for inner in value.values():
            yield from sources_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from sources_in(inner)


def provisioned(name: str) -> Json:
    """A provisioning file."""
    return yaml.safe_load((FOLDER / "provisioning" / name).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_boards_are_provisioned() -> None:
    """Grafana is told where the boards are, and that nobody changes or deletes them there."""
    found = provisioned("dashboards/pipeline-exporter.yaml")
    (provider,) = found["providers"]
    assert found["apiVersion"] == 1
    assert (provider["type"], provider["disableDeletion"], provider["allowUiUpdates"]) == ("file", True, False)
    assert provider["options"]["path"].startswith("/")


def test_the_data_source_knows_the_scrape_interval() -> None:
    """Without timeInterval ``$__rate_interval`` would be too short for the scrapes."""
    found = provisioned("datasources/prometheus.yaml")
    (source,) = found["datasources"]
    assert (found["apiVersion"], source["type"], source["uid"]) == (1, "prometheus", "prometheus")
    assert source["jsonData"]["timeInterval"] == "15s"


def test_there_is_something_to_test() -> None:
    """The walk over the boards sees their panels."""
    assert len(every_panel()) > 80


def test_the_exporter_can_be_elsewhere() -> None:
    """The addresses of its pages and of the runbooks that are asked for are in every board; nothing else changes."""
    asked = Places("https://exporter.example.com", "https://wiki.example.com/runbooks")
    for path, text in files(asked).items():
        usual = text.replace(asked.exporter, USUAL.exporter).replace(asked.runbooks, USUAL.runbooks)
        assert usual == files()[path]
        if path.suffix == ".json":
            assert asked.exporter in text
            assert asked.runbooks in text
            assert USUAL.runbooks not in text
