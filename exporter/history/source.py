"""The histories of one source's pipelines, and what is counted for the source as a whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

import msgspec

from exporter.history.pipeline import Left, PipelineHistory, state
from exporter.model import Dimension, HistoryRead, LogRead, Pipeline, Snapshot, TraceRead

BUCKETS: tuple[float, ...] = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 21600.0, 86400.0)
"""Upper bounds in seconds: from a provisioning of moments to a status of a day."""

_AHEAD_SECONDS = 60.0  # an event may be younger than the last poll, because histories are read after it

_MOST_GONE = 10_000


class Durations:
    """A histogram: how many observations fell below each bound of ``BUCKETS`` and above them all, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Add one observation."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class SavedSource(msgspec.Struct, array_like=True):
    """What is counted for a source as a whole, as it is kept in a file."""

    as_of: float | None
    begun: bool
    gaps: int
    durations: list[tuple[int, str, list[int], float]]


class SourceHistory:
    """Everything counted from one source's past.

    Counting begins with the first good poll: what the control plane remembers from before is known but not
    counted, except for pipelines that appear later, of which all counts. ``as_of`` is the control plane's time of
    the last good poll, up to which time in state is shown.
    """

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        self.dimensions = dimensions
        self.pipelines: dict[str, PipelineHistory] = {}
        self.durations: dict[tuple[int, str], Durations] = {}
        self.gaps = 0
        self.as_of: float | None = None
        self._begun = False
        self._reopened_at: float | None = None
        self._gone: dict[str, PipelineHistory] = {}

    def saved(self) -> SavedSource:
        """What belongs to the source as a whole, as a value; its pipelines are saved one by one."""
        durations = [(*key, list(d.counts), d.total) for key, d in self.durations.items()]
        return SavedSource(self.as_of, self._begun, self.gaps, durations)

    def restore(self, saved: SavedSource, pipelines: Mapping[str, PipelineHistory]) -> None:
        """Go on from what was saved."""
        self.as_of, self._begun, self.gaps = saved.as_of, saved.begun, saved.gaps
        self.pipelines = dict(pipelines)
        for dimension, status, counts, total in saved.durations:
            durations = self.durations[dimension, status] = Durations()
            durations.counts, durations.total = counts, total

    def reopened(self) -> None:
        """The source is read by a new reader, which may choose other pipelines: those are old, whenever they appear.

        Whether it follows a log it has to say itself.
        """
        self._reopened_at = self.as_of
        for history in self.pipelines.values():
            if history.logs:
                history.logs.up = None

    def snapshot(self, snapshot: Snapshot) -> None:
        """Take in what a poll found: new pipelines, pipelines that wait for their history, pipelines gone."""
        for pipeline in snapshot.changed:
            self._changed(pipeline, snapshot)
        for gone in snapshot.removed:
            self._set_aside(gone)
        if snapshot.whole:
            self._begun = True
            if self.pipelines:  # an empty answer may be a mistake
                self._reopened_at = None
            self.as_of = max(snapshot.as_of, self.as_of or snapshot.as_of)

    def read(self, read: HistoryRead) -> bool:
        """Take in events; False if the pipeline is not there (any more)."""
        history = self.pipelines.get(read.pipeline_id)
        if history is None:
            return False
        left, gap = history.fold(
            read.events,
            complete=read.complete,
            shown_until=self.shown_until(history),
            horizon=(self.as_of or 0.0) + _AHEAD_SECONDS,
        )
        history.frozen_at = None
        self.gaps += gap
        for one in left:
            self._observe(one)
        return True

    def trace(self, read: TraceRead) -> bool:
        """Take in trace records; False if the pipeline is not there (any more)."""
        history = self.pipelines.get(read.pipeline_id)
        if history is None:
            return False
        history.trace(read)
        self.gaps += read.gap
        return True

    def log(self, read: LogRead) -> bool:
        """Take in what was read of a log; False if the pipeline is not there (any more)."""
        history = self.pipelines.get(read.pipeline_id)
        if history is None:
            return False
        history.log(read)
        return True

    def shown_until(self, history: PipelineHistory) -> float | None:
        """The time up to which a pipeline's time in state is shown: not beyond what its history tells."""
        return self.as_of if history.frozen_at is None else history.frozen_at

    def _changed(self, pipeline: Pipeline, snapshot: Snapshot) -> None:
        history = self.pipelines.get(pipeline.id)
        if history is None:
            self.pipelines[pipeline.id] = self._new(pipeline, snapshot.as_of)
        elif pipeline.id in snapshot.waiting and history.frozen_at is None:
            history.frozen_at = self.as_of

    def _set_aside(self, pipeline_id: str) -> None:
        """Keep the history of a pipeline that is gone for a while: an answer may have left it out by mistake."""
        history = self.pipelines.pop(pipeline_id, None)
        if history is not None:
            history.frozen_at = self.shown_until(history)
            self._gone[pipeline_id] = history
            while len(self._gone) > _MOST_GONE:
                del self._gone[next(iter(self._gone))]

    def _new(self, pipeline: Pipeline, as_of: float) -> PipelineHistory:
        if (known := self._gone.pop(pipeline.id, None)) is not None:
            return known
        if self._begun and not self._was_there(pipeline):
            return PipelineHistory(counts_from=None, initial=None)
        statuses = (pipeline.statuses.get(dimension.name) for dimension in self.dimensions)
        initial = state((s.value if s else None for s in statuses), has_error=pipeline.error is not None)
        return PipelineHistory(counts_from=as_of, initial=initial)

    def _was_there(self, pipeline: Pipeline) -> bool:
        """Whether a pipeline was there while the source was read before, and was only not chosen."""
        before, created = self._reopened_at, pipeline.created_at
        return before is not None and created is not None and created <= before

    def _observe(self, left: Left) -> None:
        key = (left.dimension, left.status)
        if key in self.durations or len(self.durations) < 100:
            self.durations.setdefault(key, Durations()).observe(left.seconds)
