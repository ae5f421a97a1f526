"""The text of a backfill: whole for a small history, and true at any time for every history."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.backfill.past import Past, States
from exporter.backfill.plan import Plan
from exporter.backfill.series import gauges
from exporter.backfill.write import Written, write
from exporter.errors import OutputError
from exporter.model import HEALTHS, DeploymentError, Dimension, Event, Pipeline, Status

DIMENSIONS = (Dimension("phase", ("Up", "Down"), "Phase."),)
STEP = 60


def past(*events: Event, status: str | None = "Up", as_of: float = 1100.0, name: str = "orders") -> Past:
    """The past of a pipeline that is healthy in ``status`` at ``as_of``."""
    states = States(DIMENSIONS)
    pipeline = Pipeline("p1", name, {"phase": Status(status)} if status else {}, "healthy")
    found = Past("prod", pipeline, as_of=as_of, now=states.now(pipeline))
    found.add(events, states, complete=True)
    return found


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def written(folder: Path, *pasts: Past, dense: bool, **options: object) -> tuple[str, Written]:
    """The text of a backfill, and what it says of itself."""
    plan = Plan(folder / "out.om", step=STEP, **options)  # type: ignore[arg-type]
    told = write(pasts, gauges(DIMENSIONS), plan, quiet, dense=dense)
    return plan.output.read_text(), told


TINY = (
    Event("e1", 1000.25, ("Down",), False, (), "idle"),
    Event("e2", 1030.5, ("Down",), True, (), "failed"),
    Event("e3", 1030.5, ("Up",), False, (), "healthy"),
    Event("e4", 1080.0, (None,), False, (), "unknown"),
)
"""Two events at one time, one on the grid, a status that becomes null."""

SPARSE = """\
# HELP pipeline_phase_status Phase. 1 for the present status.
# TYPE pipeline_phase_status gauge
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",status="Down"} 1 1000.25
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",status="Down"} 1 1020
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",status="Up"} 1 1030.5
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",status="Up"} 1 1100.0
# HELP pipeline_deployment_has_error 1 while the deployment has an error.
# TYPE pipeline_deployment_has_error gauge
pipeline_deployment_has_error{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x"} 0 1000.25
pipeline_deployment_has_error{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x"} 0 1020
pipeline_deployment_has_error{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x"} 0 1030.5
pipeline_deployment_has_error{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x"} 0 1080.0
pipeline_deployment_has_error{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x"} 0 1100.0
# HELP pipeline_health One reading of all statuses, the same across control planes. 1 for the present one.
# TYPE pipeline_health gauge
pipeline_health{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",health="idle"} 1 1000.25
pipeline_health{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",health="idle"} 1 1020
pipeline_health{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",health="healthy"} 1 1030.5
pipeline_health{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",health="healthy"} 1 1100.0
pipeline_health{source="prod",pipeline="p1",pipeline_name="or\\"ders",job="x",health="unknown"} 1 1080.0
# EOF
"""

DENSE_STATUS = """\
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Up"} 0 1000.25
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Up"} 0 1020
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Up"} 1 1030.5
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Up"} 1 1100.0
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Down"} 1 1000.25
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Down"} 1 1020
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Down"} 0 1030.5
pipeline_phase_status{source="prod",pipeline="p1",pipeline_name="orders",status="Down"} 0 1100.0
"""


def test_whole_text(tmp_path: Path) -> None:
    """Every line: samples at events and between, the last of two events at one time, null without a sample."""
    text, told = written(tmp_path, past(*TINY, name='or"ders'), dense=False, labels=(("job", "x"),))
    assert text == SPARSE
    assert told == Written(pipelines=1, events=4, first=1000.25, last=1100.0, samples=14, size_bytes=len(SPARSE))
    assert [path.name for path in tmp_path.iterdir()] == ["out.om"]
    assert sum(len(family.samples) for family in text_string_to_metric_families(text)) == told.samples


def test_dense_series_say_0(tmp_path: Path) -> None:
    """Every known status has a sample at each time, as on the live page; while it is null, none has."""
    text, _ = written(tmp_path, past(*TINY), dense=True)
    assert DENSE_STATUS in text
    assert text.count("pipeline_health{") == 5 * len(HEALTHS)


def test_the_end_is_the_present_state(tmp_path: Path) -> None:
    """At the time of the read it is as the list of pipelines said, whatever events came behind it."""
    states = States(DIMENSIONS)
    pipeline = Pipeline("p1", "orders", {"phase": Status("New")}, "failed", error=DeploymentError("Code"))
    found = Past("prod", pipeline, as_of=1100.0, now=states.now(pipeline))
    found.add((Event("e", 1100.5, ("Up",)),), states, complete=True)
    text, _ = written(tmp_path, found, dense=False)
    samples = [line.rpartition(",")[2] for line in text.splitlines() if not line.startswith("#")]
    assert samples == ['status="New"} 1 1100.0', 'pipeline_name="orders"} 1 1100.0', 'health="failed"} 1 1100.0']


def test_what_is_too_old_is_left_out(tmp_path: Path) -> None:
    """The first sample is as old as may be, with the state of that time."""
    text, told = written(tmp_path, past(*TINY), dense=False, max_age=75.0)
    assert told.first == 1025.0
    assert 'status="Down"} 1 1025.0\n' in text
    assert "1000.25" not in text


def test_an_incomplete_read_adds_to_what_is_known(tmp_path: Path) -> None:
    """Events that come one by one are put in order; a whole list replaces them."""
    states = States(DIMENSIONS)
    found = past(TINY[2])
    found.add(TINY[:1], states, complete=False)
    assert [at for at, _ in found.points(1e9)] == [1000.25, 1030.5, 1100.0]
    found.add(TINY[2:3], states, complete=True)
    assert [at for at, _ in found.points(1e9)] == [1030.5, 1100.0]


def test_no_pipelines_is_an_empty_document(tmp_path: Path) -> None:
    """Nothing but heads and the end mark."""
    text, told = written(tmp_path, dense=True)
    assert (told.samples, text.splitlines()[-1]) == (0, "# EOF")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """A write that fails half way leaves the old file, and nothing beside it."""
    (tmp_path / "out.om").write_text("old")

    def fail(what: str, done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    plan = Plan(tmp_path / "out.om")
    with pytest.raises(OutputError, match=r"out\.om: cannot be written: No space left on device"):
        write([past(*TINY)], gauges(DIMENSIONS), plan, fail, dense=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.om", "old")]


def test_no_place_to_write_is_one_sentence(tmp_path: Path) -> None:
    """The file system's reason reaches the user."""
    with pytest.raises(OutputError, match="No such file or directory"):
        write([past()], gauges(DIMENSIONS), Plan(tmp_path / "none" / "out.om"), quiet, dense=True)


# Any history

STATUSES = st.sampled_from(["Up", "Down", "Odd", None])
BEGIN = 1_700_000_000
END_MS = (BEGIN + 1100) * 1000
OFFSETS = st.one_of(st.integers(0, 1200), st.integers(0, 1_200_000_000).map(lambda us: us / 1e6), st.floats(0, 0.01))
TIMES = OFFSETS.map(lambda offset: float(BEGIN + offset))
EVENTS = st.lists(st.tuples(TIMES, STATUSES, st.booleans(), st.sampled_from(HEALTHS)), max_size=20)

Series = dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[int, float]]]


def read_back(text: str) -> Series:
    """Series by name and labels: times in milliseconds, as Prometheus takes them, and values."""
    found: Series = defaultdict(list)
    for name, labels, value, time in re.findall(r"^(\w+){(.*)} (\d) (.*)$", text, re.MULTILINE):
        pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels))
        found[name, pairs].append((int(float(time) * 1000), float(value)))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples."""
    return tmp_path_factory.mktemp("backfill")


@given(EVENTS, st.booleans(), st.lists(st.integers(BEGIN * 1000, END_MS), max_size=10))
def test_the_text_tells_the_state_at_any_time(
    folder: Path, listed: list[tuple[float, str | None, bool, str]], dense: bool, asked: list[int]
) -> None:
    """At each sample's time and at any other, what is read back is the state then; gaps are no longer than a step."""
    ordered = sorted(listed, key=lambda one: one[0])
    events = [Event(str(n), at, (s,), e, (), h) for n, (at, s, e, h) in enumerate(ordered)]  # type: ignore[arg-type]
    text, told = written(folder, past(*events, as_of=BEGIN + 1100.0), dense=dense)
    series = read_back(text)
    assert told.samples == sum(map(len, series.values()))
    points = {int(e.at * 1000): (e.statuses[0], str(int(e.has_error)), e.health) for e in events if e.at < BEGIN + 1100}
    points[END_MS] = ("Up", "0", "healthy")
    starts = sorted(points)
    for samples in series.values():
        assert all(a < b for (a, _), (b, _) in pairwise(samples))
    (errors,) = (samples for (name, _), samples in series.items() if name == "pipeline_deployment_has_error")
    assert max((b - a for (a, _), (b, _) in pairwise(errors)), default=0) <= STEP * 1000
    assert {at for at, _ in errors} >= set(starts)
    for at in {*asked, *(at for at, _ in errors)}:
        if at >= starts[0]:
            check(series, at, points[starts[bisect_right(starts, at) - 1]], {at for at, _ in errors}, dense=dense)


def check(series: Series, at: int, state: tuple[str | None, str, str], told: set[int], *, dense: bool) -> None:
    """Compare the samples in force at a time with the state then."""
    last = max(time for time in told if time <= at)
    found = {key: dict(samples)[last] for key, samples in series.items() if last in dict(samples)}
    status, error, health = state
    shown = {"pipeline_phase_status": "status", "pipeline_health": "health"}
    ones = {(name, dict(labels).get(shown.get(name, ""))) for (name, labels), value in found.items() if value == 1}
    expected = {("pipeline_phase_status", status), ("pipeline_health", health), ("pipeline_deployment_has_error", None)}
    assert ones == {e for e in expected if e != ("pipeline_phase_status", None)} - (
        set() if error == "1" else {("pipeline_deployment_has_error", None)}
    )
    zeros = [name for (name, _), value in found.items() if value == 0]
    known = len({"Up", "Down"} - {status})
    assert zeros.count("pipeline_phase_status") == (known if dense and status else 0)
    assert zeros.count("pipeline_health") == (len(HEALTHS) - 1 if dense else 0)
