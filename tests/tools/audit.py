"""Asks for known vulnerabilities of what the lock files pin: ``python tests/tools/audit.py [LOCK ...]``.

Exit 0: asked about all of it, and nothing is known but what ``audit-ignore.toml`` lists; 1: something is; 2: the list
is wrong (an entry without a reason, or past its date); 3: the service could not be asked, about all or some of it,
and so nothing is known.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")
IGNORED = Path(__file__).with_name("audit-ignore.toml")

CLEAN, VULNERABLE, BAD_LIST, NOT_ASKED = range(4)

_COMMAND = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json",
            "--progress-spinner", "off", "--aliases", "on", "--desc", "off", "--requirement")  # fmt: skip
_LONGEST_DAYS = 180
_MARKER = re.compile(r" ; [^\\\n]*")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


class Ignored(NamedTuple):
    """An advisory that is known and accepted until a day, and why."""

    id: str
    reason: str
    expires: datetime.date


def ignored(text: str, today: datetime.date) -> tuple[list[Ignored], list[str]]:
    """The advisories that are accepted, and what is wrong with the list."""
    entries = tomllib.loads(text).get("advisory", [])
    found = [Ignored(str(e.get("id", "")), str(e.get("reason", "")), _day(e.get("expires"))) for e in entries]
    return found, [f"{entry.id or 'an entry without id'}: {why}" for entry in found if (why := _wrong(entry, today))]


def _day(raw: object) -> datetime.date:
    return raw if isinstance(raw, datetime.date) else datetime.date.min


def _wrong(entry: Ignored, today: datetime.date) -> str:
    if not re.fullmatch(r"(PYSEC|GHSA|CVE)-[\w-]+", entry.id):
        return "id must be that of an advisory: PYSEC-…, GHSA-… or CVE-…"
    if len(entry.reason) < 20:
        return "reason must say why it does no harm here, and what would mend it"
    if entry.expires < today:
        return "expires must be a day that is not past: look at it again"
    too_far = entry.expires > today + datetime.timedelta(days=_LONGEST_DAYS)
    return f"expires must be within {_LONGEST_DAYS} days" if too_far else ""


def pinned(text: str) -> dict[str, str]:
    """Names and versions of a lock file."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PINNED.findall(text)}


def judged(answer: Mapping[str, Any], pins: Mapping[str, str], accepted: Sequence[Ignored]) -> tuple[int, list[str]]:
    """What pip-audit's JSON says: the exit code, and a line for each thing that is to be known.

    What pip-audit skips it calls no vulnerability; here it is what could not be asked about.
    """
    known = {entry.id for entry in accepted}
    rows = {re.sub(r"[-_.]+", "-", row["name"]).lower(): row for row in answer.get("dependencies", [])}
    bad = [
        f"{name} {row['version']}: {vuln['id']}, fixed in {', '.join(vuln.get('fix_versions', [])) or 'no version yet'}"
        for name, row in rows.items()
        for vuln in row.get("vulns", [])
        if not known & {vuln["id"], *vuln.get("aliases", [])}
    ]
    silent = [name for name in pins if "vulns" not in rows.get(name, {})]
    if bad:
        return VULNERABLE, bad
    if silent:
        return NOT_ASKED, [f"not asked about {len(silent)} of {len(pins)}: {', '.join(silent[:5])} …"]
    return CLEAN, [f"asked about {len(pins)}: nothing known"]


def rounds(text: str) -> list[str]:
    """A lock as texts in which no name stands twice: a version for one Python, then one for another.

    Without the markers: also what only other systems install is asked about.
    """
    found: list[list[str]] = []
    seen: Counter[str] = Counter()
    for block in re.split(r"^(?=[A-Za-z0-9])", _MARKER.sub(" ", text), flags=re.MULTILINE)[1:]:
        name = block.partition("==")[0]
        if seen[name] == len(found):
            found.append([])
        found[seen[name]].append(block)
        seen[name] += 1
    return list(map("".join, found))


def audit(lock: Path, accepted: Sequence[Ignored]) -> tuple[int, list[str]]:
    """Ask about one lock file; the worst answer counts."""
    answers = [_ask(text, accepted) for text in rounds(lock.read_text(encoding="utf-8"))]
    worst = next(code for code in (VULNERABLE, NOT_ASKED, CLEAN) if code in [code for code, _ in answers])
    return worst, [sentence for _, sentences in answers for sentence in sentences]


def _ask(text: str, accepted: Sequence[Ignored]) -> tuple[int, list[str]]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([*_COMMAND, str(file)], capture_output=True, text=True, timeout=600)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return NOT_ASKED, [f"the service could not be asked: {last[:300]}"]
    return judged(answer, pinned(text), accepted)


def main(arguments: Sequence[str]) -> int:
    """Ask about every lock file; the worst answer counts."""
    accepted, wrong = ignored(IGNORED.read_text(encoding="utf-8"), datetime.datetime.now(datetime.UTC).date())
    if wrong:
        print(*(f"{IGNORED.name}: {sentence}" for sentence in wrong), sep="\n", file=sys.stderr)
        return BAD_LIST
    codes = []
    for lock in map(Path, arguments or map(str, LOCKS)):
        code, sentences = audit(lock, accepted)
        print(*(f"{lock.name}: {sentence}" for sentence in sentences), sep="\n")
        codes.append(code)
    if NOT_ASKED in codes:
        print("NOT AUDITED: the advisory service could not be asked; this is no clean bill", file=sys.stderr)
    return next(code for code in (VULNERABLE, NOT_ASKED, CLEAN) if code in codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
