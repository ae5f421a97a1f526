"""Calyptia's words in the exporter's: statuses, health, errors, and the rows of the history as events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from exporter.model import (
    Checks,
    DeploymentError,
    Dimension,
    Event,
    Health,
    Note,
    Pipeline,
    PlatformRead,
    Service,
    Status,
    parse_time,
)
from exporter.sources.calyptia.kubernetes import origin_of, reason_of
from exporter.sources.calyptia.wire import ConfigStamp, CoreInstance, KubeEvent, Row, StatusRow
from exporter.sources.decode import counted
from exporter.sources.labels import label_text

DEPLOYMENT = "deployment"
DIMENSIONS = (
    Dimension(
        DEPLOYMENT,
        ("NEW", "STARTING", "STARTED", "FAILED", "SCALING", "CHECKS_OK", "CHECKS_FAILED"),
        "Status of the deployment of a Calyptia Core pipeline.",
    ),
)
"""Order of the statuses in an event."""

KNOWN = frozenset(DIMENSIONS[0].statuses)

_RUNNING = "running"
_HEALTH: dict[str, Health] = {
    "STARTED": "healthy",
    "NEW": "transitioning",
    "STARTING": "transitioning",
    "SCALING": "transitioning",
    "CHECKS_OK": "transitioning",
    "FAILED": "failed",
    "CHECKS_FAILED": "unhealthy",
}
_FOREIGN = re.compile(r"[^A-Z_]")
_LONGEST_MESSAGE = 8192
_LONGEST_NOTE = 1024
_LONGEST_NAME = 120
_MOST_NOTES = 20
_TICK_SECONDS = 1e-6


def pipeline(row: Row, instance: CoreInstance) -> Pipeline:
    """The facts of a row of the list, on its core instance."""
    status = status_text(row.status.status if row.status else None)
    error = deployment_error(row, status)
    read = health(status, instance.status, waits_for_checks=bool(row.wait_for_checks_before_deploying))
    return Pipeline(
        id=row.id,
        name=row.name,
        statuses={} if status is None else {DEPLOYMENT: Status(status)},
        health=read,
        platform_version=image_tag(row.image),
        created_at=parse_time(row.created_at),
        error=error,
        replicas=counted(row.replicas_count),
        checks=_checks(row),
        config_changed_at=_newest_config(row),
        why=why(row, status, instance, read),
    )


def status_text(raw: str | None) -> str | None:
    """A status as a label: upper case, cut at the first character that no status has; unknown ones are kept."""
    if raw is None:
        return None
    return label_text(_FOREIGN.split(raw.strip().upper(), maxsplit=1)[0])


def health(status: str | None, instance_status: str | None, *, waits_for_checks: bool) -> Health:
    """One reading of the status; a status is pushed by the core instance, so a lost one's STARTED proves nothing.

    An instance whose status is not told is not held against its pipelines.
    """
    if status == "STARTED" and instance_status not in (None, _RUNNING):
        return "unhealthy"
    if status == "CHECKS_FAILED" and waits_for_checks:
        return "failed"
    return _HEALTH.get(status or "", "unknown")


def why(row: Row, status: str | None, instance: CoreInstance, read: Health) -> str:
    """Why a pipeline whose health was ``read`` so is not as it should be, in a few words; empty if there is nothing."""
    if read == "unknown":
        return "the control plane tells no status" if status is None else f"its status {status} is not known here"
    if status == "FAILED":
        return "the deployment failed: FAILED"
    if status == "CHECKS_FAILED":
        return f"its checks failed: {row.checks_ok or 0} of {row.checks_total or 0} passed"
    if read == "unhealthy":
        name, said = instance.name[:_LONGEST_NAME], label_text(instance.status or "")
        return f"its core instance {name} is not running ({said})"
    return "its configuration cannot be rendered (RENDER_ERROR)" if row.error else ""


def deployment_error(row: Row, status: str | None) -> DeploymentError | None:
    """Why the pipeline is not what it should be: the deployment failed, its checks keep it back, or its config."""
    if status == "FAILED":
        return DeploymentError("FAILED", _noted(row.status))
    if status == "CHECKS_FAILED" and row.wait_for_checks_before_deploying:
        return DeploymentError("CHECKS_FAILED", f"{row.checks_ok or 0} of {row.checks_total or 0} checks passed")
    if row.error:
        return DeploymentError("RENDER_ERROR", row.error[:_LONGEST_MESSAGE])
    return None


def failure_of(event: Event) -> DeploymentError:
    """Why a deployment failed, as far as its row in the history tells."""
    said = [f"{note.reason}: {note.message}" if note.message else note.reason for note in event.notes]
    return DeploymentError("FAILED", "; ".join(said)[:_LONGEST_MESSAGE])


def image_tag(image: str | None) -> str:
    """The tag of a container image's reference, or nothing.

    >>> image_tag("ghcr.io:443/calyptia/core:24.10.3@sha256:0f")
    '24.10.3'
    """
    _, separator, tag = (image or "").partition("@")[0].rpartition("/")[2].partition(":")
    return label_text(tag) if separator and tag else ""


def platform(instances: Iterable[CoreInstance]) -> PlatformRead:
    """The core instances as services by name; of several with one name all must run, one without status is left out."""
    running: dict[str, bool] = {}
    for instance in instances:
        if instance.status is not None:
            running[instance.name] = running.get(instance.name, True) and instance.status == _RUNNING
    return PlatformRead(services=tuple(Service(name, healthy) for name, healthy in running.items()))


def events(rows: Sequence[StatusRow], after: Event | None) -> list[Event]:
    """Rows of the history, newest first, as events, oldest first; those without a time are left out.

    The order of rows with one time is that of the server: each is put a microsecond behind the one before it.
    ``after`` is the newest event known from an earlier read; it may be among the rows again.
    """
    found: list[Event] = []
    for row in reversed(rows):
        at = parse_time(row.created_at)
        if after is not None and row.id == after.id:
            found.append(event(row, after.at))
        elif at is not None:
            found.append(event(row, _behind(at, found[-1] if found else after)))
    return found


def event(row: StatusRow, at: float) -> Event:
    """A row of the history."""
    status = status_text(row.status)
    said = health(status, None, waits_for_checks=False)
    return Event(row.id, at, (status,), status == "FAILED", notes(row.events), said)


def notes(found: Sequence[KubeEvent] | None) -> tuple[Note, ...]:
    """The Kubernetes events of a row; a reason that is no label stands in the message."""
    return tuple(map(_note, (found or ())[:_MOST_NOTES]))


def _note(found: KubeEvent) -> Note:
    reason = reason_of(found.reason)
    text = found.message or ""
    message = text if reason == found.reason else f"{found.reason}: {text}"
    return Note(origin_of(found.source), reason, parse_time(found.logged_at), message[:_LONGEST_NOTE])


def _noted(row: StatusRow | None) -> str:
    """What Kubernetes says about a status, for people."""
    said = [f"{e.reason}: {e.message}" if e.message else e.reason for e in (row and row.events) or () if e.reason]
    return "; ".join(filter(None, said))[:_LONGEST_MESSAGE]


def _behind(at: float, last: Event | None) -> float:
    """``at``, or a moment behind the last event if that was put at the same time."""
    if last is not None and 0 <= last.at - at < 1000 * _TICK_SECONDS:
        return last.at + _TICK_SECONDS
    return at


def _checks(row: Row) -> Checks | None:
    total = counted(row.checks_total)
    if total is None:
        return None
    return Checks(total, counted(row.checks_ok) or 0, counted(row.checks_running) or 0)


def _newest_config(row: Row) -> float | None:
    stamps: tuple[ConfigStamp | None, ...] = (row.config, row.status.config if row.status else None)
    times = [at for stamp in stamps if stamp and (at := parse_time(stamp.created_at)) is not None]
    return max(times, default=None)
