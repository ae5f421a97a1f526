"""The table of alerts, and what each looks for in the facts of a pipeline: values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from exporter.alerts.past import Episode, statuses_at
from exporter.config import Alerting
from exporter.history import PipelineHistory
from exporter.model import DeploymentError, Dimension, FailureRead, Note, Pipeline

DEPLOYMENT_ERROR = "PipelineDeploymentError"
UNREACHABLE = "PipelineSourceUnreachable"
WATCHDOG = "PipelineExporterWatchdog"

_PROGRAM_ERRORS = frozenset({"SqlError", "RustError", "SystemError"})
_SAME_TIME_SECONDS = 0.001
_MOST_NOTES = 3


class Facts(msgspec.Struct, frozen=True):
    """All that is known of one pipeline; ``failure`` tells why a deployment failed that is over."""

    source: str
    pipeline: Pipeline
    history: PipelineHistory | None
    failure: FailureRead | None
    dimensions: tuple[Dimension, ...]


class Reason(msgspec.Struct, frozen=True):
    """Why an alert fires: a sentence without its end, a code and a message of the control plane, and its times.

    Times are the control plane's; ``since`` None: not known, ``until`` None: it lasts.
    """

    what: str
    code: str = ""
    message: str = ""
    since: float | None = None
    until: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """An alert about a pipeline: fires when ``find`` has found a reason for as long as ``wait`` says, in seconds."""

    name: str
    severity: str
    find: Callable[[Facts], Reason | None]
    wait: Callable[[Alerting], float] = lambda settings: 0.0


def _deployment_error(facts: Facts) -> Reason | None:
    error = facts.pipeline.error
    if error is None:
        return None
    return Reason(f"the deployment failed: {error.code}", error.code, error.message, _failing_since(facts, error))


def _failing_since(facts: Facts, error: DeploymentError) -> float | None:
    """When the present failure began: as its events tell, or as the polls do as long as there are none."""
    last, failure = facts.history.last_failure if facts.history else None, facts.failure
    if last is not None and last[1] is None:
        return last[0]
    return failure.at if failure is not None and failure.until is None and failure.error == error else None


def _program_error(facts: Facts) -> Reason | None:
    status = facts.pipeline.statuses.get("program")
    if status is None or status.value not in _PROGRAM_ERRORS:
        return None
    return Reason(f"the program cannot be compiled: {status.value}", status.value, since=status.since)


def _unavailable(facts: Facts) -> Reason | None:
    status = facts.pipeline.statuses.get("runtime")
    if status is None or status.value != "Unavailable":
        return None
    return Reason("the control plane cannot reach the pipeline's process", since=status.since)


def _checks_failed(facts: Facts) -> Reason | None:
    status = facts.pipeline.statuses.get("deployment")
    if status is None or status.value != "CHECKS_FAILED":
        return None
    checks = facts.pipeline.checks
    message = f"{checks.ok} of {checks.total} checks passed" if checks else ""
    return Reason("the checks of the pipeline failed", status.value, message, status.since)


RULES: tuple[Rule, ...] = (
    Rule(DEPLOYMENT_ERROR, "critical", _deployment_error),
    Rule("PipelineProgramError", "warning", _program_error),
    Rule("PipelineUnavailable", "critical", _unavailable, lambda settings: settings.unavailable_for),
    Rule("PipelineChecksFailed", "warning", _checks_failed),
)
"""What is looked for in every pipeline."""

ALERTS: dict[str, str] = {**{rule.name: rule.severity for rule in RULES}, UNREACHABLE: "critical", WATCHDOG: "none"}
"""Every alert there is, and its severity."""


def past_reason(facts: Facts, episode: Episode) -> Reason:
    """Why a deployment failed that is over: as it was read, else as far as the history tells."""
    failure = facts.failure
    if failure is not None and abs(failure.at - episode.at) < _SAME_TIME_SECONDS:
        code, message = failure.error.code, failure.error.message
    else:
        code, message = _status_then(facts, episode.at), _noted(facts, episode)
    what = f"the deployment failed and recovered: {code}" if code else "the deployment failed and recovered"
    return Reason(what, code, message, episode.at, episode.until)


def _status_then(facts: Facts, at: float) -> str:
    """What the history calls the failure: the status of the deployment, where there is such a dimension."""
    names = [dimension.name for dimension in facts.dimensions]
    statuses = dict(zip(names, statuses_at(facts.history, at), strict=False))
    return statuses.get("deployment") or ""


def _noted(facts: Facts, episode: Episode) -> str:
    """The newest of what the platform noted beside it."""
    notes: Sequence[Note] = facts.history.notes.recent if facts.history and facts.history.notes else ()
    found = [note for note in notes if note.at is None or note.at <= episode.until]
    return "; ".join(f"{note.reason}: {note.message}" for note in found[-_MOST_NOTES:])
