"""The bill of materials: CycloneDX that says of the runtime what its lock says, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.supply.test_locks import ROOT, RUNTIME, entries


def write(path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "tests/tools/sbom.py", str(path), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The document."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.json"
    done = write(path)
    assert done.returncode == 0, done.stderr
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def components(text: str) -> dict[str, Any]:
    """Its components, by name."""
    return {canonicalize_name(one["name"]): one for one in json.loads(text)["components"]}


def test_it_fits_the_schema(text: str) -> None:
    """CycloneDX 1.6 as its own schema defines it."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_components_are_those_of_the_lock(components: dict[str, Any]) -> None:
    """Names, versions and package URLs are the lock's."""
    locked = {name: next(iter(requirement.specifier)).version for name, (requirement, _) in entries(RUNTIME).items()}
    assert {name: one["version"] for name, one in components.items()} == locked
    assert all(one["purl"].startswith(f"pkg:pypi/{name}@{locked[name]}") for name, one in components.items())


def test_hashes_are_those_of_the_lock(components: dict[str, Any]) -> None:
    """Every hash of the lock is there, and no other."""
    for name, (_, hashes) in entries(RUNTIME).items():
        parts = [part for reference in components[name]["externalReferences"] for part in reference.get("hashes", [])]
        assert sorted(f"sha256:{part['content']}" for part in parts) == sorted(hashes), name


def test_it_names_the_product(text: str) -> None:
    """The component that it describes is this program, in this version, under its license."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    root = json.loads(text)["metadata"]["component"]
    assert (root["name"], root["version"], root["type"]) == (project["name"], project["version"], "application")
    assert root["licenses"][0]["license"]["id"] == project["license"]


def test_the_same_lock_gives_the_same_bytes(text: str, tmp_path: Path) -> None:
    """Neither time nor chance nor a path of this machine is in it."""
    assert write(tmp_path / "again.json").returncode == 0
    assert (tmp_path / "again.json").read_text(encoding="utf-8") == text
    assert str(ROOT) not in text


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """The sentence names the file; nothing pretends that there is one."""
    done = write(tmp_path / "no" / "sbom.json")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'no' / 'sbom.json'}: cannot be written: ")
