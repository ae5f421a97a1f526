"""The latest facts of every source, and what each new one changed."""

from __future__ import annotations

from collections.abc import Collection

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
        self.failures: dict[str, FailureRead] = {}
        self.platform = PlatformRead()
        self.history = SourceHistory(dimensions)
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
            return self._past(fact.pipeline_id, known=self.history.read(fact))
        if isinstance(fact, TraceRead):
            return self._past(fact.pipeline_id, known=self.history.trace(fact))
        if isinstance(fact, LogRead):
            return self._past(fact.pipeline_id, known=self.history.log(fact))
        if isinstance(fact, FailureRead):
            if fact.pipeline_id in self.pipelines:
                self.failures[fact.pipeline_id] = fact
            return Change(source=False)
        return self._platform(fact)

    def forget_platform(self) -> Change:
        """Drop what the control plane said about itself, because it is too old."""
        self.platform = PlatformRead()
        return Change()

    def _snapshot(self, snapshot: Snapshot) -> Change:
        for pipeline in snapshot.changed:
            self.pipelines[pipeline.id] = pipeline
            self._unconfirmed.discard(pipeline.id)
        if snapshot.whole and self._unconfirmed:
            snapshot = msgspec.structs.replace(snapshot, removed=(*snapshot.removed, *self._unconfirmed))
            self._unconfirmed = set()
        for gone in snapshot.removed:
            self.pipelines.pop(gone, None)
            self.failures.pop(gone, None)
        self.history.snapshot(snapshot)
        changed = [pipeline.id for pipeline in snapshot.changed]
        return Change(changed=changed, removed=snapshot.removed, source=snapshot.whole)

    def _past(self, pipeline_id: str, *, known: bool) -> Change:
        return Change(changed=(pipeline_id,)) if known else Change(source=False)

    def _platform(self, read: PlatformRead) -> Change:
        """A part that was not asked for keeps its last value."""
        told = {key: value for key, value in msgspec.structs.asdict(read).items() if value is not None}
        self.platform = msgspec.structs.replace(self.platform, **told)
        return Change()
