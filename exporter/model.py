"""The facts the exporter works with: frozen values, the same for every kind of control plane.

Times are Unix seconds (UTC) by the control plane's own clock unless a name says otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

Health: TypeAlias = Literal["healthy", "transitioning", "unhealthy", "failed", "idle", "unknown"]
"""One reading of a pipeline's state across all control planes."""

HEALTHS: tuple[Health, ...] = ("healthy", "transitioning", "unhealthy", "failed", "idle", "unknown")


class Dimension(msgspec.Struct, frozen=True):
    """One aspect of a pipeline's state and the statuses this version knows for it."""

    name: str
    statuses: tuple[str, ...]
    help: str


class Status(msgspec.Struct, frozen=True, gc=False):
    """The present status of one dimension, and when it began (None: not known)."""

    value: str
    since: float | None = None


class DeploymentError(msgspec.Struct, frozen=True, gc=False):
    """Why a deployment failed; ``message`` is free text for people, never a label."""

    code: str
    message: str = ""


class Checks(msgspec.Struct, frozen=True, gc=False):
    """How many checks a pipeline has, how many passed and how many run; the rest failed or are new."""

    total: int
    ok: int
    running: int


class Pipeline(msgspec.Struct, frozen=True, gc=False):
    """What a control plane says about one pipeline now.

    ``statuses`` has an entry for each dimension whose status is not null, ``desired`` for each wanted status the
    API gives. ``id`` is the identity, for ever; ``name`` may change. ``why`` says in a few words for people why it is
    not as it should be, empty if all is well or the statuses say it.
    """

    id: str
    name: str
    statuses: dict[str, Status]
    health: Health
    desired: dict[str, str] = {}
    platform_version: str = ""
    created_at: float | None = None
    error: DeploymentError | None = None
    connector_errors: int | None = None
    replicas: int | None = None
    checks: Checks | None = None
    config_changed_at: float | None = None
    why: str = ""


class Note(msgspec.Struct, frozen=True, gc=False):
    """What the platform noted beside an event; ``origin`` and ``reason`` are bounded, ``message`` is free text."""

    origin: str
    reason: str
    at: float | None = None
    message: str = ""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One entry of a pipeline's retained history: its state as recorded at ``at``.

    ``statuses`` follow the order of the kind's dimensions; None is null. ``health`` is as far as the entry tells.
    """

    id: str
    at: float
    statuses: tuple[str | None, ...]
    has_error: bool = False
    notes: tuple[Note, ...] = ()
    health: Health = "unknown"


class Snapshot(msgspec.Struct, frozen=True):
    """An answer to "what is the state of every pipeline", reduced to what differs from the answer before.

    ``as_of`` is the control plane's time of the answer. ``waiting`` names pipelines whose history is still to be
    read after this change. A large answer comes in parts; the last one makes it ``whole``.
    """

    as_of: float
    changed: tuple[Pipeline, ...] = ()
    removed: tuple[str, ...] = ()
    waiting: frozenset[str] = frozenset()
    whole: bool = True


class HistoryRead(msgspec.Struct, frozen=True):
    """Events of one pipeline, oldest first: the whole retained list (``complete``) or only its newest."""

    pipeline_id: str
    events: tuple[Event, ...]
    complete: bool = True


class FailureRead(msgspec.Struct, frozen=True, gc=False):
    """Why a deployment failed, and from when until when (None: it is not known to be over)."""

    pipeline_id: str
    at: float
    error: DeploymentError
    until: float | None = None


class TraceSession(msgspec.Struct, frozen=True, gc=False):
    """A time during which samples of a pipeline's records are traced."""

    id: str
    ends_at: float | None
    active: bool


TraceResult: TypeAlias = Literal["ok", "zero", "retry", "other"]
"""What an output said; ``zero`` is an error, or a server that does not tell."""


class TraceRecord(msgspec.Struct, frozen=True, gc=False):
    """One record of a trace session, without its payload.

    ``at`` is when the control plane received it, ``seen_at`` when the plugin saw it. ``result`` is only there at
    the output. A ``malformed`` record has no stage and no plugin.
    """

    id: str
    at: float
    seen_at: float
    stage: str = ""
    plugin: str = ""
    result: TraceResult | None = None
    malformed: bool = False


class TraceRead(msgspec.Struct, frozen=True):
    """The newest trace session of a pipeline (None: there is none) and records of it not read before, oldest first.

    ``gap`` says that records may have been lost before these.
    """

    pipeline_id: str
    session: TraceSession | None
    records: tuple[TraceRecord, ...] = ()
    gap: bool = False


LogLevel: TypeAlias = Literal["error", "warn", "info", "debug", "trace", "unknown"]
"""How severe a log line says it is."""

LOG_LEVELS: tuple[LogLevel, ...] = ("error", "warn", "info", "debug", "trace", "unknown")


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A log line for people to read: clipped, without colours, credentials redacted; ``at`` if it has a time."""

    text: str
    at: float | None = None


class LogPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where the reading of a pipeline's log stands.

    The life of the server's buffer is named by ``epoch``; ``number`` of its lines came so far. ``exact``: by the
    server's own count. Else ``tail`` ends with a digest of the last line and what it belongs to, and lines dated up to
    ``after`` are known (None: no line is).
    """

    epoch: str = ""
    number: int = 0
    tail: tuple[int, ...] = ()
    after: float | None = None
    exact: bool = False


class LogRead(msgspec.Struct, frozen=True):
    """What was read of a pipeline's log since the last such fact.

    ``up`` says whether the stream is open; None: the log is not followed any more. ``lines`` counts them by level;
    ``errors`` are all the kept ones that tell of a failure, oldest first (None: the same as before).
    """

    pipeline_id: str
    up: bool | None
    lines: dict[LogLevel, int] = {}
    panics: int = 0
    lost: int = 0
    reconnects: int = 0
    last_line_at: float | None = None
    errors: tuple[LogLine, ...] | None = None
    position: LogPosition | None = None


class Service(msgspec.Struct, frozen=True):
    """A part of the control plane and whether it says it is well."""

    name: str
    healthy: bool


class PlatformRead(msgspec.Struct, frozen=True):
    """What the control plane says about itself; None: not asked in this read."""

    version: str | None = None
    edition: str | None = None
    services: tuple[Service, ...] | None = None
    checked_at: float | None = None


Fact: TypeAlias = Snapshot | HistoryRead | FailureRead | TraceRead | LogRead | PlatformRead
"""Whatever a source can deliver."""


def parse_time(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None for null, for Go's zero time and for what is no time.

    >>> parse_time("2026-01-01T00:00:00.25Z")
    1767225600.25
    """
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds > _YEAR_2 else None


_YEAR_2 = datetime(2, 1, 1, tzinfo=UTC).timestamp()
