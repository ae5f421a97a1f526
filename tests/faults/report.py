"""Tries every fault and writes the table of ``docs/reliability.md``: ``python -m tests.faults.report``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.company import TRIALS, outcomes
from tests.faults.table import FAULTS, TARGETS, Fault
from tests.faults.trial import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"

_BEGIN = "<!-- begin: written by python -m tests.faults.report -->"
_END = "<!-- end -->"


def table(found: Sequence[Outcome]) -> str:
    """The table: a fault a line, and for each target the reason that was shown and the seconds to recover."""
    by_trial = {(outcome.fault, outcome.target): outcome for outcome in found}
    lines = [f"| fault | {' | '.join(TARGETS)} |", "|---" * (len(TARGETS) + 1) + "|"]
    for fault in FAULTS:
        cells = (_cell(fault, by_trial.get((fault.name, target))) for target in TARGETS)
        lines.append(f"| {fault.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(fault: Fault, outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    up = " (up)" if fault.up and outcome.reasons else ""
    return f"{', '.join(sorted(outcome.reasons)) or 'none'}{up}, {outcome.seconds:.1f}"


def rows_in(document: str) -> list[str]:
    """The faults in the table of the document."""
    return list(_rows(document.partition(_BEGIN)[2].partition(_END)[0]))


def _rows(text: str) -> Iterator[str]:
    for line in text.strip().splitlines()[2:]:
        yield line.split("|")[1].strip()


def main() -> int:
    """Write the table, unless something went wrong."""
    found = outcomes(TRIALS)
    problems = [f"{outcome.target}: {outcome.fault}: {outcome.problem}" for outcome in found if outcome.problem]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    before, _, rest = DOCUMENT.read_text().partition(_BEGIN)
    DOCUMENT.write_text(f"{before}{_BEGIN}\n{table(found)}\n{_END}{rest.partition(_END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
