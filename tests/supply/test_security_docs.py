"""The security documents promise nothing without a test, and name nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter import __version__

ROOT = Path(__file__).parents[2]
THREATS, POLICY = ROOT / "docs" / "security.md", ROOT / "SECURITY.md"


@pytest.mark.parametrize("path", [THREATS, POLICY], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Files that are linked are there."""
    targets = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_named_test_is_there() -> None:
    """A promise that names a test names one that runs."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", THREATS.read_text(encoding="utf-8"))
    assert len(named) > 20
    for file, name in named:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_every_promise_has_a_test_or_says_that_nothing_holds() -> None:
    """A row of a threat names a test, but for the two that have none and say why it is so."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|([^|]*)\|$", THREATS.read_text(encoding="utf-8"), re.MULTILINE)
    threats = [row for row in rows if row[0] not in ("attack", "---")]
    bare = [attack for attack, _, shown in threats if "tests/" not in shown]
    assert len(threats) > 15
    assert bare == ["Lies", "Credentials from the environment"]


def test_the_supported_version_is_the_present_one() -> None:
    """The table of supported versions has the line of this release."""
    line = ".".join(__version__.split(".")[:2])
    assert f"| {line}.x | yes |" in POLICY.read_text(encoding="utf-8")
