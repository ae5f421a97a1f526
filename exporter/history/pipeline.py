"""The fold of one pipeline's events: counters that never go back, whatever order the events come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from exporter.history.identity import ordered
from exporter.history.logs import Logs, SavedLogs
from exporter.history.notes import Notes, SavedNotes
from exporter.history.polls import Point, confirmed, dated, newer, noted, polled
from exporter.history.timeline import SavedTimeline, State, Timeline, shared
from exporter.history.traces import SavedTraces, Traces
from exporter.model import Event, FailureRead, LogPosition, LogRead, Pipeline, Status, TraceRead

_MOST_LABELS = 100
_CREATION_SECONDS = 60.0


class Left(msgspec.Struct, frozen=True, gc=False):
    """A status that was left after ``seconds``."""

    dimension: int
    status: str
    seconds: float


class SavedPipeline(msgspec.Struct, array_like=True):
    """A pipeline's history as it is kept in a file: its counters and, with them, the events they cover."""

    timeline: SavedTimeline
    transitions: list[tuple[int, str, int]]
    seconds: list[tuple[int, str, float]]
    events: int
    failures: int
    counts_from: float | None
    seeded: bool
    current: State | None
    initial: State | None
    advanced: float | None
    frozen_at: float | None
    notes: SavedNotes | None
    traces: SavedTraces | None
    logs: SavedLogs | None = None
    failure: FailureRead | None = None
    healths: tuple[Point, ...] = ()


class PipelineHistory:
    """What is known of one pipeline's past.

    ``transitions`` is keyed by (dimension, new status), ``seconds`` by (dimension, status); dimensions are given by
    their place in the kind's order. Events at or before ``counts_from`` are looked at but not counted: they were
    there before the exporter knew the source. ``initial`` is the state in which the pipeline was first seen; a
    pipeline that appeared later has none, and all of it counts. ``notes``, ``traces`` and ``logs`` are there once there
    is something of the kind. ``failure`` is the newest one whose reason is known; ``healths`` are those that polls saw
    and no event tells of, with the time of the poll.
    """

    def __init__(self, *, counts_from: float | None, initial: State | None) -> None:
        self.timeline = Timeline()
        self.transitions: dict[tuple[int, str], int] = {}
        self.seconds: dict[tuple[int, str], float] = {}
        self.events = 0
        self.failures = 0
        self.frozen_at: float | None = counts_from
        self.notes: Notes | None = None
        self.traces: Traces | None = None
        self.logs: Logs | None = None
        self.failure: FailureRead | None = None
        self.healths: tuple[Point, ...] = ()
        self._counts_from = counts_from
        self._seeded = counts_from is None
        self._current = initial
        self._initial = initial
        self._advanced = counts_from

    def saved(self) -> SavedPipeline:
        """All of it, as a value."""
        return SavedPipeline(
            timeline=self.timeline.saved(),
            transitions=[(*key, count) for key, count in self.transitions.items()],
            seconds=[(*key, seconds) for key, seconds in self.seconds.items()],
            events=self.events,
            failures=self.failures,
            counts_from=self._counts_from,
            seeded=self._seeded,
            current=self._current,
            initial=self._initial,
            advanced=self._advanced,
            frozen_at=self.frozen_at,
            notes=self.notes.saved() if self.notes else None,
            traces=self.traces.saved() if self.traces else None,
            logs=self.logs.saved() if self.logs else None,
            failure=self.failure,
            healths=self.healths,
        )

    @classmethod
    def restored(cls, saved: SavedPipeline) -> PipelineHistory:
        """The history that was saved."""
        history = cls(counts_from=saved.counts_from, initial=saved.initial)
        history.timeline = Timeline.restored(saved.timeline)
        history.transitions = {(dimension, to): count for dimension, to, count in saved.transitions}
        history.seconds = {(dimension, status): seconds for dimension, status, seconds in saved.seconds}
        history.events, history.failures = saved.events, saved.failures
        history._seeded, history._current, history._advanced = saved.seeded, saved.current, saved.advanced
        history.frozen_at = saved.frozen_at
        history.notes = Notes.restored(saved.notes) if saved.notes else None
        history.traces = Traces.restored(saved.traces) if saved.traces else None
        history.logs = Logs.restored(saved.logs) if saved.logs else None
        history.failure, history.healths = saved.failure, saved.healths
        return history

    @property
    def last_event_at(self) -> float | None:
        """The time of the newest event."""
        return self.timeline.newest_at

    @property
    def open(self) -> list[tuple[int, str, float]]:
        """The stays that last: dimension, status, and the time from which they are not in ``seconds`` yet."""
        if self._current is None or self._advanced is None:
            return []
        return [(index, status, self._advanced) for index, status in enumerate(self._current[0]) if status]

    def fold(
        self, events: Sequence[Event], *, complete: bool, shown_until: float | None, horizon: float = float("inf")
    ) -> tuple[list[Left], bool]:
        """Take in events, oldest first; those known already change nothing.

        ``shown_until`` is the time up to which time in state has been shown: what is shown is never taken back.
        ``horizon`` is the time that cannot have come yet: an event dated beyond it adds no time in state.
        Returns the statuses that were left, and whether history was lost between what was known and these.
        """
        keys = [ordered(event.id) for event in events]
        known = self.timeline.known()
        gap = complete and bool(known and keys) and known.isdisjoint(keys)
        if shown_until is not None and self._current is not None:
            self._advance(shown_until)
        if complete:
            self.timeline.keep(len(keys))
        left: list[Left] = []
        for key, event in zip(keys, events, strict=True):
            if key not in known:
                known.add(key)
                left += self._fold_one(event, key, counted=self._counts(event.at), horizon=horizon)
            if event.notes:
                self.notes = self.notes or Notes()
                self.notes.fold(event, self._counts)
        self._seeded = True
        return left, gap

    def poll(self, pipeline: Pipeline, *, begun: float, as_of: float) -> None:
        """Take in what a poll saw at ``as_of``; an error that it is the first to see began at ``begun``."""
        self.failure = polled(self.failure, pipeline, begun=begun, as_of=as_of)
        self._date_failure()
        self.healths = noted(self.healths, self.timeline, pipeline.health, as_of)

    def confirm(self, pipeline: Pipeline, as_of: float) -> None:
        """Compare what polls saw with events that were read since."""
        self._date_failure()
        self.healths = noted(confirmed(self.healths, self.timeline), self.timeline, pipeline.health, as_of)

    def fail(self, read: FailureRead) -> None:
        """Take in why a deployment failed, as the history tells it."""
        self.failure = newer(self.failure, read)

    def _date_failure(self) -> None:
        if self.failure is not None:
            self.failure = dated(self.failure, self.timeline.last_failure(counted=False))

    def trace(self, read: TraceRead) -> None:
        """Take in what was read of the pipeline's trace sessions; after the first read all that is unknown is news."""
        counts = self._is_news if self.traces is None else _always
        self.traces = self.traces or Traces()
        self.traces.fold(read, counts)

    def log(self, read: LogRead) -> None:
        """Take in what was read of the pipeline's log."""
        self.logs = self.logs or Logs(self.log_position)
        self.logs.fold(read)

    @property
    def log_position(self) -> LogPosition:
        """Where the reading of the log stands; at first: what was logged before the exporter knew the source is old."""
        return self.logs.position if self.logs else LogPosition(after=self._counts_from)

    @property
    def known_until(self) -> float | None:
        """The time up to which nothing is news; None: all of the pipeline is."""
        return self._counts_from if self.last_event_at is None else self.last_event_at

    @property
    def last_failure(self) -> tuple[float, float | None] | None:
        """From when until when (None: it lasts) the newest failure that counts went on."""
        return self.timeline.last_failure() if self.failures else None

    def began(self, dimension: int, status: Status, created_at: float | None) -> float | None:
        """When the present stay began: as the API says, else as the history tells."""
        return self.since(dimension, status.value, created_at) if status.since is None else status.since

    def since(self, dimension: int, status: str, created_at: float | None) -> float | None:
        """When the present stay in ``status`` began, from the history alone; None if that is not known."""
        newest = self.timeline.newest
        if newest is None or newest[0][dimension] != status:
            return None
        start, seen = self.timeline.since(dimension)
        from_creation = start is not None and created_at is not None and start <= created_at + _CREATION_SECONDS
        return start if seen or from_creation else None

    def _counts(self, at: float) -> bool:
        return self._seeded or self._is_news(at)

    def _is_news(self, at: float) -> bool:
        """Whether ``at`` is after the exporter first knew the source."""
        return self._counts_from is None or at > self._counts_from

    def _fold_one(self, event: Event, key: int, *, counted: bool, horizon: float) -> list[Left]:
        self.events += counted
        newest_at = self.last_event_at
        is_newest = newest_at is None or event.at >= newest_at
        left = self._left_by(event) if counted and is_newest else []
        for before, after, sign in self.timeline.add(
            event.at, key, state(event.statuses, has_error=event.has_error), counted=counted, health=event.health
        ):
            self._count(before, after, sign)
        if is_newest:
            self._advance(min(event.at, horizon))
            self._current = self.timeline.newest
        return left

    def _left_by(self, event: Event) -> list[Left]:
        """The statuses that end with this newest event, where their beginning is known."""
        newest = self.timeline.newest
        left: list[Left] = []
        for dimension, (old, new) in enumerate(zip(newest[0], event.statuses, strict=True) if newest else ()):
            if old is not None and old != new:
                start, seen = self.timeline.since(dimension)
                if start is not None and (seen or self._counts_from is None):
                    left.append(Left(dimension, old, max(0.0, event.at - start)))
        return left

    def _count(self, before: State | None, after: State, sign: int) -> None:
        """Count the changes of a step, or take back those of one that is no longer there."""
        old, had_error = before or self._initial or (None, False)
        statuses, has_error = after
        self.failures += sign * (has_error and not had_error)
        for dimension, status in enumerate(statuses):
            if old is not None and status is not None and old[dimension] != status:
                key = self._label(dimension, status)
                self.transitions[key] = self.transitions.get(key, 0) + sign

    def _label(self, dimension: int, status: str) -> tuple[int, str]:
        key = (dimension, status)
        return key if key in self.transitions or len(self.transitions) < _MOST_LABELS else (dimension, "other")

    def _advance(self, until: float) -> None:
        """Close the time up to ``until`` in the present statuses; time already closed stays as it is."""
        for dimension, status, start in self.open:
            if until > start:
                key = (dimension, status)
                if key not in self.seconds and len(self.seconds) >= _MOST_LABELS:
                    key = (dimension, "other")
                self.seconds[key] = self.seconds.get(key, 0.0) + (until - start)
        self._advanced = until if self._advanced is None else max(self._advanced, until)


def _always(_: float) -> bool:
    return True


def state(statuses: Iterable[str | None], *, has_error: bool) -> State:
    """Statuses and error as one value."""
    return shared((tuple(statuses), has_error))
