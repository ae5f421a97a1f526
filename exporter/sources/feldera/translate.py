"""Feldera's words in the exporter's: statuses, health, errors and events."""

from __future__ import annotations

from functools import lru_cache

from exporter.model import (
    DeploymentError,
    Dimension,
    Event,
    Health,
    Pipeline,
    PlatformRead,
    Service,
    Status,
    parse_time,
)
from exporter.sources.decode import counted
from exporter.sources.feldera.wire import (
    ClusterHealth,
    ConnectorStats,
    ErrorBody,
    EventRow,
    Row,
    RuntimeDetails,
    ServiceHealth,
    StatusText,
)
from exporter.sources.labels import label_text

DIMENSIONS = (
    Dimension(
        "resources",
        ("Stopped", "Provisioning", "Provisioned", "Stopping"),
        "Status of the compute and storage resources of a Feldera pipeline.",
    ),
    Dimension(
        "runtime",
        (
            "Unavailable",
            "Coordination",
            "Standby",
            "AwaitingApproval",
            "Initializing",
            "Bootstrapping",
            "ConcurrentBootstrapping",
            "Synchronizing",
            "Replaying",
            "Paused",
            "Running",
            "Suspended",
        ),
        "Status of the process of a Feldera pipeline; absent while it has none.",
    ),
    Dimension(
        "program",
        (
            "Pending",
            "CompilingSql",
            "SqlCompiled",
            "CompilingRust",
            "Success",
            "SqlError",
            "RustError",
            "SystemError",
        ),
        "Compilation status of a Feldera pipeline's program.",
    ),
    Dimension("storage", ("Cleared", "InUse", "Clearing"), "Status of the storage of a Feldera pipeline."),
)
"""Order of the statuses in an event."""

KNOWN = {dimension.name: frozenset(dimension.statuses) for dimension in DIMENSIONS}

_PROGRAM_FAILED = {
    "SqlError": "the program does not compile (SqlError); Feldera shows its errors with the program",
    "RustError": "the Rust code of the program does not compile (RustError); Feldera shows its errors with the program",
    "SystemError": "the compiler failed (SystemError)",
}
_RESOURCES_HEALTH: dict[str, Health] = {
    "Stopped": "idle",
    "Provisioning": "transitioning",
    "Stopping": "transitioning",
}
_RUNTIME_HEALTH: dict[str, Health] = {"Running": "healthy", "Unavailable": "unhealthy"}
_HEALTHY_IF_WANTED = frozenset({"Paused", "Standby"})
_LONGEST_MESSAGE = 8192
_LONGEST_VERSION = 128


def pipeline(row: Row) -> Pipeline:
    """The facts of a row of the list; ``pipeline-<uuid>`` is how Feldera's own metrics name it."""
    statuses = _statuses(row)
    desired = {
        "resources": status_text(row.deployment_resources_desired_status),
        "runtime": status_text(row.deployment_runtime_desired_status),
    }
    wanted = {dimension: value for dimension, value in desired.items() if value is not None}
    error = deployment_error(row.deployment_error)
    read = health(statuses, wanted, has_error=error is not None)
    return Pipeline(
        id=identity(row),
        name=row.name,
        statuses=statuses,
        desired=wanted,
        health=read,
        platform_version=(row.platform_version or "")[:_LONGEST_VERSION],
        created_at=parse_time(row.created_at),
        error=error,
        connector_errors=_connector_errors(row),
        why=why(statuses, error, read),
    )


def identity(row: Row) -> str:
    """The ``pipeline`` label."""
    return f"pipeline-{row.id}"


def health(statuses: dict[str, Status], desired: dict[str, str], *, has_error: bool) -> Health:
    """One reading of all statuses, as the vendor's console has it."""
    values = {dimension: status.value for dimension, status in statuses.items()}
    if has_error or values.get("program") in _PROGRAM_FAILED:
        return "failed"
    if any(value not in KNOWN[dimension] for dimension, value in values.items()):
        return "unknown"
    if values.get("resources") != "Provisioned":
        return _RESOURCES_HEALTH.get(values.get("resources", ""), "unknown")
    runtime = values.get("runtime", "")
    if runtime in _HEALTHY_IF_WANTED and desired.get("runtime") == runtime:
        return "healthy"
    return _RUNTIME_HEALTH.get(runtime, "transitioning")


def why(statuses: dict[str, Status], error: DeploymentError | None, read: Health) -> str:
    """Why a pipeline whose health was ``read`` so is not as it should be, in a few words; empty if there is nothing."""
    values = {dimension: status.value for dimension, status in statuses.items()}
    if error is not None:
        return f"the deployment failed: {error.code}"
    if read == "failed":
        return _PROGRAM_FAILED.get(values.get("program", ""), "")
    if read == "unhealthy":
        return "the control plane cannot reach its process (Unavailable)"
    if values.get("runtime") == "AwaitingApproval":
        return "it waits for somebody to approve its changes (AwaitingApproval)"
    if read != "unknown":
        return ""
    strange = [f"{name} status {value}" for name, value in values.items() if value not in KNOWN[name]]
    return f"its {' and '.join(strange)} is not known here" if strange else "the control plane tells no status"


def deployment_error(body: ErrorBody | None) -> DeploymentError | None:
    """Why a deployment failed; the message is clipped."""
    if body is None:
        return None
    return DeploymentError(label_text(body.error_code or "Unknown"), (body.message or "")[:_LONGEST_MESSAGE])


def event(row: EventRow) -> Event | None:
    """A history entry; None if its time cannot be read."""
    at = parse_time(row.recorded_at)
    if at is None:
        return None
    statuses = (
        status_text(row.deployment_resources_status),
        status_text(row.deployment_runtime_status),
        status_text(row.program_status),
        status_text(row.storage_status),
    )
    has_error = bool(row.deployment_has_error)
    wanted = status_text(row.deployment_runtime_desired_status)
    return Event(row.event_id, at, statuses, has_error, health=_health_then(statuses, wanted, has_error=has_error))


def event_of_row(row: Row, now: float) -> Event:
    """What an event would say, for servers that have none (before 0.292): the list tells when a status began."""
    found = pipeline(row)
    begun = [status.since for status in found.statuses.values() if status.since is not None]
    at = max(begun, default=now)
    statuses = tuple(
        found.statuses[dimension.name].value if dimension.name in found.statuses else None for dimension in DIMENSIONS
    )
    return Event(f"{row.vital()!r}", at, statuses, found.error is not None, health=found.health)


def platform_health(health: ClusterHealth) -> PlatformRead:
    """The control plane's services; the oldest check counts, because a frozen one is what matters."""
    services: dict[str, ServiceHealth] = {"api": health.api, "compiler": health.compiler, "runner": health.runner}
    checked = [at for service in services.values() if (at := parse_time(service.checked_at)) is not None]
    return PlatformRead(
        services=tuple(Service(name, bool(service.healthy)) for name, service in services.items()),
        checked_at=min(checked, default=None),
    )


def status_text(raw: StatusText) -> str | None:
    """A status as a label; unknown ones are kept, within bounds."""
    if raw is None:
        return None
    return label_text(raw if isinstance(raw, str) else next(iter(raw), "unknown"))


@lru_cache(maxsize=4096)
def _health_then(statuses: tuple[str | None, ...], wanted: str | None, *, has_error: bool) -> Health:
    pairs = zip(DIMENSIONS, statuses, strict=True)
    found = {dimension.name: Status(value) for dimension, value in pairs if value is not None}
    return health(found, {} if wanted is None else {"runtime": wanted}, has_error=has_error)


def _statuses(row: Row) -> dict[str, Status]:
    found = {
        "resources": (row.deployment_resources_status, row.deployment_resources_status_since),
        "runtime": (row.deployment_runtime_status, row.deployment_runtime_status_since),
        "program": (row.program_status, row.program_status_since),
        "storage": (row.storage_status, None),
    }
    return {
        dimension: Status(value, parse_time(since))
        for dimension, (raw, since) in found.items()
        if (value := status_text(raw)) is not None
    }


def _connector_errors(row: Row) -> int | None:
    details = row.deployment_runtime_status_details
    stats = details.connector_stats if isinstance(details, RuntimeDetails) else None
    return counted(stats.num_errors) if isinstance(stats, ConnectorStats) else None
