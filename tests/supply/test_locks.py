"""What is installed is what was chosen: every version pinned, every file by its hash, from no index in particular."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUNTIME, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
LOCKS = pytest.mark.parametrize("lock", [RUNTIME, DEV], ids=lambda path: path.name)

COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


def entries(lock: Path) -> dict[str, tuple[Requirement, list[str]]]:
    """The requirements of a lock file and their hashes, by name."""
    text = COMMENT.sub("", lock.read_text(encoding="utf-8")).replace("\\\n", " ")
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for line in filter(str.strip, text.splitlines()):
        head, *hashes = line.split("--hash=")
        requirement = Requirement(head.strip())
        found[canonicalize_name(requirement.name)] = (requirement, [one.strip() for one in hashes])
    return found


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@LOCKS
def test_every_requirement_is_pinned(lock: Path) -> None:
    """Each has one exact version, and at least one hash, all of them SHA-256."""
    assert len(entries(lock)) > 20
    for requirement, hashes in entries(lock).values():
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert "*" not in pin.version
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)


@LOCKS
def test_no_lock_names_a_place(lock: Path) -> None:
    """No URL, index, path or editable stands in a lock, so that it means the same on every machine."""
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|git\+|--(extra-)?index-url|--find-links|--trusted-host|(^|\s)-e\s| @ ", text)


@pytest.mark.parametrize(("lock", "extras"), [(RUNTIME, []), (DEV, ["dev"])], ids=["runtime", "dev"])
def test_a_lock_has_what_the_project_asks_for(lock: Path, extras: list[str]) -> None:
    """Every requirement of pyproject.toml is in the lock, with a version that it allows."""
    wanted = project()["dependencies"] + [one for extra in extras for one in project()["optional-dependencies"][extra]]
    locked = entries(lock)
    for requirement in map(Requirement, wanted):
        (pin,) = locked[canonicalize_name(requirement.name)][0].specifier
        assert requirement.specifier.contains(pin.version), requirement


def test_nothing_is_locked_without_a_reason() -> None:
    """Each line of the runtime lock says who asked for it, down to pyproject.toml; nothing of the tools is in it."""
    text = RUNTIME.read_text(encoding="utf-8")
    blocks = re.findall(r"^([a-z0-9][\w.-]*)==.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    reasons = re.findall(r"# via(?: (\S.*)|((?:\n\s+#   \S.*)+))", text)
    assert len(blocks) == len(reasons) == len(entries(RUNTIME))
    said = (re.sub(r"\(.*?\)", "", "".join(one)) for one in reasons)
    parents = {canonicalize_name(word) for one in said for word in re.findall(r"[\w.-]+", one)}
    assert parents <= entries(RUNTIME).keys() | {"pipeline-exporter"}
    assert not {"pytest", "hypothesis", "pip-audit"} & entries(RUNTIME).keys()


def test_the_locks_agree() -> None:
    """What runs is what was tested: the lock of the tools has all of the other, with the same files."""
    runtime, dev = ({name: (req.specifier, files) for name, (req, files) in entries(x).items()} for x in (RUNTIME, DEV))
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile"])
def test_nothing_is_installed_without_hashes(name: str) -> None:
    """Every pip that installs a lock demands hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if re.search(r"-r \S*requirements", line)]
    assert installs
    macro = "--require-hashes" in text.partition("INSTALL :=")[2].partition("\n")[0]
    for line in installs:
        assert "--require-hashes" in line or (macro and "$(INSTALL)" in line) or line.lstrip().startswith(("#", "LOCK"))
