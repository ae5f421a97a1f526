"""The latest facts of every source, and what each new one changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from exporter.history import SourceHistory
from exporter.model import (
    Dimension,
    Fact,
    FailureRead,
    HistoryRead,
    LogRead,
    Pipeline,
    PlatformRead,
    Snapshot,
    TraceRead,
)


class Change(msgspec.Struct, frozen=True):
    """What a fact changed: pipelines by id, and whether what belongs to the source as a whole did."""

    changed: Collection[str] = ()
    removed: Collection[str] = ()
    source: bool = True


class SourceFacts:
    """What is known of one source now, and of its past."""

    def __init__(self, name: str, *, kind: str, dimensions: tuple[Dimension, ...]) -> None:
        self.name = name
        self.kind = kind
        self.dimensions = dimensions
        self.pipelines: dict[str, Pipeline] = {}
        self.platform = PlatformRead()
        self.history = SourceHistory(dimensions)
        self.failures: Mapping[str, FailureRead] = Failures(self.history)
        self._unconfirmed: set[str] = set()

    def reopened(self) -> None:
        """The source is read by a new reader: pipelines that its first whole answer does not name are gone."""
        self._unconfirmed = {*self.pipelines, *self.history.pipelines}
        self.history.reopened()

    def apply(self, fact: Fact) -> Change:
        """Take in a fact."""
        if isinstance(fact, Snapshot):
            return self._snapshot(fact)
        if isinstance(fact, HistoryRead):
            return self._history(fact)
        if isinstance(fact, TraceRead):
            return self._past(fact.pipeline_id, known=self.history.trace(fact))
        if isinstance(fact, LogRead):
            return self._past(fact.pipeline_id, known=self.history.log(fact))
        if isinstance(fact, FailureRead):
            return self._failure(fact)
        return self._platform(fact)

    def forget_platform(self) -> Change:
        """Drop what the control plane said about itself, because it is too old."""
        self.platform = PlatformRead()
        return Change()

    def _snapshot(self, snapshot: Snapshot) -> Change:
        seen_at = {p.id: self.history.as_of for p in snapshot.changed if p.id in self.history.pipelines}
        for pipeline in snapshot.changed:
            self.pipelines[pipeline.id] = pipeline
            self._unconfirmed.discard(pipeline.id)
        if snapshot.whole and self._unconfirmed:
            snapshot = msgspec.structs.replace(snapshot, removed=(*snapshot.removed, *self._unconfirmed))
            self._unconfirmed = set()
        for gone in snapshot.removed:
            self.pipelines.pop(gone, None)
        self.history.snapshot(snapshot)
        for pipeline in snapshot.changed:
            if (history := self.history.pipelines.get(pipeline.id)) is not None:
                begun = _begun(pipeline, snapshot.as_of, seen_at.get(pipeline.id))
                history.poll(pipeline, begun=begun, as_of=snapshot.as_of)
        changed = [pipeline.id for pipeline in snapshot.changed]
        return Change(changed=changed, removed=snapshot.removed, source=snapshot.whole)

    def _history(self, read: HistoryRead) -> Change:
        known, pipeline = self.history.read(read), self.pipelines.get(read.pipeline_id)
        if known and pipeline is not None:
            self.history.pipelines[pipeline.id].confirm(pipeline, self.history.as_of or 0.0)
        return self._past(read.pipeline_id, known=known)

    def _failure(self, read: FailureRead) -> Change:
        history = self.history.pipelines.get(read.pipeline_id)
        if history is None:
            return Change(source=False)
        history.fail(read)
        return Change(changed=(read.pipeline_id,), source=False)

    def _past(self, pipeline_id: str, *, known: bool) -> Change:
        return Change(changed=(pipeline_id,)) if known else Change(source=False)

    def _platform(self, read: PlatformRead) -> Change:
        """A part that was not asked for keeps its last value."""
        told = {key: value for key, value in msgspec.structs.asdict(read).items() if value is not None}
        self.platform = msgspec.structs.replace(self.platform, **told)
        return Change()


class Failures(Mapping[str, FailureRead]):
    """The newest failure of each pipeline that had one, by id; a view of the histories."""

    def __init__(self, history: SourceHistory) -> None:
        self._history = history

    def __getitem__(self, pipeline_id: str) -> FailureRead:
        failure = self._history.pipelines[pipeline_id].failure
        if failure is None:
            raise KeyError(pipeline_id)
        return failure

    def __iter__(self) -> Iterator[str]:
        return (key for key, history in self._history.pipelines.items() if history.failure is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _begun(pipeline: Pipeline, as_of: float, seen_at: float | None) -> float:
    """When what a pipeline is began: with its newest status, if it was not seen since; else with the poll."""
    begun = max((status.since for status in pipeline.statuses.values() if status.since is not None), default=as_of)
    return min(begun, as_of) if seen_at is None or begun > seen_at else as_of
