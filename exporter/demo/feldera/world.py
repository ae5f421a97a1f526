"""The simulated Feldera as one object: what users, failures and the passing of time do to its pipelines."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from exporter.demo.feldera.cluster import SERVICES, Cluster
from exporter.demo.feldera.compiler import Compiler, program_error
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.editor import Editor
from exporter.demo.feldera.errors import Failure
from exporter.demo.feldera.identity import Ids
from exporter.demo.feldera.journal import Counts, Journal
from exporter.demo.feldera.ledger import Ledger
from exporter.demo.feldera.logbook import Logbook
from exporter.demo.feldera.logs import LogLimits
from exporter.demo.feldera.rows import PAUSED, PROVISIONED, RUNNING, SUCCESS, Event, Row
from exporter.demo.feldera.runner import Runner
from exporter.demo.feldera.schedule import Action, Schedule


class World:
    """A deterministic Feldera without I/O. Pipelines are named; actions take effect at `clock()`.

    Actions on an unknown pipeline, or ones the real API refuses, raise SimulatedError. The plain attributes are
    switches that take effect at once.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, seed: int = 0, retention: int = 720,
        version: str = "0.369.0", events_api: bool = True, log_cursor: bool = True, connector_stats: bool = True,
        delays: Delays | None = None, log_limits: LogLimits | None = None, journal: bool = False,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.version = version
        self.events_api = events_api
        self.log_cursor = log_cursor
        self.database_down = False
        self.outage_status: int | None = None
        self.latency_seconds = 0.0
        self.chance = random.Random(seed)
        self.delays = delays or Delays()
        self.schedule = Schedule(clock)
        ids = Ids(random.Random(seed + 1))
        self.journal = Journal(journal)
        self.ledger = Ledger(self.schedule, ids, retention=retention, version=version, journal=self.journal)
        self.logbook = Logbook(self.schedule, ids, log_limits or LogLimits())
        self.runner = Runner(self.schedule, self.ledger, self.logbook, delays=self.delays, chance=self.chance)
        self.runner.connector_stats = connector_stats
        self.compiler = Compiler(
            self.schedule, self.ledger, delays=self.delays, chance=self.chance, done=self.runner.pick_up
        )
        self.editor = Editor(self.schedule, self.ledger, self.logbook, self.runner, self.compiler)
        self.cluster = Cluster(self.schedule, ids)

    # Time

    def now(self) -> float:
        """Seconds since the epoch: the clock's, or inside a planned action that action's."""
        return self.schedule.now()

    def at(self, when: float, action: Action) -> None:
        """Plan an action; it runs, at its own virtual time, when the world is advanced beyond `when`."""
        self.schedule.at(when, action)

    def advance(self, now: float) -> None:
        """Execute everything due until `now`, and let the firehoses flow."""
        if not self.cluster.events and not self.cluster.frozen:
            earliest = self.schedule.earliest()
            self.at(now if earliest is None else min(now, earliest), self.cluster.begin)
        self.schedule.advance(now)
        self.logbook.pump(self.schedule.now_us())

    # Reading

    def find(self, name: str) -> Row:
        """The row of a pipeline."""
        return self.ledger.find(name)

    def rows(self) -> list[Row]:
        """All pipelines in the order of their creation."""
        return list(self.ledger.rows.values())

    def events(self, name: str) -> list[Event]:
        """The retained events of a pipeline, oldest first."""
        return self.ledger.events(self.find(name))

    def counts(self, pipeline_id: str, since: float = 0.0) -> Counts:
        """What the journal says happened to a pipeline at `since` (seconds) or later."""
        return self.journal.counts(pipeline_id, since)

    # What users do

    def create(self, name: str, *, outcome: str | None = SUCCESS, **fields: object) -> Row:
        """A new pipeline; its compilation ends with `outcome`, and does not begin if that is None."""
        with self.schedule.action():
            fields = {"program_error": program_error("Pending"), **fields}
            row = self.ledger.insert(name, fields)
            if outcome is not None:
                self.compiler.compile(row, outcome, changed=False)
            return row

    def compile(self, name: str, outcome: str = SUCCESS) -> None:
        """The program changes and is compiled: Success, SqlError, RustError or SystemError."""
        with self.schedule.action():
            self.compiler.compile(self.find(name), outcome)

    def start(
        self, name: str, *, initial: str = RUNNING, policy: str | None = None, dismiss_error: bool = True,
        stuck: bool = False,
    ) -> None:  # fmt: skip
        """Deploy a pipeline; a stuck one stays Provisioning for ever."""
        with self.schedule.action():
            row = self.find(name)
            row.stuck = stuck
            self.runner.start(row, initial=initial, policy=policy, dismiss_error=dismiss_error)

    def stop(self, name: str, *, force: bool = True) -> None:
        """Stop a pipeline, after a checkpoint (Suspended) unless forced."""
        with self.schedule.action():
            self.runner.stop(self.find(name), force=force)

    def pause(self, name: str) -> None:
        """Pause a running pipeline."""
        with self.schedule.action():
            self.runner.desire(self.find(name), PAUSED)

    def resume(self, name: str) -> None:
        """Let a paused or standby pipeline run."""
        with self.schedule.action():
            self.runner.desire(self.find(name), RUNNING)

    def await_approval(self, name: str) -> None:
        """A running pipeline waits for approval; one that is not deployed is started and then waits."""
        with self.schedule.action():
            row = self.find(name)
            if row.resources == PROVISIONED:
                self.runner.await_approval(row)
            else:
                self.runner.start(row, initial=RUNNING, policy="await_approval", dismiss_error=True)

    def approve(self, name: str) -> None:
        """Let a waiting pipeline bootstrap and run."""
        with self.schedule.action():
            self.runner.approve(self.find(name))

    def dismiss_error(self, name: str) -> None:
        """Forget the error of the last deployment."""
        with self.schedule.action():
            self.editor.dismiss_error(self.find(name))

    def clear(self, name: str) -> None:
        """Clear the storage of a stopped pipeline."""
        with self.schedule.action():
            self.editor.clear(self.find(name))

    def rename(self, name: str, new_name: str) -> None:
        """Rename a stopped and cleared pipeline; its id and history stay."""
        with self.schedule.action():
            self.editor.update(self.find(name), {"name": new_name})

    def edit(self, name: str, /, **fields: object) -> None:
        """Change user-provided fields as PATCH does: those that are None stay."""
        with self.schedule.action():
            self.editor.update(self.find(name), fields)

    def delete(self, name: str, *, anyhow: bool = False) -> None:
        """Delete a stopped and cleared pipeline, or `anyhow` one in any state."""
        with self.schedule.action():
            self.editor.delete(self.find(name), anyhow=anyhow)

    def recreate(self, name: str) -> Row:
        """Delete a pipeline in whatever state, and create one of the same name: a new id, a fresh history."""
        with self.schedule.action():
            self.delete(name, anyhow=True)
            return self.create(name)

    # What happens to pipelines

    def fail(
        self, name: str, error_code: str = "RuntimeError.WorkerPanic", message: str = "worker thread panicked",
        details: object = None,
    ) -> None:  # fmt: skip
        """A provisioning or provisioned pipeline dies."""
        with self.schedule.action():
            self.runner.fail(self.find(name), Failure(message, error_code, details))

    def fail_early(
        self, name: str, error_code: str = "RunnerProvisionError", message: str = "no resources are left",
        details: object = None,
    ) -> None:  # fmt: skip
        """A deployment fails while the pipeline is still Stopped; it is started first if it was not."""
        with self.schedule.action():
            self.runner.fail_early(self.find(name), Failure(message, error_code, details))

    def unavailable(self, name: str, reason: str = "Pipeline status request timed out") -> None:
        """The runner cannot reach a provisioned pipeline."""
        with self.schedule.action():
            self.runner.unavailable(self.find(name), reason)

    def reachable(self, name: str) -> None:
        """The runner reaches an unavailable pipeline again."""
        with self.schedule.action():
            self.runner.reachable(self.find(name))

    def runtime(self, name: str, status: str | None, desired: str | None = None) -> None:
        """A provisioned pipeline reports any runtime status, known or not; the wish stays unless given."""
        with self.schedule.action():
            row = self.find(name)
            self.runner.runtime(row, status, desired=desired or row.runtime_desired)

    def connector_errors(self, name: str, count: int) -> None:
        """The connectors of a pipeline have had so many errors in all."""
        with self.schedule.action():
            self.runner.connector_errors(self.find(name), count)

    def heartbeat(self, name: str, *, late_seconds: float = 0.0) -> None:
        """A duplicate event; a late one appears now with an older time, as after a wait for a lock."""
        with self.schedule.action():
            self.runner.heartbeat(self.find(name), round(late_seconds * 1_000_000))

    def log(self, name: str, *lines: str) -> None:
        """Raw lines of the pipeline's process."""
        with self.schedule.action():
            self.logbook.lines(self.find(name), *lines)

    def firehose(self, name: str, lines_per_second: float) -> None:
        """A pipeline logs that many lines a second from now on; 0 stops it."""
        with self.schedule.action():
            self.logbook.firehose(self.find(name), lines_per_second)

    # What happens to the platform

    @property
    def services(self) -> dict[str, bool]:
        """Whether each service of the cluster is healthy."""
        return {name: service.healthy for name, service in self.cluster.services.items()}

    def service(self, name: str, healthy: bool, message: str | None = None) -> None:
        """The monitor finds a service (api, compiler, runner) healthy or not."""
        if name not in SERVICES:
            raise ValueError(f"{name!r} is no service: one of {', '.join(SERVICES)}")
        said = message or ("The service is healthy" if healthy else "The service does not answer")
        with self.schedule.action():
            self.cluster.set(name, "Healthy" if healthy else "Unhealthy", said)

    def freeze_monitor(self, frozen: bool = True) -> None:
        """The cluster monitor writes nothing any more: health stays what it was, ever older."""
        self.cluster.frozen = frozen

    def freeze_runner(self, frozen: bool = True) -> None:
        """The runner is dead: statuses stay as they are and no heartbeat comes."""
        self.runner.frozen = frozen

    def restart_runner(self) -> None:
        """The runner restarts: log streams end and log buffers begin anew."""
        self.logbook.restart()
