"""The manifests of deploy/kubernetes as values."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes"
SHARDED = ROOT / "deploy" / "kubernetes-sharded"

Manifest = dict[str, Any]


def documents(path: Path) -> list[Manifest]:
    """The documents of one file, for the caller to change."""
    return copy.deepcopy(_parsed(path))


@cache
def _parsed(path: Path) -> list[Manifest]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def kustomization(folder: Path = BASE) -> Manifest:
    """The kustomization of a folder."""
    (found,) = documents(folder / "kustomization.yaml")
    return found


def manifests() -> list[Manifest]:
    """Everything the base has, in its order, the generated ConfigMap excepted."""
    return [one for name in kustomization()["resources"] for one in documents(BASE / name)]


def of_kind(kind: str) -> list[Manifest]:
    """The manifests of one kind."""
    return [one for one in manifests() if one["kind"] == kind]


def the(kind: str) -> Manifest:
    """The only manifest of a kind."""
    (found,) = of_kind(kind)
    return found


def pod() -> Manifest:
    """The spec of the StatefulSet's pods."""
    return the("StatefulSet")["spec"]["template"]["spec"]


def container() -> Manifest:
    """The one container of a pod."""
    (found,) = pod()["containers"]
    return found
