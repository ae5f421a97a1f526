"""Reads trace sessions and their records: newest to known, and of the last session once or twice after its end."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

import msgspec

from exporter.errors import BadResponse, NotFound, SourceError, Unauthorized
from exporter.model import TraceRead, TraceRecord, TraceSession
from exporter.sources.base import Run, Task
from exporter.sources.calyptia import tracewords
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.history import GONE
from exporter.sources.calyptia.paging import link_page, read_pages
from exporter.sources.calyptia.wire import Row, TraceRow, TraceSessionRow
from exporter.sources.decode import decode_list
from exporter.sources.gently import read_gently
from exporter.sources.http import ApiClient

TRACE_SESSIONS = "/v1/pipelines/{pipeline_id}/trace_sessions"
TRACE_RECORDS = "/v1/trace_sessions/{session_id}/records"

_SIZES = (100,) * 20
"""Records asked for, page by page: 2,000 at most."""

_READS_AFTER_THE_END = 2
_RUNS_BETWEEN_LOOKS = 4
_IDS_REMEMBERED = 100
_NO_SESSION = frozenset({GONE, "trace session not found", "no active trace session"})
_TERMINATED = "trace session terminated"

_parse_records = link_page(TraceRow, TRACE_RECORDS)


class Followed(msgspec.Struct):
    """A pipeline whose traces are read: its last session, the newest records known of it, and what is left to do.

    ``reads_left`` counts the reads of the session's records that follow its end; ``idle_runs`` those since the
    last look for a session.
    """

    tracing_enabled: bool | None = None
    session: TraceSession | None = None
    ids: tuple[str, ...] = ()
    reads_left: int = 0
    idle_runs: int = _RUNS_BETWEEN_LOOKS
    told: bool = False

    def next_run(self) -> bool:
        """Begin another run; whether the pipeline is to be looked at in it."""
        self.idle_runs += 1
        has_session = self.session is not None and (self.session.active or self.reads_left > 0)
        return has_session or self.idle_runs >= _RUNS_BETWEEN_LOOKS


class TraceReader:
    """Reads the traces of the pipelines that ``traces`` chooses.

    A pipeline with an active session costs two requests a run; an idle one costs one in every fourth run, and one
    as soon as its ``tracingEnabled`` changes.
    """

    def __init__(self, client: ApiClient, config: CalyptiaConfig) -> None:
        self._client = client
        self._config = config
        self._followed: dict[str, Followed] = {}
        self._wanted = False

    def task(self) -> Task:
        """The task that reads them."""
        return Task("traces", self._config.poll_interval, self.read, wanted=lambda: self._wanted)

    def follow(self, rows: Iterable[Row]) -> None:
        """Read the traces of these pipelines from now on, and forget all others."""
        chosen = self._config.traces
        if chosen is None:
            return
        before, self._followed = self._followed, {}
        for row in rows:
            if chosen.chooses(row.name):
                self._followed[row.id] = self._follow(row, before.get(row.id))

    def _follow(self, row: Row, known: Followed | None) -> Followed:
        """A new pipeline is looked at soon, and one that was switched to or from tracing."""
        if known is None or known.tracing_enabled != row.tracing_enabled:
            self._wanted = True
            known = known or Followed()
            known.tracing_enabled, known.idle_runs = row.tracing_enabled, _RUNS_BETWEEN_LOOKS
        return known

    async def read(self, run: Run) -> None:
        """Read what is due, a few pipelines at a time."""
        self._wanted = False
        due = iter([key for key, known in self._followed.items() if known.next_run()])
        workers = self._config.max_concurrency // 2
        await read_gently(run, lambda: next(due, None), partial(self._read_one, run), self._put_off, workers=workers)

    def _put_off(self, key: str) -> None:
        """Look at it again in the next run, as if it was never looked at."""
        if key in self._followed:
            self._followed[key].idle_runs = _RUNS_BETWEEN_LOOKS

    async def _read_one(self, run: Run, key: str) -> None:
        known = self._followed.get(key)
        if known is None:
            return
        session = await self._newest_session(key)
        if known.session is not None and (session is None or session.id != known.session.id):
            await self._read_last_of(run, key, known)
        await self._read_session(run, key, known, session)
        known.idle_runs = 0

    async def _newest_session(self, key: str) -> TraceSession | None:
        try:
            answer = await self._client.get(TRACE_SESSIONS, {"last": 1}, pipeline_id=key)
        except NotFound as error:
            if error.code in _NO_SESSION:
                return None
            raise
        found, unreadable = decode_list(answer.body, TraceSessionRow, TRACE_SESSIONS)
        if unreadable:
            raise BadResponse(f"{TRACE_SESSIONS}: a session cannot be read")
        return tracewords.session(found[0], self._client.time.at(time.time())) if found else None

    async def _read_last_of(self, run: Run, key: str, known: Followed) -> None:
        """What the session before has that was not read before the next one began."""
        if known.session is not None and known.reads_left:
            records, gap = await self._records(run, known.session.id, known)
            self._deliver(run, key, known, TraceRead(key, known.session, records, gap))
        known.session, known.ids, known.reads_left = None, (), 0

    async def _read_session(self, run: Run, key: str, known: Followed, session: TraceSession | None) -> None:
        if session is None:
            self._deliver(run, key, known, TraceRead(key, None))
            return
        is_new = known.session is None
        reads_left = _READS_AFTER_THE_END if session.active or is_new else known.reads_left
        records, gap = await self._records(run, session.id, known) if reads_left else ((), False)
        known.reads_left = reads_left if session.active else max(0, reads_left - 1)
        self._deliver(run, key, known, TraceRead(key, session, records, gap))

    async def _records(self, run: Run, session_id: str, known: Followed) -> tuple[tuple[TraceRecord, ...], bool]:
        """Records back to the first one known, oldest first, and whether some between may have been missed."""
        ids = frozenset(known.ids)
        found: dict[str, TraceRow] = {}
        met = False
        read = partial(self._client.get, TRACE_RECORDS, session_id=session_id)
        try:
            async for page in read_pages(read, _parse_records, _SIZES):
                if page.unreadable:
                    run.fail(BadResponse(f"{TRACE_RECORDS}: some records have no id"))
                met = not ids.isdisjoint(row.id for row in page.items)
                found.update((row.id, row) for row in page.items if row.id not in found and row.id not in ids)
                if met:
                    break
        except SourceError as error:
            if not _is_over(error):
                raise
        rows = list(found.values())
        known.ids = (*(row.id for row in rows), *known.ids)[:_IDS_REMEMBERED]
        now = self._client.time.at(time.time())
        return tuple(tracewords.record(row, now) for row in reversed(rows)), bool(ids and rows) and not met

    def _deliver(self, run: Run, key: str, known: Followed, read: TraceRead) -> None:
        """Hand over what is new; a look that found nothing new is no news."""
        if key in self._followed and (read.records or read.session != known.session or not known.told):
            run.deliver(read)
            known.told = True
        known.session = read.session


def _is_over(error: SourceError) -> bool:
    """Whether there is nothing to read any more: the session or its pipeline was deleted."""
    if isinstance(error, NotFound):
        return error.code in _NO_SESSION
    return isinstance(error, Unauthorized) and error.code == _TERMINATED
