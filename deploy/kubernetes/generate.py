"""Writes the manifests that repeat other files: rules as PrometheusRules, dashboards as ConfigMaps.

Kustomize reads no file outside its own folder, so they are committed, and a test regenerates them::

    python deploy/kubernetes/generate.py
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path(__file__).resolve().parent

HEADER = "# Written by deploy/kubernetes/generate.py from {source}; change those and run it again.\n"
LABELS = {"app.kubernetes.io/name": "pipeline-exporter"}
MAX_CONFIGMAP_BYTES = 1024 * 1024
"""The API server refuses a larger ConfigMap."""


class InputError(Exception):
    """A file that cannot be made a manifest of; the message names it and the mend."""


class Manifest(NamedTuple):
    """A file to write, and the files it is made of."""

    name: str
    source: str
    build: Callable[[Path], dict[str, Any]]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def prometheus_rule(path: Path) -> dict[str, Any]:
    """A PrometheusRule of one rule file. Raises InputError if it is none."""
    rules = _decoded(path, yaml.safe_load, yaml.YAMLError)
    if not isinstance(rules, dict) or rules.keys() != {"groups"} or not rules["groups"]:
        raise InputError(f"{path.name}: a rule file has the key `groups`, not empty, and no other")
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _metadata(_object_name("rules", path)),
        "spec": {"groups": rules["groups"]},
    }


def dashboard(path: Path) -> dict[str, Any]:
    """A ConfigMap of one dashboard, as Grafana's sidecar finds it. Raises InputError if it is none."""
    text = path.read_text(encoding="utf-8")
    board = _decoded(path, json.loads, ValueError)
    if not isinstance(board, dict) or not board.get("uid") or "panels" not in board:
        raise InputError(f"{path.name}: a dashboard has `uid` and `panels`")
    if "__inputs" in board:
        raise InputError(f"{path.name}: `__inputs` is for import by hand; provisioned dashboards have none")
    if len(text.encode()) > MAX_CONFIGMAP_BYTES:
        raise InputError(f"{path.name}: larger than the 1 MiB of a ConfigMap; split the dashboard")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(_object_name("dashboard", path), grafana_dashboard="1"),
        "data": {path.name: text},
    }


MANIFESTS = (
    Manifest("prometheusrule.yaml", "alerts/rules/*.yml", prometheus_rule),
    Manifest("dashboards.yaml", "dashboards/*.json", dashboard),
)


def manifests(root: Path) -> Mapping[str, str]:
    """The texts of all manifests by file name. Raises InputError for an input that is not what it should be."""
    return {manifest.name: _text(manifest, sorted(root.glob(manifest.source))) for manifest in MANIFESTS}


def main() -> None:
    """Write them beside this file."""
    try:
        for name, text in manifests(ROOT).items():
            (OUTPUT / name).write_text(text, encoding="utf-8")
    except InputError as error:
        sys.exit(str(error))


def _text(manifest: Manifest, paths: Iterable[Path]) -> str:
    built = [manifest.build(path) for path in paths]
    names = [one["metadata"]["name"] for one in built]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{manifest.source}: more than one file makes {', '.join(twice)}; rename one")
    text = yaml.dump_all(built, Dumper=_Dumper, sort_keys=False, width=10**9, allow_unicode=True, explicit_start=True)
    return HEADER.format(source=manifest.source) + text


def _decoded(path: Path, decode: Callable[[str], Any], error: type[Exception]) -> Any:  # noqa: ANN401
    try:
        return decode(path.read_text(encoding="utf-8"))
    except (error, UnicodeDecodeError) as cause:
        raise InputError(f"{path.name}: cannot be read: {cause}") from cause


def _metadata(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "labels": LABELS | labels}


def _object_name(what: str, path: Path) -> str:
    """A DNS label: pipeline-exporter-rules-stuck for pipeline-stuck.rules.yml."""
    stem = re.sub(r"[^a-z0-9]+", "-", path.name.partition(".")[0].lower()).strip("-")
    return f"pipeline-exporter-{what}-{stem.removeprefix('pipeline-')}"


if __name__ == "__main__":
    main()
