"""The fold of a pipeline's trace records: each counted once, results named when it is clear what they mean."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import msgspec

from exporter.history.identity import digest
from exporter.model import TraceRead, TraceRecord, TraceSession

RESULTS = ("ok", "error", "retry", "other")
"""What becomes of a chunk at an output."""

_MOST_IDS = 10_000
_MOST_PLUGINS = 50


class SavedTraces(msgspec.Struct, array_like=True):
    """Traces as they are kept in a file."""

    session: TraceSession | None
    records: list[tuple[str, str, int]]
    results: list[tuple[str, str, int]]
    malformed: int
    last_record_at: float | None
    held: dict[str, int]
    shown_ok: bool
    plugins: set[str]
    ids: list[int]


class Traces:
    """What is counted of a pipeline's traces: ``records`` by (stage, plugin), ``results`` by (plugin, result).

    A zero is an error only if the server tells results at all, which the first ``ok`` of a session shows. Until
    then the session's zeros are ``held`` by plugin; with the first ``ok`` they become errors, and if the next
    session begins before there was one, they are ``other``.
    """

    def __init__(self) -> None:
        self.session: TraceSession | None = None
        self.records: dict[tuple[str, str], int] = {}
        self.results: dict[tuple[str, str], int] = {}
        self.malformed = 0
        self.last_record_at: float | None = None
        self.held: dict[str, int] = {}
        self.shown_ok = False
        self.plugins: set[str] = set()
        self.ids: array[int] = array("Q")

    def saved(self) -> SavedTraces:
        """All of it, as a value."""
        return SavedTraces(
            session=self.session,
            records=[(*key, count) for key, count in self.records.items()],
            results=[(*key, count) for key, count in self.results.items()],
            malformed=self.malformed,
            last_record_at=self.last_record_at,
            held=dict(self.held),
            shown_ok=self.shown_ok,
            plugins=set(self.plugins),
            ids=self.ids.tolist(),
        )

    @classmethod
    def restored(cls, saved: SavedTraces) -> Traces:
        """The traces that were saved."""
        traces = cls()
        traces.session = saved.session
        traces.records = {(stage, plugin): count for stage, plugin, count in saved.records}
        traces.results = {(plugin, result): count for plugin, result, count in saved.results}
        traces.malformed = saved.malformed
        traces.last_record_at = saved.last_record_at
        traces.held = saved.held
        traces.shown_ok = saved.shown_ok
        traces.plugins = saved.plugins
        traces.ids = array("Q", saved.ids)
        return traces

    def fold(self, read: TraceRead, counts: Callable[[float], bool]) -> None:
        """Take in a read; ``counts`` tells of a time whether what happened then is counted."""
        if self.session is not None and (read.session is None or read.session.id != self.session.id):
            self._settle("other")
            self.shown_ok = False
        self.session = read.session
        known = set(self.ids)
        for record in read.records:
            if (key := digest(record.id)) not in known:
                known.add(key)
                self.ids.append(key)
                self._fold_one(record, counted=counts(record.at))
        del self.ids[:-_MOST_IDS]

    def _fold_one(self, record: TraceRecord, *, counted: bool) -> None:
        self.last_record_at = max(self.last_record_at or record.seen_at, record.seen_at)
        if record.result == "ok" and not self.shown_ok:
            self.shown_ok = True
            self._settle("error")
        if counted:
            self._count(record)

    def _count(self, record: TraceRecord) -> None:
        if record.malformed:
            self.malformed += 1
            return
        plugin = self._plugin(record.plugin)
        key = (record.stage, plugin)
        self.records[key] = self.records.get(key, 0) + 1
        if record.result is not None:
            self._count_result(plugin, record.result)

    def _count_result(self, plugin: str, result: str) -> None:
        if result == "zero" and not self.shown_ok:
            self.held[plugin] = self.held.get(plugin, 0) + 1
            self._add(plugin, "other", 0)
        else:
            self._add(plugin, "error" if result == "zero" else result, 1)

    def _settle(self, result: str) -> None:
        """Name the results that were held."""
        for plugin, count in self.held.items():
            self._add(plugin, result, count)
        self.held = {}

    def _add(self, plugin: str, result: str, count: int) -> None:
        """A plugin's results appear together, so that the first error is seen as an increase."""
        for each in RESULTS:
            self.results.setdefault((plugin, each), 0)
        self.results[plugin, result] += count

    def _plugin(self, name: str) -> str:
        if name not in self.plugins and len(self.plugins) >= _MOST_PLUGINS:
            return "other"
        self.plugins.add(name)
        return name
