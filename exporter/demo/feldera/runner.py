"""The simulated runner: takes a pipeline through its life, one database transaction per step."""

from __future__ import annotations

import random
from collections.abc import Callable

from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.errors import Failure, illegal_action, not_deployed, restricted
from exporter.demo.feldera.ledger import Ledger
from exporter.demo.feldera.logbook import Logbook
from exporter.demo.feldera.loglines import panic_lines
from exporter.demo.feldera.rows import (
    AWAITING_APPROVAL,
    BOOTSTRAPPING,
    CLEARED,
    CLEARING,
    IN_USE,
    INITIALIZING,
    PROGRAM_ERRORS,
    PROVISIONED,
    PROVISIONING,
    RUNNING,
    STOPPED,
    STOPPING,
    SUCCESS,
    SUSPENDED,
    UNAVAILABLE,
    Details,
    Row,
)
from exporter.demo.feldera.schedule import Schedule

_PATIENCE = 2.5
_TICK = 0.001
_WORKER_PANIC = "RuntimeError.WorkerPanic"
_NO_DETAILS: Details = {}
_STOPPING_HINT = (
    "Cannot restart the pipeline while it is stopping. Wait for it to stop before starting a new instance of "
    "the pipeline."
)
_APPROVAL_DIFF: Details = {
    "program_diff": {
        "added_tables": [], "removed_tables": [], "modified_tables": [],
        "added_views": ["daily_totals"], "removed_views": [], "modified_views": ["totals"],
    },
    "program_diff_error": None,
    "added_input_connectors": [], "modified_input_connectors": [], "removed_input_connectors": [],
    "added_output_connectors": ["daily_totals.sink"], "modified_output_connectors": [],
    "removed_output_connectors": [],
}  # fmt: skip

Step = Callable[[Row], None]


class Runner:
    """Writes the event sequences of the real runner. While `frozen` it does nothing, as if it were dead."""

    def __init__(
        self, schedule: Schedule, ledger: Ledger, logbook: Logbook, *, delays: Delays, chance: random.Random
    ) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self._logbook = logbook
        self._chance = chance
        self.delays = delays
        self.frozen = False
        self.connector_stats = True

    def start(self, row: Row, *, initial: str, policy: str | None, dismiss_error: bool) -> None:
        """Ask for a deployment; the error of the last one is dismissed, or refuses the start."""
        _check_startable(row, dismiss_error=dismiss_error)
        if row.resources_desired == PROVISIONED:
            self.write(row)
            return
        row.deployment += 1
        self.write(row, resources_desired=PROVISIONED, initial=initial, bootstrap_policy=policy, error=None)
        self.later(row, self.delays.pickup, self.pick_up)

    def pick_up(self, row: Row) -> None:
        """Begin a wanted deployment once its program is compiled."""
        if row.resources != STOPPED or row.resources_desired != PROVISIONED:
            return
        if row.program in PROGRAM_ERRORS:
            message = f"The program failed to compile: {row.program}"
            self.fail_early(row, Failure(message, "StartFailedDueToFailedCompilation"))
        elif row.program == SUCCESS:
            self._provision(row)

    def _provision(self, row: Row) -> None:
        if row.storage == CLEARED:
            self.write(row, storage=IN_USE)
        self.write(row, bump=True, resources=PROVISIONING, deployment_id=self._ledger.new_id(), error=None)
        if not row.stuck:
            self.later(row, self.delays.provisioning, self._provisioned)

    def _provisioned(self, row: Row) -> None:
        row.num_errors = 0
        self._logbook.process_started(row)
        self.runtime(row, INITIALIZING, desired=row.initial, reason="Initializing the circuit", at=PROVISIONED)
        self._plan_heartbeat(row)
        self.later(row, self.delays.initializing, self._initialized)

    def _initialized(self, row: Row) -> None:
        if row.bootstrap_policy == "await_approval":
            self.await_approval(row)
        else:
            self.runtime(row, row.initial or RUNNING, desired=row.initial)

    def runtime(
        self, row: Row, status: str | None, *, desired: str | None, reason: str | None = None, at: str | None = None,
        diff: Details | None = None,
    ) -> None:  # fmt: skip
        """Record what the pipeline's process says of itself, or what the runner says for it."""
        details: Details = {"reason": reason} if reason else {}
        if self.connector_stats and status not in (INITIALIZING, UNAVAILABLE):
            details |= {"connector_stats": {"num_errors": row.num_errors}}
        details |= {"approval_diff": diff} if diff else {}
        resources = at or row.resources
        self.write(row, bump=True, resources=resources, runtime=status, runtime_desired=desired, details=details)

    def await_approval(self, row: Row) -> None:
        """The process waits until somebody approves what changed."""
        self._check_deployed(row)
        self.runtime(row, AWAITING_APPROVAL, desired=row.runtime_desired, diff=_APPROVAL_DIFF)

    def approve(self, row: Row) -> None:
        """Let a waiting process bootstrap, then run."""
        self._check_deployed(row)
        if row.runtime != AWAITING_APPROVAL:
            raise restricted("NotAwaitingApproval", f"The pipeline is not awaiting approval but {row.status}")
        self.runtime(row, BOOTSTRAPPING, desired=row.runtime_desired)
        self.later(row, self.delays.bootstrapping, self._become_desired)

    def desire(self, row: Row, status: str) -> None:
        """Pause or resume: the wish first, then the status."""
        self._check_deployed(row)
        if row.runtime == UNAVAILABLE:
            raise not_deployed(row.name, row.status)
        self.runtime(row, row.runtime, desired=status)
        self.later(row, self.delays.pausing, self._become_desired)

    def _become_desired(self, row: Row) -> None:
        self.runtime(row, row.runtime_desired, desired=row.runtime_desired)

    def unavailable(self, row: Row, reason: str) -> None:
        """The process cannot be reached: Unavailable is written over status and wish alike."""
        self._check_deployed(row)
        if row.runtime != UNAVAILABLE:
            row.reachable_as = row.runtime, row.runtime_desired
        self.runtime(row, UNAVAILABLE, desired=UNAVAILABLE, reason=reason)

    def reachable(self, row: Row) -> None:
        """The process answers again and says what it was."""
        self._check_deployed(row)
        status, desired = row.reachable_as or (RUNNING, RUNNING)
        row.reachable_as = None
        self.runtime(row, status, desired=desired)

    def stop(self, row: Row, *, force: bool) -> None:
        """Ask for the end of a deployment, after a checkpoint unless forced."""
        if not force and row.resources == PROVISIONED and row.runtime != UNAVAILABLE:
            self._suspend(row)
            return
        if row.resources == STOPPED:
            row.deployment += 1
            self.write(row, resources_desired=STOPPED, initial=None)
            return
        self.write(row, resources_desired=STOPPED)
        if row.resources != STOPPING:
            row.deployment += 1
            self.later(row, self.delays.pickup, self._tear_down)

    def _suspend(self, row: Row) -> None:
        row.deployment += 1
        self.runtime(row, row.runtime, desired=SUSPENDED)
        self._plan_heartbeat(row)
        self.later(row, self.delays.suspending, self._suspended)

    def _suspended(self, row: Row) -> None:
        checkpoint = {"uuid": self._ledger.new_id(), "fingerprint": 1, "identifier": None, "size": 4096, "steps": 100}
        self._ledger.edit(row, storage_details={"checkpoints": [checkpoint]})
        self.runtime(row, SUSPENDED, desired=SUSPENDED)
        self.later(row, self.delays.pickup, self._tear_down)

    def fail(self, row: Row, failure: Failure) -> None:
        """A deployment dies: the system wants it stopped and stops it, with the error, in one transaction."""
        if row.resources not in (PROVISIONING, PROVISIONED):
            raise not_deployed(row.name, row.status)
        if failure.error_code == _WORKER_PANIC:
            self._logbook.lines(row, *panic_lines(self._chance.randrange(8), failure.message))
        self._tear_down(row, failure)

    def fail_early(self, row: Row, failure: Failure) -> None:
        """A deployment fails before anything is provisioned."""
        if row.resources != STOPPED:
            raise illegal_action(row.resources, row.resources_desired, STOPPED, "It is too late to fail early.")
        row.deployment += 1
        if row.resources_desired != PROVISIONED:
            self.write(row, resources_desired=PROVISIONED, initial=RUNNING, error=None)
        self.write(row, resources_desired=STOPPED)
        self._logbook.manager(row, "ERROR", f"Resources error: {failure.message}")
        self.write(row, bump=True, error=failure, initial=None)

    def _tear_down(self, row: Row, failure: Failure | None = None) -> None:
        row.deployment += 1
        self.write(row, resources_desired=STOPPED)
        if failure is not None:
            self._logbook.manager(row, "ERROR", f"Resources error: {failure.message}")
        row.reachable_as = None
        self.write(row, bump=True, resources=STOPPING, runtime=None, runtime_desired=None, details=None, error=failure)
        self.later(row, self.delays.stopping, self._stopped)

    def _stopped(self, row: Row) -> None:
        self.write(row, bump=True, resources=STOPPED, deployment_id=None, initial=None, bootstrap_policy=None)

    def connector_errors(self, row: Row, count: int) -> None:
        """The connectors have had so many errors; the details are written every 10 s at most."""
        self._check_deployed(row)
        row.num_errors = count
        due = row.beat_us / 1_000_000 + self.delays.details - self._schedule.now()
        self.later(row, max(0.0, due), self._write_details, exact=True)

    def _write_details(self, row: Row) -> None:
        known = ((row.details or _NO_DETAILS).get("connector_stats") or _NO_DETAILS).get("num_errors")
        if row.runtime != UNAVAILABLE and known != row.num_errors:
            self.runtime(row, row.runtime, desired=row.runtime_desired)

    def heartbeat(self, row: Row, late_us: int = 0) -> None:
        """Record the same again, perhaps dated back as after a wait for a lock."""
        self._check_deployed(row)
        self._ledger.record(row, {}, bump=True, late_us=late_us)

    def _plan_heartbeat(self, row: Row) -> None:
        due = row.beat_us / 1_000_000 + self.delays.heartbeat - self._schedule.now()
        if due < _TICK:
            self.heartbeat(row)
            due = self.delays.heartbeat
        self.later(row, due, self._plan_heartbeat, exact=True)

    def write(self, row: Row, *, bump: bool = False, **values: object) -> None:
        """Write and record, and let the manager log what changed."""
        before = row.events[-1]
        self._ledger.record(row, values, bump=bump)
        self._logbook.transitions(row, before)

    def later(self, row: Row, delay: float, step: Step, *, exact: bool = False) -> None:
        """Plan a step of this deployment; another deployment, or a deletion, makes it void."""
        deployment = row.deployment

        def run() -> None:
            if row.deployment != deployment or row.id not in self._ledger.rows:
                return
            if self.frozen:
                self._schedule.at(self._schedule.now() + _PATIENCE, run)
            else:
                step(row)

        wait = delay if exact else self.delays.jittered(delay, self._chance)
        self._schedule.at(self._schedule.now() + wait, run)

    def _check_deployed(self, row: Row) -> None:
        if row.resources != PROVISIONED:
            raise not_deployed(row.name, row.status)


def _check_startable(row: Row, *, dismiss_error: bool) -> None:
    if row.resources != STOPPED and row.resources_desired == STOPPED:
        raise illegal_action(row.resources, row.resources_desired, PROVISIONED, _STOPPING_HINT)
    if row.storage == CLEARING:
        hint = "Wait until the storage is cleared."
        raise illegal_action(row.resources, row.resources_desired, PROVISIONED, hint)
    if row.program in PROGRAM_ERRORS:
        raise restricted("StartFailedDueToFailedCompilation", f"The program failed to compile: {row.program}")
    if row.error is not None and not dismiss_error:
        raise restricted("StartFailedDueToError", "The deployment error must be dismissed first")
