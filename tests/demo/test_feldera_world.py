"""The simulated Feldera's world: sequences of events, and what they do to the row."""

from __future__ import annotations

from itertools import pairwise

import pytest

from exporter.demo.feldera import wire
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.errors import SimulatedError
from exporter.demo.feldera.rows import Event
from exporter.demo.feldera.world import World

BEGIN = 1_800_000_000.0


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at the beginning."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """A world where everything happens at once."""
    return World(clock=clock, delays=Delays.none(), journal=True)


def deployment(event: Event) -> tuple[object, ...]:
    """(resources, desired, runtime, runtime desired, error) as the facts write sequences."""
    has_error = "yes" if event.has_error else "no"
    return event.resources, event.resources_desired, event.runtime, event.runtime_desired, has_error


def since(world: World, name: str, count: int) -> list[tuple[object, ...]]:
    """The deployment columns of the events after the first `count`."""
    return [deployment(event) for event in world.events(name)[count:]]


def running(world: World, clock: Clock, name: str = "p") -> int:
    """A running pipeline; returns how many events that took."""
    world.create(name)
    clock.pass_(1)
    world.start(name)
    clock.pass_(1)
    return len(world.events(name))


def test_creation_compiles_with_one_event_per_status(world: World) -> None:
    """A new pipeline has an event from its creation on, and one for each program status."""
    world.create("p")
    programs = [event.program for event in world.events("p")]
    assert programs == ["Pending", "CompilingSql", "SqlCompiled", "CompilingRust", "Success"]


@pytest.mark.parametrize(
    ("outcome", "path"),
    [
        ("SqlError", ["Pending", "CompilingSql", "SqlError"]),
        ("RustError", ["Pending", "CompilingSql", "SqlCompiled", "CompilingRust", "RustError"]),
        ("SystemError", ["Pending", "CompilingSql", "SystemError"]),
    ],
)
def test_a_program_that_fails_ends_in_its_error(world: World, outcome: str, path: list[str]) -> None:
    """Each kind of program error is reached through the statuses before it."""
    world.create("p", outcome=None)
    world.compile("p", outcome)
    assert [event.program for event in world.events("p")] == ["Pending", *path]
    with pytest.raises(SimulatedError, match="failed to compile"):
        world.start("p")


def test_golden_sequence_of_a_start_and_a_worker_panic(world: World, clock: Clock) -> None:
    """A start followed by a worker panic writes the real server's sequence, pairs in one transaction."""
    world.create("p")
    before = len(world.events("p")) - 1
    clock.pass_(1)
    world.start("p")
    clock.pass_(10)
    world.fail("p", "RuntimeError.WorkerPanic", "boom", None)
    assert since(world, "p", before) == [
        ("Stopped", "Stopped", None, None, "no"),
        ("Stopped", "Provisioned", None, None, "no"),
        ("Stopped", "Provisioned", None, None, "no"),
        ("Provisioning", "Provisioned", None, None, "no"),
        ("Provisioned", "Provisioned", "Initializing", "Running", "no"),
        ("Provisioned", "Provisioned", "Running", "Running", "no"),
        ("Provisioned", "Stopped", "Running", "Running", "no"),
        ("Stopping", "Stopped", None, None, "yes"),
        ("Stopped", "Stopped", None, None, "yes"),
    ]
    assert [event.storage for event in world.events("p")[before : before + 4]] == [
        "Cleared", "Cleared", "InUse", "InUse",
    ]  # fmt: skip


def test_paired_events_share_recorded_at_and_ids_grow(clock: Clock) -> None:
    """With real delays only the events of one transaction share a time; ids are monotone uuids of version 7."""
    world = World(clock=clock)
    world.create("p")
    clock.pass_(60)
    world.start("p")
    clock.pass_(60)
    world.fail("p")
    world.advance(clock.now + 60)
    events = world.events("p")
    pairs = [(a.storage, b.resources) for a, b in pairwise(events) if a.at_us == b.at_us]
    assert pairs == [("InUse", "Provisioning"), ("InUse", "Stopping")]
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert {wire.event(event, "status")["event_id"][14] for event in events} == {"7"}


def test_an_early_failure_never_leaves_stopped(world: World) -> None:
    """A start that fails before provisioning: desired Stopped first, then the error, in one transaction."""
    world.create("p")
    before = len(world.events("p"))
    world.fail_early("p", "RunnerProvisionError", "no nodes", None)
    assert since(world, "p", before) == [
        ("Stopped", "Provisioned", None, None, "no"),
        ("Stopped", "Stopped", None, None, "no"),
        ("Stopped", "Stopped", None, None, "yes"),
    ]


def test_stops_by_a_user_have_no_error(world: World, clock: Clock) -> None:
    """A forced stop goes through Stopping; one with a checkpoint through Suspended before."""
    before = running(world, clock)
    world.stop("p")
    assert since(world, "p", before) == [
        ("Provisioned", "Stopped", "Running", "Running", "no"),
        ("Provisioned", "Stopped", "Running", "Running", "no"),
        ("Stopping", "Stopped", None, None, "no"),
        ("Stopped", "Stopped", None, None, "no"),
    ]
    clock.pass_(1)
    world.start("p")
    before = len(world.events("p"))
    world.stop("p", force=False)
    assert since(world, "p", before) == [
        ("Provisioned", "Provisioned", "Running", "Suspended", "no"),
        ("Provisioned", "Provisioned", "Suspended", "Suspended", "no"),
        ("Provisioned", "Stopped", "Suspended", "Suspended", "no"),
        ("Stopping", "Stopped", None, None, "no"),
        ("Stopped", "Stopped", None, None, "no"),
    ]
    assert world.find("p").storage_details is not None


def test_unavailable_is_written_over_status_and_wish(world: World, clock: Clock) -> None:
    """An unreachable pipeline is Unavailable in both runtime columns, so the combined statuses match."""
    before = running(world, clock)
    world.unavailable("p")
    row = world.find("p")
    assert (row.status, row.desired_status) == ("Unavailable", "Unavailable")
    world.reachable("p")
    assert since(world, "p", before) == [
        ("Provisioned", "Provisioned", "Unavailable", "Unavailable", "no"),
        ("Provisioned", "Provisioned", "Running", "Running", "no"),
    ]


def test_pausing_and_approval(world: World, clock: Clock) -> None:
    """Pause writes the wish, then the status; approval leads through Bootstrapping to Running."""
    before = running(world, clock)
    world.pause("p")
    world.resume("p")
    assert [status[2:4] for status in since(world, "p", before)] == [
        ("Running", "Paused"), ("Paused", "Paused"), ("Paused", "Running"), ("Running", "Running"),
    ]  # fmt: skip
    before = len(world.events("p"))
    world.stop("p")
    world.await_approval("p")
    assert world.find("p").status == "AwaitingApproval"
    assert "approval_diff" in (world.find("p").details or {})
    world.approve("p")
    assert [status[2] for status in since(world, "p", before)][-3:] == [
        "AwaitingApproval", "Bootstrapping", "Running",
    ]  # fmt: skip


def test_the_error_lives_from_stopping_until_dismissed_or_started(world: World, clock: Clock) -> None:
    """deployment_error stays while Stopped; dismiss_error and start clear it."""
    running(world, clock)
    world.fail("p", "RuntimeError.WorkerPanic", "boom", {"worker": 1})
    assert wire.failure(world.find("p").error) == {
        "message": "boom", "error_code": "RuntimeError.WorkerPanic", "details": {"worker": 1},
    }  # fmt: skip
    world.dismiss_error("p")
    assert world.find("p").error is None
    world.start("p")
    world.fail("p")
    with pytest.raises(SimulatedError, match="dismissed first"):
        world.start("p", dismiss_error=False)
    world.start("p")
    assert world.find("p").error is None


def test_since_moves_only_with_its_value(world: World, clock: Clock) -> None:
    """A heartbeat and a resend move no `_since`; runtime times are null unless Provisioned."""
    running(world, clock)
    row = world.find("p")
    shown = wire.pipeline(row, "status")
    clock.pass_(5)
    world.heartbeat("p")
    world.start("p")
    later = wire.pipeline(row, "status")
    assert {key: later[key] for key in shown if key.endswith("_since")} == {
        key: value for key, value in shown.items() if key.endswith("_since")
    }
    world.stop("p")
    stopped = wire.pipeline(row, "status")
    assert stopped["deployment_runtime_status_since"] is None
    assert stopped["deployment_status_since"] == "2027-01-15T08:00:07Z"


def test_rename_delete_recreate(world: World, clock: Clock) -> None:
    """A rename keeps id and history; deletion needs Stopped and Cleared; a new pipeline has a new id."""
    running(world, clock)
    row = world.find("p")
    for forbidden in (lambda: world.delete("p"), lambda: world.rename("p", "q")):
        with pytest.raises(SimulatedError):
            forbidden()
    world.stop("p")
    with pytest.raises(SimulatedError, match="storage is not cleared"):
        world.delete("p")
    world.clear("p")
    assert [event.storage for event in world.events("p")[-2:]] == ["Clearing", "Cleared"]
    count = len(world.events("p"))
    world.rename("p", "q")
    assert (world.find("q").id, len(world.events("q"))) == (row.id, count + 1)
    assert world.recreate("q").id != row.id
    with pytest.raises(SimulatedError) as refusal:
        world.find("p")
    assert (refusal.value.status, refusal.value.error_code) == (404, "UnknownPipelineName")


def test_a_stop_overtakes_a_start(clock: Clock) -> None:
    """The steps of a deployment that was stopped meanwhile never happen."""
    world = World(clock=clock)
    world.create("p")
    clock.pass_(60)
    world.start("p")
    clock.pass_(2)
    world.advance(clock.now)
    assert world.find("p").status == "Provisioning"
    world.stop("p")
    world.advance(clock.now + 60)
    assert [event.resources for event in world.events("p")][-1] == "Stopped"
    assert "Provisioned" not in {event.resources for event in world.events("p")}


def test_a_start_waits_for_the_compiler(clock: Clock) -> None:
    """A pipeline started while it compiles is provisioned as soon as the program is ready."""
    world = World(clock=clock)
    world.create("p")
    world.start("p")
    clock.pass_(120)
    world.advance(clock.now)
    assert world.find("p").status == "Running"
