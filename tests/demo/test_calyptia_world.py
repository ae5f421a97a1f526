"""The simulated Calyptia cloud as a model: what actions leave behind, and when."""

from __future__ import annotations

import base64
import json
from datetime import datetime

import pytest

from exporter.demo.calyptia import KubeEvent, Tap, World
from exporter.demo.calyptia.errors import Conflict, Gone, NotFound
from exporter.demo.calyptia.times import ZERO_TIME, go_duration, rfc3339
from exporter.demo.calyptia.traces import INPUT, OUTPUT

START = 1_700_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at START."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """An empty world with a journal."""
    return World(clock=clock, seed=7, journal=True)


def statuses(world: World, pipeline: str) -> list[str]:
    """The statuses of a pipeline, oldest first."""
    return [row.body.status for row in world.pipeline(pipeline).history]


def times_of(world: World, pipeline: str) -> list[float]:
    """When the rows of a pipeline were created, oldest first."""
    return [datetime.fromisoformat(row.body.created_at).timestamp() for row in world.pipeline(pipeline).history]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (600, "10m0s"), (5400, "1h30m0s"), (0.5, "500ms"), (1.5, "1.5s"), (0, "0s"), (61, "1m1s"),
        (0.000_25, "250µs"), (36_000.25, "10h0m0.25s"), (-90, "-1m30s"), (0.0015, "1.5ms"),
    ],
)  # fmt: skip
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    """Go's Duration.String() and ours agree."""
    assert go_duration(seconds) == text


def test_every_form_of_a_time_is_the_same_instant() -> None:
    """Short forms, nine digits and offsets all occur, and say the same microsecond."""
    forms = {rfc3339(START + 0.25, variant=variant) for variant in range(100)}
    assert forms == {
        "2023-11-14T22:13:20.25Z",
        "2023-11-14T22:13:20.250000000Z",
        "2023-11-15T00:13:20.250000+02:00",
    }
    assert {datetime.fromisoformat(form).timestamp() for form in forms} == {START + 0.25}
    assert rfc3339(START) == "2023-11-14T22:13:20Z"


def test_the_project_token_carries_the_project_id(world: World) -> None:
    """Two base64url parts without padding: the ids as JSON, and a signature of 48 bytes."""
    ids, signature = world.project_token.split(".")
    assert "=" not in world.project_token
    decoded = json.loads(base64.urlsafe_b64decode(ids + "=" * (-len(ids) % 4)))
    assert set(decoded) == {"TokenID", "ProjectID"}
    assert decoded["ProjectID"] == world.project_id
    assert len(base64.urlsafe_b64decode(signature)) == 48


def test_every_report_appends_a_row(world: World) -> None:
    """The same status again is another row with another id, and the newest row is the current status."""
    pipeline = world.add_pipeline("nginx-access")
    first, second = world.report(pipeline, "STARTED"), world.report(pipeline, "STARTED")
    assert first != second
    assert statuses(world, pipeline) == ["NEW", "STARTED", "STARTED"]
    assert world.pipeline(pipeline).body.status.id == second


def test_events_are_a_list_or_empty_or_null_or_absent(world: World) -> None:
    """The four ways of a row to say its events reach the JSON as they are."""
    pipeline = world.add_pipeline("nginx-access")
    world.report(pipeline, "STARTED", [])
    world.report(pipeline, "STARTED", None)
    world.report(pipeline, "FAILED", [KubeEvent("BackOff", "k8s:pod", logged_at=ZERO_TIME)])
    rows = [json.loads(row.encoded()) for row in world.pipeline(pipeline).history]
    assert "events" not in rows[0]
    assert [row["events"] for row in rows[1:]] == [
        [],
        None,
        [{"source": "k8s:pod", "reason": "BackOff", "loggedAt": ZERO_TIME}],
    ]


def test_a_rollout_shows_in_the_rows_after_it(world: World, clock: Clock) -> None:
    """The pipeline has its new config at once, its status row with the next report; each has its own time."""
    pipeline = world.add_pipeline("nginx-access")
    clock.seconds += 60
    config = world.rollout(pipeline)
    body = world.pipeline(pipeline).body
    assert body.config.id == config != body.status.config.id
    assert datetime.fromisoformat(body.config.created_at).timestamp() == START + 60
    world.report(pipeline, "STARTING")
    assert world.pipeline(pipeline).body.status.config.id == config


def test_the_secret_is_in_every_place_that_clients_must_not_read(world: World) -> None:
    """A row holds it once; a pipeline in both configs and a section; a trace record in its payload."""
    pipeline = world.add_pipeline("nginx-access")
    session = world.start_trace(pipeline)
    world.emit_record(session, Tap(type=INPUT, plugin="http.0"))
    secret = world.planted_secret.encode()
    found = world.pipeline(pipeline)
    assert found.history[0].encoded().count(secret) == 1
    assert found.entry.encoded().count(secret) == 3
    assert found.sessions[0].records[0].encoded().count(secret) == 1


def test_a_pipeline_is_gone_with_all_that_was_its_own(world: World) -> None:
    """Deleting leaves no row and no session, only the journal remembers."""
    pipeline = world.add_pipeline("nginx-access")
    session = world.start_trace(pipeline)
    world.delete("nginx-access")
    with pytest.raises(NotFound, match=r"^pipeline not found$"):
        world.pipeline(pipeline)
    with pytest.raises(NotFound, match=r"^trace session not found$"):
        world.session(session)
    assert world.journal is not None
    assert world.journal.counts()[pipeline].rows == 1


def test_the_history_is_bounded(clock: Clock) -> None:
    """Only the newest rows are kept."""
    world = World(clock=clock, history_limit=3)
    pipeline = world.add_pipeline("nginx-access")
    for status in ("STARTING", "STARTED", "FAILED"):
        world.report(pipeline, status)
    assert statuses(world, pipeline) == ["STARTING", "STARTED", "FAILED"]


def test_one_trace_session_at_a_time(world: World, clock: Clock) -> None:
    """A second one is a conflict until the first has ended, by itself or by hand."""
    pipeline = world.add_pipeline("nginx-access")
    first = world.start_trace(pipeline, lifespan=60)
    with pytest.raises(Conflict):
        world.start_trace(pipeline)
    clock.seconds += 60
    assert world.active_session(pipeline).entry.body.id == first
    clock.seconds += 1
    with pytest.raises(NotFound, match=r"^no active trace session$"):
        world.active_session(pipeline)
    second = world.start_trace(pipeline)
    world.end_trace(second)
    world.start_trace(pipeline)


def test_a_terminated_session_is_shorter_and_takes_no_more(world: World, clock: Clock) -> None:
    """Ending makes the lifespan what has passed of it; later records are refused, earlier ones stay."""
    session = world.start_trace(world.add_pipeline("nginx-access"), as_number=True)
    assert world.session(session).entry.body.lifespan == 600_000_000_000
    world.emit_record(session, Tap(type=OUTPUT, plugin="http.1"))
    clock.seconds += 90.5
    world.end_trace(session)
    assert world.session(session).entry.body.lifespan == "1m30.5s"
    with pytest.raises(Gone, match=r"^trace session terminated$"):
        world.emit_record(session, Tap(type=OUTPUT, plugin="http.1"))
    with pytest.raises(Gone):
        world.extend_trace(session, 60)
    assert len(world.session(session).records) == 1


def test_a_session_can_be_made_longer(world: World, clock: Clock) -> None:
    """An extended session is active beyond its first end."""
    pipeline = world.add_pipeline("nginx-access")
    session = world.start_trace(pipeline, lifespan=60)
    world.extend_trace(session, 120)
    clock.seconds += 100
    assert world.active_session(pipeline).entry.body.lifespan == "2m0s"


def test_trace_records_default_to_what_fluent_bit_sends(world: World) -> None:
    """Output has a return code and no records, the others the zero value and records; no alias by default."""
    session = world.start_trace(world.add_pipeline("nginx-access"))
    for kind in (INPUT, OUTPUT):
        world.emit_record(session, Tap(type=kind, plugin="http.0"))
    world.emit_record(session, Tap(type=OUTPUT, plugin="http.0", without_return_code=True, alias=None))
    first, output, bare = (json.loads(record.encoded()) for record in world.session(session).records)
    assert (first["return_code"], len(first["records"]), first["start_time"]) == (0, 1, int(START))
    assert output["return_code"] == 1
    assert {"records", "plugin_alias"}.isdisjoint(output)
    assert "return_code" not in bare
    assert bare["plugin_alias"] is None


def test_scheduled_actions_happen_at_their_own_times(world: World, clock: Clock) -> None:
    """Rows carry the times the actions were meant for, in that order, whatever the order of scheduling."""
    pipeline = world.add_pipeline("nginx-access")
    world.at(START + 20, lambda: world.report(pipeline, "STARTED"))
    world.at(START + 10, lambda: world.report(pipeline, "STARTING"))
    world.at(START + 99, lambda: world.report(pipeline, "FAILED"))
    clock.seconds += 50
    world.advance()
    assert statuses(world, pipeline) == ["NEW", "STARTING", "STARTED"]
    assert times_of(world, pipeline) == [START, START + 10, START + 20]


def test_an_action_by_hand_comes_after_what_was_due(world: World, clock: Clock) -> None:
    """Rows never run backwards: what was scheduled earlier happens first."""
    pipeline = world.add_pipeline("nginx-access")
    world.at(START + 10, lambda: world.report(pipeline, "STARTED"))
    clock.seconds += 20
    world.report(pipeline, "FAILED")
    assert statuses(world, pipeline) == ["NEW", "STARTED", "FAILED"]


def test_a_world_played_ahead_of_its_clock_stays_there(world: World) -> None:
    """After advance(later) the present is `later`, so that nothing gets an older time than what happened."""
    world.advance(START + 500)
    assert world.now() == START + 500
