"""The audit of dependencies: an answer counts only if it was given, and nothing is accepted without a reason."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.audit import (
    BAD_LIST,
    CLEAN,
    IGNORED,
    LOCKS,
    NOT_ASKED,
    VULNERABLE,
    Ignored,
    ignored,
    judged,
    pinned,
    rounds,
)

ROOT = Path(__file__).parents[2]
TODAY = datetime.date(2027, 1, 10)
PINS = {"idna": "3.6", "httpx": "0.28.1"}
SOUND: list[dict[str, Any]] = [
    {"name": "idna", "version": "3.6", "vulns": []},
    {"name": "HTTPX", "version": "0.28.1", "vulns": []},
]
ADVISORY = {"id": "PYSEC-2024-60", "aliases": ["CVE-2024-3651"], "fix_versions": ["3.7"]}
KNOWN: list[dict[str, Any]] = [{**SOUND[0], "vulns": [ADVISORY]}, SOUND[1]]
SKIPPED: list[dict[str, Any]] = [{"name": "idna", "skip_reason": "not found"}, SOUND[1]]
ACCEPTED = Ignored("CVE-2024-3651", "r" * 30, TODAY)


@pytest.mark.parametrize(
    ("rows", "accepted", "code", "sentence"),
    [
        (SOUND, [], CLEAN, "asked about 2: nothing known"),
        (KNOWN, [], VULNERABLE, "idna 3.6: PYSEC-2024-60, fixed in 3.7"),
        (KNOWN, [ACCEPTED], CLEAN, "asked about 2: nothing known"),
        (SKIPPED, [], NOT_ASKED, "not asked about 1 of 2: idna …"),
        ([], [], NOT_ASKED, "not asked about 2 of 2: idna, httpx …"),
        ([KNOWN[0]], [], VULNERABLE, "idna 3.6: PYSEC-2024-60, fixed in 3.7"),
    ],
)
def test_what_an_answer_means(rows: list[dict[str, Any]], accepted: list[Ignored], code: int, sentence: str) -> None:
    """An advisory fails unless it is accepted, under any of its names; what was not asked about is no clean bill."""
    assert judged({"dependencies": rows}, PINS, accepted) == (code, [sentence])


def test_the_list_of_accepted_advisories_is_in_order() -> None:
    """Each entry that is shipped has an id, a reason and a day that is not past."""
    today = datetime.datetime.now(datetime.UTC).date()
    assert ignored(IGNORED.read_text(encoding="utf-8"), today)[1] == []


ENTRY = """id = "GHSA-aaaa-bbbb-cccc"
reason = "the parser is never given what comes from outside"
expires = 2027-02-01
"""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("", ""), None),
        (("GHSA-aaaa-bbbb-cccc", "x"), "x: id must be that of an advisory: PYSEC-…, GHSA-… or CVE-…"),
        (("the parser is never given what comes from outside", "later"), "reason must say why"),
        (("2027-02-01", "2027-01-09"), "expires must be a day that is not past"),
        (("2027-02-01", "2028-02-01"), "expires must be within 180 days"),
        (("expires = 2027-02-01\n", ""), "expires must be a day that is not past"),
    ],
)
def test_an_entry_needs_a_reason_and_a_day(change: tuple[str, str], sentence: str | None) -> None:
    """What is accepted says why, and until when."""
    found, wrong = ignored(f"[[advisory]]\n{ENTRY.replace(*change)}", TODAY)
    assert len(found) == 1
    assert wrong == [] if sentence is None else sentence in wrong[0]


def test_without_the_service_it_says_so(tmp_path: Path) -> None:
    """A service that cannot be reached is another exit code and a plain sentence, never a pass."""
    nowhere = "http://127.0.0.1:9"
    env = {**os.environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "XDG_CACHE_HOME": str(tmp_path)}
    lock = tmp_path / "one.lock"
    lock.write_text(f"idna==3.6 \\\n    --hash=sha256:{'a' * 64}\n")
    command = [sys.executable, "tests/tools/audit.py", str(lock)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == NOT_ASKED, done.stdout + done.stderr
    assert "NOT AUDITED: the advisory service could not be asked; this is no clean bill" in done.stderr


def test_the_whole_lock_is_asked_about() -> None:
    """The names and versions asked about are those of the lock files."""
    assert [len(pinned(lock.read_text(encoding="utf-8"))) > 20 for lock in LOCKS] == [True, True]
    assert pinned("A_b.C==1.0 ; x == 'y' \\\n    --hash=sha256:0\n# d==2\n") == {"a-b-c": "1.0"}
    assert BAD_LIST not in (CLEAN, VULNERABLE, NOT_ASKED)


def test_a_name_with_two_versions_is_asked_about_twice() -> None:
    """A lock may pin one version for one Python and another for the next; both are asked about."""
    old, new = "a==1 ; python_version < '3.12' \\\n    --hash=x\n", "a==2 ; python_version >= '3.12' \\\n    --hash=y\n"
    text = f"# comment\n{old}{new}b==3 \\\n    --hash=z\n"
    assert [pinned(one) for one in rounds(text)] == [{"a": "1", "b": "3"}, {"a": "2"}]
