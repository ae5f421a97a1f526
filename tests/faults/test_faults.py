"""What the exporter does while everything around it goes wrong: each fault on each target, over real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.company import TRIALS, Trial, outcomes
from tests.faults.report import rows_in
from tests.faults.table import FAULTS
from tests.faults.trial import Outcome

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[Trial, Outcome]:
    """How the chosen trials went; they are all played together, because most of their time is waiting."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    chosen = {call.params["trial"] for call in calls if call is not None and "trial" in call.params}
    return {Trial(found.fault, found.target): found for found in outcomes([t for t in TRIALS if t in chosen])}


@pytest.mark.parametrize("trial", TRIALS, ids=[f"{trial.target}: {trial.fault}" for trial in TRIALS])
def test_a_fault_is_named_stays_where_it_is_and_passes(trial: Trial, played: dict[Trial, Outcome]) -> None:
    """The process lives, the others keep their cadence, up and reason are right, and afterwards all is as before."""
    assert not played[trial].problem


def test_no_fault_is_there_twice() -> None:
    """Each row of the table has a name of its own."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_the_document_has_every_fault() -> None:
    """The rows of the table in the docs are the faults that are tried, in their order."""
    assert rows_in(DOCUMENT.read_text()) == [fault.name for fault in FAULTS]
