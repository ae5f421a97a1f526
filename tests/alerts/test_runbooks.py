"""Alerts, runbooks and alerts/README.md name the same things, and queries in them are real."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.alerts.pack import ALERTS, RUNBOOKS, alert_names, alerts, known_metrics, metrics_in, ran, records

PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")
README = ALERTS / "README.md"


def text_of(path: Path) -> str:
    """A document."""
    return path.read_text(encoding="utf-8")


def queries(path: Path) -> list[str]:
    """The PromQL of a page."""
    return re.findall(r"^```promql\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def listed(path: Path) -> list[list[str]]:
    """The rows of tables whose first cell links to a runbook, as cells; of the link, its text."""
    rows = re.findall(r"^\| \[\w+\]\([^)]*?\w+\.md\) \|.*$", text_of(path), re.MULTILINE)
    return [[re.sub(r"^\[(\w+)\].*", r"\1", cell.strip()) for cell in row.strip("|").split("|")] for row in rows]


def test_every_alert_has_a_runbook() -> None:
    """A page for each alert of rules and bridge, and no page of an alert that is not."""
    assert [path.stem for path in PAGES] == sorted(alert_names())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_runbook_has_its_sections(path: Path) -> None:
    """Each page is called as its alert and says what it means, what it does, how to look and what to do."""
    assert re.findall(r"^#+ .*$", text_of(path), re.MULTILINE) == [
        f"# {path.stem}",
        "## Meaning",
        "## Impact",
        "## Diagnosis",
        "## Mitigation",
    ]
    assert queries(path)
    assert "curl" in text_of(path) or "```sh" in text_of(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_queries_of_runbook_are_real(path: Path, tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Prometheus can parse each query, and each series in it exists."""
    found = queries(path)
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(found)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": path.stem, "rules": rules}]}))
    code, output = ran(tool("promtool"), "check", "rules", file)
    assert code == 0, output
    assert set().union(*map(metrics_in, found)) - known_metrics() == set()


@pytest.mark.parametrize("path", [*PAGES, RUNBOOKS / "README.md", README], ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    """Links lead to files of the repository."""
    targets = re.findall(r"\]\(([^)#]+)\)", text_of(path))
    assert [target for target in targets if "://" not in target and not (path.parent / target).exists()] == []


def test_list_of_runbooks() -> None:
    """docs/runbooks/README.md lists every page, with the severities of its alert and its summary."""
    expected: dict[str, tuple[list[str], str]] = {}
    for rule in alerts():
        severities = expected.setdefault(rule["alert"], ([], rule["annotations"]["summary"]))[0]
        if rule["labels"]["severity"] not in severities:
            severities.append(rule["labels"]["severity"])
    rows = [[name, ", ".join(severities), summary] for name, (severities, summary) in expected.items()]
    assert sorted(listed(RUNBOOKS / "README.md")) == sorted(rows)


def test_readme_lists_every_alert() -> None:
    """alerts/README.md has each alerting rule, with severity, ``for`` and its summary."""
    rows = [tuple(row[:3]) for row in listed(README)]
    assert sorted(rows) == sorted((r["alert"], r["labels"]["severity"], r.get("for", "–")) for r in alerts())
    summaries = {rule["alert"]: rule["annotations"]["summary"] for rule in alerts()}
    assert [row for row in listed(README) if not row[3].startswith(summaries[row[0]].rstrip("."))] == []


def test_readme_replaces_what_is_there() -> None:
    """Each sed line of alerts/README.md finds something to replace in the rules."""
    lines = re.findall(r"^sed -i 's#([^#]+)#[^#]+#' (\S+)$", text_of(README), re.MULTILINE)
    assert len(lines) == 3
    for pattern, files in lines:
        found = sum(len(re.findall(pattern, text_of(path))) for path in ALERTS.glob(files))
        assert found >= 8, pattern


def test_the_names_in_the_readme_are_recorded() -> None:
    """Each record that alerts/README.md names is there."""
    named = set(re.findall(r"\bpipeline:[a-z_]+:[a-z]+_\w+", text_of(README)))
    assert named
    assert named <= records()
