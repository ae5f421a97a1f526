"""The one table of status codes: what the recording rules count with, the panels' colours, and the docs' table.

A number once given is never given to another status: recorded series keep it for as long as they are retained. A new
status gets the next free number at the end of its scale.
"""

from __future__ import annotations

from typing import NamedTuple

GOOD = "green"
STARTING = "super-light-blue"
WORKING = "blue"
WAITING = "yellow"
BAD = "orange"
FAILED = "red"
OFF = "#8e8e8e"
UNKNOWN = "purple"


class Code(NamedTuple):
    """A status, its number, and the colour it has on every board."""

    number: int
    status: str
    colour: str


class Scale(NamedTuple):
    """The codes of one family, told apart by one label."""

    family: str
    label: str
    title: str
    codes: tuple[Code, ...]

    @property
    def record(self) -> str:
        """The recorded series: one number a pipeline."""
        return f"pipeline:{self.family}:code"


HEALTH = Scale(
    "pipeline_health",
    "health",
    "health",
    (
        Code(0, "healthy", GOOD),
        Code(1, "transitioning", WORKING),
        Code(2, "unhealthy", BAD),
        Code(3, "failed", FAILED),
        Code(4, "idle", OFF),
        Code(5, "unknown", UNKNOWN),
    ),
)

NEED = "% 4"
"""What makes of a code of health how much the pipeline wants attention: 3 failed, 2 unhealthy, 1 unknown or on the
way, 0 healthy or idle."""

DIMENSIONS: dict[str, Scale] = {
    "resources": Scale(
        "pipeline_resources_status",
        "status",
        "resources",
        (
            Code(0, "Stopped", OFF),
            Code(1, "Provisioning", STARTING),
            Code(2, "Provisioned", GOOD),
            Code(3, "Stopping", WAITING),
        ),
    ),
    "runtime": Scale(
        "pipeline_runtime_status",
        "status",
        "runtime",
        (
            Code(0, "Unavailable", FAILED),
            Code(1, "Coordination", STARTING),
            Code(2, "Standby", "light-green"),
            Code(3, "AwaitingApproval", WAITING),
            Code(4, "Initializing", STARTING),
            Code(5, "Bootstrapping", WORKING),
            Code(6, "ConcurrentBootstrapping", "semi-dark-blue"),
            Code(7, "Synchronizing", WORKING),
            Code(8, "Replaying", WORKING),
            Code(9, "Paused", "light-yellow"),
            Code(10, "Running", GOOD),
            Code(11, "Suspended", OFF),
        ),
    ),
    "program": Scale(
        "pipeline_program_status",
        "status",
        "program",
        (
            Code(0, "Pending", OFF),
            Code(1, "CompilingSql", STARTING),
            Code(2, "SqlCompiled", WORKING),
            Code(3, "CompilingRust", WORKING),
            Code(4, "Success", GOOD),
            Code(5, "SqlError", FAILED),
            Code(6, "RustError", FAILED),
            Code(7, "SystemError", "dark-red"),
        ),
    ),
    "storage": Scale(
        "pipeline_storage_status",
        "status",
        "storage",
        (Code(0, "Cleared", OFF), Code(1, "InUse", GOOD), Code(2, "Clearing", WAITING)),
    ),
    "deployment": Scale(
        "pipeline_deployment_status",
        "status",
        "deployment",
        (
            Code(0, "NEW", OFF),
            Code(1, "STARTING", STARTING),
            Code(2, "STARTED", GOOD),
            Code(3, "FAILED", FAILED),
            Code(4, "SCALING", WORKING),
            Code(5, "CHECKS_OK", "light-green"),
            Code(6, "CHECKS_FAILED", BAD),
        ),
    ),
}
"""By dimension; the first four are Feldera's, the last is Calyptia Core's."""

SCALES: tuple[Scale, ...] = (HEALTH, *DIMENSIONS.values())


def markdown() -> str:
    """The table of the docs."""
    rows = (f"| `{s.record}` | {', '.join(f'{c.number} {c.status}' for c in s.codes)} |" for s in SCALES)
    return "\n".join(("| record | codes |", "|---|---|", *rows)) + "\n"
