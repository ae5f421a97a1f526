"""The bodies the simulated Cloud API sends, as frozen values with the names of the specification."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType, field


class Config(msgspec.Struct, frozen=True, rename="camel"):
    """One version of a pipeline's configuration, raw text included (PipelineConfig, AgentConfig)."""

    id: str
    raw_config: str
    created_at: str
    config_format: str = "classic"


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """A Kubernetes event hanging on a status row (PipelineEvent)."""

    source: str
    reason: str
    logged_at: str
    message: str | UnsetType = UNSET


Events = list[Event] | None | UnsetType
"""A row's events: a list, perhaps empty, or null, or absent."""


class StatusRow(msgspec.Struct, frozen=True, rename="camel"):
    """One report of a pipeline's status (PipelineStatus)."""

    id: str
    config: Config
    status: str
    created_at: str
    events: Events = UNSET


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A pipeline as lists and single reads give it, with its configuration twice."""

    id: str
    name: str
    config: Config
    config_sections: list[msgspec.Raw]
    status: StatusRow
    resource_profile: msgspec.Raw
    created_at: str
    updated_at: str
    kind: str = "deployment"
    deployment_strategy: str = "rollingupdate"
    tracing_enabled: bool = False
    wait_for_checks_before_deploying: bool = False
    image: str | None = None
    replicas_count: int = 1
    replicas_count_prev: int = 0
    checks_total: int = 0
    checks_ok: int = field(default=0, name="checksOK")
    checks_running: int = 0
    tags: list[str] | None = None
    metadata: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    min_replicas: int = 0
    max_replicas: int = 0
    scale_up_type: str = "Unknown"
    scale_up_value: int = 0
    scale_up_period_seconds: int = 0
    scale_down_type: str = "Unknown"
    scale_down_value: int = 0
    scale_down_period_seconds: int = 0
    utilization_cpu_average: int = field(default=0, name="utilizationCPUAverage")
    utilization_memory_average: int = 0
    port_kind: str = "LoadBalancer"
    error: str | None = None


class CoreInstance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A Core operator's cluster; `status` is what its last ping says and may be absent."""

    id: str
    name: str
    token: str
    created_at: str
    updated_at: str
    status: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    metadata: dict[str, str]
    pipelines_count: int = 0
    tags: list[str] | None = None
    environment_name: str = "default"
    skip_service_creation: bool = False


class Project(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The project a token belongs to."""

    id: str
    name: str
    v3_enabled: bool
    members_count: int
    agents_count: int
    aggregators_count: int
    created_at: str


class TraceSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request to trace some inputs for a while; a numeric `lifespan` is in nanoseconds."""

    id: str
    pipeline_id: str = field(name="pipelineID")
    plugins: list[str]
    lifespan: str | int
    created_at: str
    updated_at: str


class TraceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One event of Fluent Bit's tap; everything beside the ids and `type` comes in several forms."""

    id: str
    session_id: str = field(name="sessionID")
    type: int
    trace_id: str
    start_time: object
    end_time: object
    plugin_instance: str
    plugin_alias: str | UnsetType | None = UNSET
    return_code: int | UnsetType | None = UNSET
    records: object = UNSET
    created_at: str = field(name="createdAt")


class SearchResult(msgspec.Struct, frozen=True):
    """A name found by /v2/search."""

    id: str
    name: str


class ErrorBody(msgspec.Struct, frozen=True):
    """What every answer from 400 up says."""

    error: str


BodyT = TypeVar("BodyT", bound=msgspec.Struct)


class Entry(Generic[BodyT]):
    """A body with its place in the order of creation; its JSON is kept until the body changes."""

    def __init__(self, seq: int, body: BodyT) -> None:
        self.seq = seq
        self.body = body
        self._encoded: bytes | None = None

    def change(self, **fields: object) -> None:
        """Replace the named fields of the body."""
        self.body = msgspec.structs.replace(self.body, **fields)
        self._encoded = None

    def encoded(self) -> bytes:
        """Give the body as JSON."""
        if self._encoded is None:
            self._encoded = msgspec.json.encode(self.body)
        return self._encoded
