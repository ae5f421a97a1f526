"""The table of metric families that a pipeline or a source has: name, type, help, labels, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from exporter.history.source import BUCKETS, Durations
from exporter.metrics.family import Family, PipelineView, SourceView, family
from exporter.metrics.moving import Stay
from exporter.metrics.optional import OPTIONAL_FAMILIES
from exporter.metrics.text import ending, escape, label_pairs, number, plain_ending
from exporter.model import HEALTHS, Dimension

PIPELINE_LABELS = ("source", "pipeline", "pipeline_name")


def pipeline_families(dimensions: Sequence[Dimension]) -> list[Family[PipelineView]]:
    """The families of pipelines, for kinds that have these dimensions between them."""
    statuses = [
        family(
            f"pipeline_{d.name}_status",
            "gauge",
            f"{d.help} 1 for the present status.",
            ("status",),
            partial(_status, _Choice("status", d.statuses), d.name),
        )
        for d in dimensions
    ]
    return [_INFO, *statuses, *_PIPELINE_FAMILIES, *OPTIONAL_FAMILIES]


class _Choice:
    """Endings for one value out of several: 1 for the one, 0 for the others if they are asked for."""

    def __init__(self, label: str, known: Sequence[str]) -> None:
        self._label = label
        self._dense = {value: self._endings(known, value) for value in known}
        self._none = self._endings(known, None)

    def _endings(self, known: Sequence[str], chosen: str | None) -> tuple[str, ...]:
        return tuple(ending(((self._label, value),), int(value == chosen)) for value in known)

    def endings(self, value: str, *, dense: bool) -> tuple[str, ...]:
        """A value that is not known stands beside the others."""
        only = ending(((self._label, value),), 1)
        if not dense:
            return (only,)
        return self._dense.get(value) or (*self._none, only)


def _status(choice: _Choice, dimension: str, view: PipelineView) -> Sequence[str]:
    status = view.pipeline.statuses.get(dimension)
    return () if status is None else choice.endings(status.value, dense=view.dense)


def _desired(dimension: str, view: PipelineView) -> Sequence[str]:
    value = view.pipeline.desired.get(dimension)
    return () if value is None else (ending((("status", value),), 1),)


def _error_info(view: PipelineView) -> Sequence[str]:
    error = view.pipeline.error
    return () if error is None else (ending((("error_code", error.code),), 1),)


def _since(view: PipelineView) -> Sequence[str]:
    found = []
    for index, dimension in enumerate(view.dimensions):
        status = view.pipeline.statuses.get(dimension.name)
        since = None if status is None else view.history.began(index, status, view.pipeline.created_at)
        if since is not None:
            found.append(f',dimension="{dimension.name}"}} {number(since)}\n')
    return found


def _optional(read: Callable[[PipelineView], float | None], view: PipelineView) -> Sequence[str]:
    value = read(view)
    return () if value is None else (plain_ending(value),)


def _transitions(view: PipelineView) -> Sequence[str]:
    counted = view.history.transitions
    born = {(i, s): 0 for i, d in enumerate(view.dimensions) for s in d.statuses} if view.dense else {}
    return [
        ending((("dimension", view.dimensions[index].name), ("to", status)), count)
        for (index, status), count in (born | counted).items()
    ]


def _seconds(view: PipelineView) -> Sequence[str]:
    """Stays that ended, and open ones of a pipeline whose history is behind; the moving ones come by ``stays``."""
    moving = {(index, status) for index, status, _ in view.history.open}
    frozen = view.history.frozen_at is not None
    seconds = dict(view.history.seconds)
    if frozen and view.shown_until is not None:
        for index, status, start in view.history.open:
            seconds[index, status] = seconds.get((index, status), 0.0) + max(0.0, view.shown_until - start)
    return [
        f"{_stay_end(view.dimensions[index].name, status).decode()}{value:.3f}\n"
        for (index, status), value in seconds.items()
        if frozen or (index, status) not in moving
    ]


def stays(view: PipelineView) -> tuple[Stay, ...]:
    """The stays whose time goes on with every good poll: labels, seconds so far, and from when on they grow."""
    if view.history.frozen_at is not None:
        return ()
    return tuple(
        (_stay_end(view.dimensions[index].name, status), view.history.seconds.get((index, status), 0.0), start)
        for index, status, start in view.history.open
    )


@lru_cache(maxsize=1024)
def _stay_end(dimension: str, status: str) -> bytes:
    return f',dimension="{dimension}",status="{escape(status)}"}} '.encode()


_HEALTH = _Choice("health", HEALTHS)

SECONDS = "pipeline_status_seconds_total"

_INFO: Family[PipelineView] = family(
    "pipeline_info",
    "gauge",
    "A pipeline, as the control plane knows it; always 1.",
    ("kind", "platform_version"),
    lambda v: (ending((("kind", v.kind), ("platform_version", v.pipeline.platform_version)), 1),),
)

_PIPELINE_FAMILIES: tuple[Family[PipelineView], ...] = (
    family(
        "pipeline_resources_desired_status",
        "gauge",
        "Wanted status of the resources; only the wanted one, with value 1.",
        ("status",),
        partial(_desired, "resources"),
    ),
    family(
        "pipeline_runtime_desired_status",
        "gauge",
        "Wanted status of the process; only the wanted one, with value 1. Unavailable also when it cannot be reached.",
        ("status",),
        partial(_desired, "runtime"),
    ),
    family(
        "pipeline_deployment_has_error",
        "gauge",
        "1 while the deployment has an error.",
        (),
        lambda v: (plain_ending(int(v.pipeline.error is not None)),),
    ),
    family(
        "pipeline_deployment_error_info",
        "gauge",
        "The code of the deployment's error, while there is one; always 1.",
        ("error_code",),
        _error_info,
    ),
    family(
        "pipeline_health",
        "gauge",
        "One reading of all statuses, the same across control planes. 1 for the present one.",
        ("health",),
        lambda v: _HEALTH.endings(v.pipeline.health, dense=v.dense),
    ),
    family(
        "pipeline_status_since_timestamp_seconds",
        "gauge",
        "When the present status began, by the control plane's clock.",
        ("dimension",),
        _since,
    ),
    family(
        "pipeline_last_event_timestamp_seconds",
        "gauge",
        "Time of the newest history entry.",
        (),
        partial(_optional, lambda v: v.history.last_event_at),
    ),
    family(
        "pipeline_events_total",
        "counter",
        "History entries seen.",
        (),
        lambda v: (plain_ending(v.history.events),),
    ),
    family(
        "pipeline_status_transitions_total",
        "counter",
        "Changes of status, from the history: those between two polls too.",
        ("dimension", "to"),
        _transitions,
    ),
    family(
        SECONDS,
        "counter",
        "Time spent in each status, from the history, up to the last good poll.",
        ("dimension", "status"),
        _seconds,
    ),
    family(
        "pipeline_deployment_failures_total",
        "counter",
        "Deployments that failed, from the history.",
        (),
        lambda v: (plain_ending(v.history.failures),),
    ),
    family(
        "pipeline_connector_errors",
        "gauge",
        "Errors of all connectors of the pipeline since its process started.",
        (),
        partial(_optional, lambda v: v.pipeline.connector_errors),
    ),
)


def _durations(name: str, shared: str, view: SourceView) -> str:
    found = []
    for (index, status), durations in view.history.durations.items():
        own = (("kind", view.kind), ("dimension", view.history.dimensions[index].name), ("status", status))
        found.append(_histogram(name, f"{shared},{label_pairs(own)}", durations))
    return "".join(found)


def _histogram(name: str, labels: str, durations: Durations) -> str:
    text, below = "", 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), durations.counts, strict=True):
        below += count
        text += f'{name}_bucket{{{labels},le="{bound}"}} {below}\n'
    return f"{text}{name}_count{{{labels}}} {below}\n{name}_sum{{{labels}}} {durations.total!r}\n"


def _platform_info(view: SourceView) -> Sequence[str]:
    version, edition = view.platform.version, view.platform.edition
    if version is None:
        return ()
    return (ending((("version", version), ("edition", edition or "")), 1),)


def _services(view: SourceView) -> Sequence[str]:
    return [ending((("service", s.name),), int(s.healthy)) for s in view.platform.services or ()]


def _checked(view: SourceView) -> Sequence[str]:
    return () if view.platform.checked_at is None else (plain_ending(view.platform.checked_at),)


SOURCE_FAMILIES: tuple[Family[SourceView], ...] = (
    Family(
        "pipeline_status_duration_seconds",
        "histogram",
        "How long a status lasted when it was left.",
        ("kind", "dimension", "status"),
        _durations,
    ),
    family(
        "pipeline_platform_info",
        "gauge",
        "The control plane's version and edition; always 1.",
        ("version", "edition"),
        _platform_info,
    ),
    family(
        "pipeline_platform_service_healthy",
        "gauge",
        "1 if the control plane says that this service of its own is well.",
        ("service",),
        _services,
    ),
    family(
        "pipeline_platform_checked_timestamp_seconds",
        "gauge",
        "When the control plane last checked itself; a frozen time means that nobody checks.",
        (),
        _checked,
    ),
    family(
        "pipeline_exporter_history_gaps_total",
        "counter",
        "Pipelines whose history rolled over before it was read.",
        (),
        lambda v: (plain_ending(v.history.gaps),),
    ),
)
