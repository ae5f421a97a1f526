"""deploy/kubernetes/generate.py: what is committed is what it writes, and nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deploy.kubernetes.generate import MAX_CONFIGMAP_BYTES, InputError, dashboard, manifests, prometheus_rule
from tests.deploy.manifests import BASE, ROOT, documents

RULES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
BOARDS = sorted((ROOT / "dashboards").glob("*.json"))


@pytest.mark.parametrize("name", ["prometheusrule.yaml", "dashboards.yaml"])
def test_committed_is_regenerated(name: str) -> None:
    """If this fails: python deploy/kubernetes/generate.py."""
    assert (BASE / name).read_text(encoding="utf-8") == manifests(ROOT)[name]


def test_rules_are_those_of_the_files() -> None:
    """The PrometheusRules hold the groups of the rule files, no more and no less."""
    groups = [one["spec"]["groups"] for one in documents(BASE / "prometheusrule.yaml")]
    assert groups == [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in RULES] != []


def test_dashboards_are_those_of_the_files() -> None:
    """The ConfigMaps hold the dashboards byte for byte, with the label that Grafana's sidecar looks for."""
    maps = documents(BASE / "dashboards.yaml")
    assert [one["metadata"]["labels"]["grafana_dashboard"] for one in maps] == ["1"] * len(BOARDS)
    assert [one["data"] for one in maps] == [{path.name: path.read_text(encoding="utf-8")} for path in BOARDS] != []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("groups: []", "the key `groups`, not empty"),
        ("groups: [{name: a}]\nrules: []", "and no other"),
        ("- a", "a rule file has the key"),
        ("groups: [", "cannot be read"),
    ],
)
def test_rule_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """What is no rule file is named, with the reason."""
    path = tmp_path / "pipeline-odd.rules.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"pipeline-odd.rules.yml: .*{message}"):
        prometheus_rule(path)


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ({"panels": []}, "has `uid` and `panels`"),
        ({"uid": "a"}, "has `uid` and `panels`"),
        ({"uid": "a", "panels": [], "__inputs": []}, "for import by hand"),
        ({"uid": "a", "panels": ["x" * MAX_CONFIGMAP_BYTES]}, "larger than the 1 MiB"),
        ([], "has `uid` and `panels`"),
    ],
)
def test_dashboard_is_refused(board: object, message: str, tmp_path: Path) -> None:
    """What cannot be a provisioned dashboard is named, with the reason."""
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(board))
    with pytest.raises(InputError, match=f"odd.json: .*{message}"):
        dashboard(path)


def test_names_that_meet_are_refused(tmp_path: Path) -> None:
    """Two files whose objects would have one name are an error, and not one object less."""
    folder = tmp_path / "dashboards"
    folder.mkdir()
    for name in ("Fleet.json", "pipeline-fleet.json"):
        (folder / name).write_text('{"uid": "a", "panels": []}')
    with pytest.raises(InputError, match=r"more than one file makes pipeline-exporter-dashboard-fleet; rename one"):
        manifests(tmp_path)


def test_texts_survive(tmp_path: Path) -> None:
    """Templates, indented expressions and characters beyond ASCII are the same after the way through YAML."""
    expression = "  a\n# note: yes\n  and on (x)\n  b > 5 * ½\n"
    rule = {"alert": "A", "expr": expression, "annotations": {"summary": "{{ $labels.x }}: “no”, 100 %\n\n$(B)"}}
    path = tmp_path / "alerts" / "rules" / "a.rules.yml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule]}]}))
    (written,) = [one for one in yaml.safe_load_all(manifests(tmp_path)["prometheusrule.yaml"]) if one]
    assert written["metadata"]["name"] == "pipeline-exporter-rules-a"
    assert written["spec"]["groups"][0]["rules"] == [rule]
