"""What the simulated database holds of a pipeline: its row and its monitor events."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from exporter.demo.feldera.errors import Failure

STOPPED, PROVISIONING, PROVISIONED, STOPPING = "Stopped", "Provisioning", "Provisioned", "Stopping"
RUNNING, PAUSED, UNAVAILABLE, SUSPENDED = "Running", "Paused", "Unavailable", "Suspended"
INITIALIZING, AWAITING_APPROVAL, BOOTSTRAPPING = "Initializing", "AwaitingApproval", "Bootstrapping"
SUCCESS = "Success"
PROGRAM_ERRORS = frozenset({"SqlError", "RustError", "SystemError"})
CLEARED, IN_USE, CLEARING = "Cleared", "InUse", "Clearing"

Details = dict[str, Any]
"""A JSON object of the row; replaced as a whole, never changed in place, because events share it."""


class Event(Struct, frozen=True, gc=False):
    """One pipeline monitor event. Times in microseconds since the epoch, `id` the 128 bits of its UUID."""

    at_us: int
    id: int
    resources: str
    resources_desired: str
    runtime: str | None
    runtime_desired: str | None
    program: str
    storage: str
    error: Failure | None
    details: Details | None
    storage_details: Details | None

    @property
    def has_error(self) -> bool:
        """Whether a deployment error was set."""
        return self.error is not None

    @property
    def order(self) -> tuple[int, int]:
        """The place of the event in the history."""
        return self.at_us, self.id


class Row(Struct, eq=False):
    """One pipeline. `…_since` and other times are microseconds since the epoch."""

    id: str
    name: str
    created_us: int
    platform_version: str
    program_since: int
    resources_since: int
    resources_desired_since: int
    storage_since: int
    description: str = ""
    tags: tuple[str, ...] = ()
    version: int = 1
    program_version: int = 1
    refresh_version: int = 1
    program: str = "Pending"
    program_error: Details | None = None
    program_config: Details = field(default_factory=dict)
    runtime_config: Details = field(default_factory=dict)
    program_code: str = ""
    udf_rust: str = ""
    udf_toml: str = ""
    storage: str = CLEARED
    storage_details: Details | None = None
    error: Failure | None = None
    deployment_id: str | None = None
    initial: str | None = None
    resources: str = STOPPED
    resources_desired: str = STOPPED
    runtime: str | None = None
    runtime_since: int | None = None
    runtime_desired: str | None = None
    runtime_desired_since: int | None = None
    details: Details | None = None
    bootstrap_policy: str | None = None
    silent_bootstrap: bool = False
    concurrent_bootstrap: bool = False
    events: list[Event] = field(default_factory=list)
    revision: int = 0
    pruned_us: int = 0
    deployment: int = 0
    compilation: int = 0
    beat_us: int = 0
    num_errors: int = 0
    stuck: bool = False
    reachable_as: tuple[str | None, str | None] | None = None

    @property
    def status(self) -> str:
        """The combined status: that of the resources unless they are provisioned, else the runtime's."""
        if self.resources != PROVISIONED:
            return self.resources
        return self.runtime or UNAVAILABLE

    @property
    def desired_status(self) -> str:
        """The combined desired status."""
        if self.resources_desired == STOPPED:
            return STOPPED
        return self.runtime_desired or self.initial or RUNNING

    def snapshot(self, at_us: int, event_id: int) -> Event:
        """The event that records the row as it is."""
        return Event(
            at_us, event_id, self.resources, self.resources_desired, self.runtime, self.runtime_desired,
            self.program, self.storage, self.error, self.details, self.storage_details,
        )  # fmt: skip
