"""The JSON shapes of the API: pipelines by selector, pipeline events, cluster events and health."""

from __future__ import annotations

from typing import Any

from exporter.demo.feldera.cluster import SERVICES, Cluster, ClusterEvent
from exporter.demo.feldera.errors import Failure
from exporter.demo.feldera.identity import rfc3339, uuid_text
from exporter.demo.feldera.rows import Details, Event, Row

Json = dict[str, Any]

_STATISTICS = frozenset({"Bootstrapping", "ConcurrentBootstrapping", "Synchronizing", "Replaying", "Running", "Paused"})
_DEFAULT_PROGRAM_CONFIG: Details = {
    "profile": "optimized", "cache": True, "runtime_version": None, "use_platform_compiler": False,
}  # fmt: skip
_DEFAULT_RUNTIME_CONFIG: Details = {
    "workers": 8, "hosts": 1, "storage": {"backend": {"name": "default"}, "compression": "default"},
    "fault_tolerance": {"model": "none", "checkpoint_interval_secs": 60}, "cpu_profiler": True, "tracing": False,
}  # fmt: skip
_PROGRAM_INFO: Details = {
    "schema": {"inputs": [], "outputs": []}, "udf_stubs": "", "input_connectors": {}, "output_connectors": {},
}  # fmt: skip


def pipeline(row: Row, selector: str) -> Json:
    """A pipeline as `selector` (status, status_with_connectors, all) shows it."""
    shown = _identity(row) | _program(row) | _deployment(row) | _since(row)
    if selector == "all":
        return shown | _everything(row)
    if selector == "status_with_connectors" and row.runtime in _STATISTICS:
        return shown | {"connectors": {"num_errors": row.num_errors}}
    return shown


def _identity(row: Row) -> Json:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "tags": row.tags,
        "created_at": rfc3339(row.created_us),
        "version": row.version,
        "platform_version": row.platform_version,
        "program_config": {**_DEFAULT_PROGRAM_CONFIG, **row.program_config},
        "program_version": row.program_version,
        "refresh_version": row.refresh_version,
    }


def _program(row: Row) -> Json:
    return {
        "program_status": row.program,
        "program_status_since": rfc3339(row.program_since),
        "storage_status": row.storage,
        "storage_status_details": row.storage_details,
    }


def _deployment(row: Row) -> Json:
    return {
        "deployment_error": failure(row.error),
        "deployment_id": row.deployment_id,
        "deployment_initial": row.initial,
        "deployment_status": row.status,
        "deployment_desired_status": row.desired_status,
        "deployment_resources_status": row.resources,
        "deployment_resources_desired_status": row.resources_desired,
        "deployment_runtime_status": row.runtime,
        "deployment_runtime_status_details": row.details,
        "deployment_runtime_desired_status": row.runtime_desired,
        "bootstrap_policy": row.bootstrap_policy,
        "silent_bootstrap": row.silent_bootstrap,
        "concurrent_bootstrap": row.concurrent_bootstrap,
    }


def _since(row: Row) -> Json:
    desired = max(row.resources_desired_since, row.runtime_desired_since or 0)
    return {
        "deployment_status_since": rfc3339(max(row.resources_since, row.runtime_since or 0)),
        "deployment_desired_status_since": rfc3339(desired),
        "deployment_resources_status_since": rfc3339(row.resources_since),
        "deployment_resources_desired_status_since": rfc3339(row.resources_desired_since),
        "deployment_runtime_status_since": _maybe(row.runtime_since),
        "deployment_runtime_desired_status_since": _maybe(row.runtime_desired_since),
    }


def _everything(row: Row) -> Json:
    return {
        "deployment_resources_status_details": None,
        "runtime_config": {**_DEFAULT_RUNTIME_CONFIG, **row.runtime_config},
        "program_code": row.program_code,
        "udf_rust": row.udf_rust,
        "udf_toml": row.udf_toml,
        "program_error": row.program_error,
        "program_info": _PROGRAM_INFO if row.program == "Success" else None,
    }


def event(recorded: Event, selector: str) -> Json:
    """A pipeline event as `selector` (status, all) shows it."""
    shown = {
        "event_id": uuid_text(recorded.id),
        "recorded_at": rfc3339(recorded.at_us),
        "deployment_resources_status": recorded.resources,
        "deployment_resources_desired_status": recorded.resources_desired,
        "deployment_runtime_status": recorded.runtime,
        "deployment_runtime_desired_status": recorded.runtime_desired,
        "deployment_has_error": recorded.has_error,
        "program_status": recorded.program,
        "storage_status": recorded.storage,
    }
    return shown | _event_details(recorded) if selector == "all" else shown


def _event_details(recorded: Event) -> Json:
    return {
        "deployment_resources_status_details": None,
        "deployment_runtime_status_details": recorded.details,
        "deployment_error": failure(recorded.error),
        "storage_status_details": recorded.storage_details,
    }


def failure(error: Failure | None) -> Json | None:
    """A deployment error, or null."""
    if error is None:
        return None
    return {"message": error.message, "error_code": error.error_code, "details": error.details}


def cluster_event(recorded: ClusterEvent, selector: str) -> Json:
    """A cluster event as `selector` (status, all) shows it."""
    shown: Json = {
        "id": uuid_text(recorded.id),
        "recorded_at": rfc3339(recorded.at_us),
        "all_healthy": recorded.all_healthy,
        **{f"{name}_status": recorded.services[name].status for name in SERVICES},
    }
    if selector == "all":
        shown |= {f"{name}_self_info": recorded.services[name].message for name in SERVICES}
        shown |= {f"{name}_resources_info": "" for name in SERVICES}
    return shown


def cluster_health(cluster: Cluster) -> Json:
    """The health of the services as of the newest event."""
    latest = cluster.latest()
    return {"all_healthy": latest.all_healthy, **{name: _service(cluster, name) for name in SERVICES}}


def _service(cluster: Cluster, name: str) -> Json:
    latest = cluster.latest()
    return {
        "healthy": latest.services[name].healthy,
        "message": latest.services[name].message,
        "unchanged_since": rfc3339(cluster.unchanged_since_us(name)),
        "checked_at": rfc3339(latest.at_us),
    }


def _maybe(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
