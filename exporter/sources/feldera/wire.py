"""What Feldera's API sends, as far as it is read: anything may be null or absent but a pipeline's id and name.

Shapes: Feldera's OpenAPI document (``PipelineSelectedInfo``, ``PipelineMonitorEventSelectedInfo``, ``HealthStatus``).
Fields that are not declared here (program code, configs, checkpoints) are skipped by the decoder and never built.
"""

from __future__ import annotations

import sys
from typing import Annotated, TypeAlias

import msgspec

Filled: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""A text that is a part of a path: an empty one would make it another path."""

Loose: TypeAlias = str | int | float | bool | list[msgspec.Raw] | None
"""A value whose shape the API does not promise."""

StatusText: TypeAlias = str | dict[str, msgspec.Raw] | None
"""A status; very old servers sent an object with the status as its only key."""


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    """``ErrorResponse``."""

    error_code: str | None = None
    message: str | None = None


class ConnectorStats(msgspec.Struct, frozen=True, gc=False):
    """Error counts over all connectors of a pipeline (servers from 0.322)."""

    num_errors: Loose = None


class RuntimeDetails(msgspec.Struct, frozen=True, gc=False):
    """What the pipeline's process says of itself."""

    connector_stats: ConnectorStats | Loose = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """A pipeline in the list (``selector=status``)."""

    id: Filled
    name: Filled
    created_at: str | None = None
    version: Loose = None
    refresh_version: Loose = None
    platform_version: str | None = None
    program_status: StatusText = None
    program_status_since: str | None = None
    storage_status: StatusText = None
    deployment_id: str | None = None
    deployment_error: ErrorBody | None = None
    deployment_resources_status: StatusText = None
    deployment_resources_status_since: str | None = None
    deployment_resources_desired_status: StatusText = None
    deployment_resources_desired_status_since: str | None = None
    deployment_runtime_status: StatusText = None
    deployment_runtime_status_since: str | None = None
    deployment_runtime_desired_status: StatusText = None
    deployment_runtime_desired_status_since: str | None = None
    deployment_runtime_status_details: RuntimeDetails | Loose = None

    def __post_init__(self) -> None:
        """Hold equal statuses as one object: the rows of a large fleet are kept, and have few of them."""
        for field in _FEW:
            if isinstance(value := getattr(self, field), str):
                msgspec.structs.force_setattr(self, field, sys.intern(value))

    def vital(self) -> tuple[object, ...]:
        """What moves when the history has more to tell than that the pipeline is still there."""
        return (
            self.name,
            self.deployment_id,
            self.program_status_since,
            self.program_status,
            self.storage_status,
            self.deployment_error is None,
            self.deployment_resources_status,
            self.deployment_resources_status_since,
            self.deployment_resources_desired_status_since,
            self.deployment_runtime_status,
            self.deployment_runtime_status_since,
            self.deployment_runtime_desired_status_since,
        )


_FEW = ("platform_version", *(field for field in Row.__struct_fields__ if field.endswith("_status")))


class EventRow(msgspec.Struct, frozen=True, gc=False):
    """A pipeline monitor event."""

    event_id: Filled
    recorded_at: str
    deployment_resources_status: StatusText = None
    deployment_runtime_status: StatusText = None
    deployment_runtime_desired_status: StatusText = None
    program_status: StatusText = None
    storage_status: StatusText = None
    deployment_has_error: bool | None = None


class FullEventRow(msgspec.Struct, frozen=True, gc=False):
    """The part of an event that only ``selector=all`` shows."""

    recorded_at: str | None = None
    deployment_error: ErrorBody | None = None


class ServiceHealth(msgspec.Struct, frozen=True, gc=False):
    """``ServiceStatus``: one of the control plane's own services."""

    healthy: bool | None = None
    checked_at: str | None = None


class ClusterHealth(msgspec.Struct, frozen=True, gc=False):
    """The answer of ``/v0/cluster_healthz``, whether its status is 200 or 503."""

    api: ServiceHealth
    compiler: ServiceHealth
    runner: ServiceHealth


class PlatformConfig(msgspec.Struct, frozen=True, gc=False):
    """The part of ``/v0/config`` that is read."""

    version: str | None = None
    edition: str | None = None
