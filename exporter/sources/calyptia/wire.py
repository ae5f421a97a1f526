"""What the Cloud API sends, as far as it is read: anything may be null or absent but ids.

Shapes: the specification's ``Pipeline``, ``PipelineStatus``, ``CoreInstance``, ``TraceSession`` and ``TraceRecord``.
What is not declared here (raw configs, config sections, secrets, metadata) is skipped by the decoder and never built.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType, field

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""An id, which is a part of a path: an empty one would make it another path."""


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """A page of the shape ``{items, endCursor, count}``; ``count`` is that of the whole list, where it is told."""

    items: msgspec.Raw
    end_cursor: str | None = None
    count: int | None = None


class CoreInstance(msgspec.Struct, frozen=True, gc=False):
    """A cluster; ``status`` is what its last ping says: running, waiting or unreachable."""

    id: Id
    name: str
    status: str | None = None


class ConfigStamp(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A version of a pipeline's config, of which only the time is read."""

    created_at: str | None = None


class KubeEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A Kubernetes event that hangs on a status row."""

    source: str | None = None
    reason: str | None = None
    message: str | None = None
    logged_at: str | None = None


class StatusRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One report of a pipeline's status."""

    id: Id
    status: str | None = None
    created_at: str | None = None
    events: list[KubeEvent] | None = None


class CurrentStatus(StatusRow, frozen=True, gc=False, rename="camel"):
    """The newest report, as a pipeline carries it."""

    config: ConfigStamp | None = None


class Row(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A pipeline in the list."""

    id: Id
    name: str
    image: str | None = None
    status: CurrentStatus | None = None
    config: ConfigStamp | None = None
    created_at: str | None = None
    error: str | None = None
    replicas_count: int | None = None
    checks_total: int | None = None
    checks_ok: int | None = field(default=None, name="checksOK")
    checks_running: int | None = None
    tracing_enabled: bool | None = None
    wait_for_checks_before_deploying: bool | None = None


class TraceSessionRow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A trace session; ``lifespan`` is a Go duration or a number of nanoseconds."""

    id: Id
    lifespan: str | int | float | None = None
    created_at: str | None = None


class TraceRow(msgspec.Struct, frozen=True):
    """A trace record; but for its id anything may come in any shape, and what ``records`` holds is not looked into."""

    id: Id
    type: Any = None
    start_time: Any = None
    end_time: Any = None
    plugin_instance: Any = None
    plugin_alias: Any = None
    return_code: Any = None
    records: msgspec.Raw | UnsetType = UNSET
    created_at: Any = field(default=None, name="createdAt")
