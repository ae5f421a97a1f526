"""What an alert tells people: a summary, the reason in full, the last transitions and log lines, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import msgspec

from exporter.alerts.past import last_transitions
from exporter.alerts.rules import Facts, Reason
from exporter.alerts.text import cut, one_line, rfc3339
from exporter.config import Alerting
from exporter.model import LogLine

RUNBOOKS = "https://github.com/pipeline-exporter/pipeline-exporter/blob/main/docs/runbooks"

_SUMMARY_CHARACTERS = 200
_DESCRIPTION_BYTES = 2000
_TEXT_BYTES = 16 * 1024
_LOG_LINES = 10


class Places(msgspec.Struct, frozen=True):
    """Where links lead; without a slash at their end, ``grafana`` empty if there is none."""

    exporter: str
    runbooks: str
    grafana: str

    @classmethod
    def of(cls, settings: Alerting, exporter: str) -> Places:
        """Those of the config; ``exporter`` is where this one is found if that does not say."""
        runbooks = settings.runbooks_url or RUNBOOKS
        return cls(settings.external_url or exporter, runbooks, settings.grafana_url or "")

    def pipeline(self, source: str, pipeline_id: str) -> str:
        """The exporter's page about a pipeline."""
        return f"{self.exporter}/pipelines/{quote(source, safe='')}/{_quoted(pipeline_id)}"

    def dashboard(self, source: str, pipeline_name: str) -> str:
        """Grafana's page about a pipeline."""
        if not self.grafana:
            return ""
        variables = {"var-source": source, "var-pipeline_name": pipeline_name}
        query = urlencode(variables, quote_via=quote, errors="replace")
        return f"{self.grafana}/d/pipeline-exporter-pipeline?{query}"


def of_pipeline(name: str, facts: Facts, reason: Reason, places: Places) -> dict[str, str]:
    """The annotations of an alert about a pipeline; those that would be empty are left out."""
    pipeline, history = facts.pipeline, facts.history
    logs = history.logs.errors if history and history.logs else ()
    return _without_empty({
        "summary": one_line(f"{pipeline.name}: {reason.what}", _SUMMARY_CHARACTERS),
        "description": cut(_description(facts, reason), _DESCRIPTION_BYTES),
        "error_code": one_line(reason.code, _SUMMARY_CHARACTERS),
        "error_message": cut(reason.message, _TEXT_BYTES),
        "transitions": "\n".join(last_transitions(history, facts.dimensions)),
        "log_lines": cut("\n".join(map(_log_line, logs[-_LOG_LINES:])), _TEXT_BYTES),
        "began_at": _time(reason.since),
        "ended_at": _time(reason.until),
        "last_event_at": _time(history.last_event_at if history else None),
        "runbook_url": f"{places.runbooks}/{name}.md",
        "dashboard_url": places.dashboard(facts.source, pipeline.name),
        "pipeline_url": places.pipeline(facts.source, pipeline.id),
    })  # fmt: skip


def of_source(name: str, source: str, why: str, since: float, places: Places) -> dict[str, str]:
    """The annotations of an alert about a source that cannot be read; ``why`` is the reason of the last failure."""
    said = f" ({why})" if why else ""
    return _without_empty({
        "summary": one_line(f"{source}: the control plane cannot be read{said}", _SUMMARY_CHARACTERS),
        "description": f"Source {source} has not been read since {_time(since)}{said}. Nothing is known of its "
        "pipelines meanwhile; alerts about them stay as they were.",
        "error_code": why,
        "began_at": _time(since),
        "runbook_url": f"{places.runbooks}/{name}.md",
    })  # fmt: skip


def of_watchdog(name: str, places: Places) -> dict[str, str]:
    """The annotations of the alert that always fires."""
    return {
        "summary": "The alerting bridge works.",
        "description": "This alert always fires; when it is missing, the exporter cannot send alerts any more.",
        "runbook_url": f"{places.runbooks}/{name}.md",
    }


def _description(facts: Facts, reason: Reason) -> str:
    since = f", since {_time(reason.since)}" if reason.since is not None else ""
    when = f", from {_time(reason.since)} until {_time(reason.until)}" if reason.until is not None else since
    message = f"\n{reason.message}" if reason.message else ""
    return f"Pipeline {facts.pipeline.name} of source {facts.source}: {reason.what}{when}.{message}"


def _log_line(line: LogLine) -> str:
    return line.text if line.at is None else f"{rfc3339(line.at)} {line.text}"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else rfc3339(seconds)


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="replace")


def _without_empty(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if text}
