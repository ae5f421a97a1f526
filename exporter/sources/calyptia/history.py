"""Decides which pipelines' status histories to read, and reads no more of each than is new."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec

from exporter.errors import BadResponse, NotFound
from exporter.model import Event, FailureRead, HistoryRead
from exporter.sources.base import Run
from exporter.sources.calyptia import translate
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.paging import link_page, read_pages
from exporter.sources.calyptia.wire import StatusRow
from exporter.sources.episodes import newest_episode
from exporter.sources.gently import read_gently
from exporter.sources.http import ApiClient

STATUS_HISTORY = "/v1/aggregator_pipelines/{pipeline_id}/status_history"

GONE = "pipeline not found"
_NO_ROWS = "pipeline status not found"

_SIZES_AT_FIRST_SIGHT = (10, 100, 100, 100, 100, 90)
_SIZES_LATER = (3, 20, 100, 100, 100, 100, 77)
"""Rows asked for, page by page: 500 at most. A row carries a whole config, so the first page is small."""

_IDS_REMEMBERED = 10
_parse = link_page(StatusRow, STATUS_HISTORY)


class Seen(msgspec.Struct, frozen=True):
    """Where the reading of a pipeline's history stands: its newest rows, and the newest of them as an event."""

    ids: tuple[str, ...]
    newest: Event | None


class HistoryReader:
    """The queue of pipelines whose history is to be read, and the reading.

    A pipeline is read at first sight, when the status row that the list shows is another one or has more events,
    and in the sweep every ``history_interval``. Reading goes back to the first row known.
    """

    def __init__(self, client: ApiClient, config: CalyptiaConfig) -> None:
        self._client = client
        self._config = config
        self._pipelines: dict[str, None] = {}
        self._changed: dict[str, None] = {}  # ordered: what changed first, first sights behind
        self._backlog: dict[str, None] = {}
        self._seen: dict[str, Seen] = {}
        self._sweep_due = time.monotonic() + config.history_interval

    def want(self, pipelines: Iterable[str]) -> None:
        """Queue pipelines that have more to tell."""
        for key in pipelines:
            (self._changed if key in self._seen else self._backlog)[key] = None

    def wanted(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._changed or self._backlog)

    def follow(self, pipelines: Mapping[str, object]) -> None:
        """Read the histories of these from now on, and forget all others."""
        self._pipelines = dict.fromkeys(pipelines)
        for known in (self._changed, self._backlog, self._seen):
            for key in known.keys() - pipelines.keys():
                del known[key]

    async def read(self, run: Run) -> None:
        """Read until the queue is empty, a few pipelines at a time; what fails is put off to the next run."""
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + self._config.history_interval
            self._backlog |= self._pipelines
        workers = self._config.max_concurrency - 1  # one is left to the poll
        put_off: list[str] = []
        try:
            await read_gently(run, self._next, partial(self._read_one, run), put_off.append, workers=workers)
        finally:
            self._backlog |= {key: None for key in put_off if key in self._pipelines}

    def _next(self) -> str | None:
        for queue in (self._changed, self._backlog):
            if queue:
                key = next(iter(queue))
                del queue[key]
                return key
        return None

    async def _read_one(self, run: Run, key: str) -> None:
        try:
            rows, met = await self._rows(run, key)
        except NotFound as error:
            if error.code == GONE:  # deleted meanwhile; the next poll tells
                return
            if error.code != _NO_ROWS:
                raise
            rows, met = [], False
        self._deliver(run, key, rows, met=met)

    async def _rows(self, run: Run, key: str) -> tuple[list[StatusRow], bool]:
        """Rows back to the first one known, newest first, and whether there was such a one."""
        seen = self._seen.get(key)
        known = frozenset(seen.ids) if seen else frozenset()
        sizes = _SIZES_LATER if known else _SIZES_AT_FIRST_SIGHT
        found: dict[str, StatusRow] = {}
        read = partial(self._client.get, STATUS_HISTORY, pipeline_id=key)
        async for page in read_pages(read, _parse, sizes):
            if page.unreadable:
                run.fail(BadResponse(f"{STATUS_HISTORY}: some rows cannot be read"))
            for row in page.items:
                found.setdefault(row.id, row)
                if row.id in known:
                    return list(found.values()), True
        return list(found.values()), False

    def _deliver(self, run: Run, key: str, rows: Sequence[StatusRow], *, met: bool) -> None:
        """Hand events over, oldest first; a list that does not reach what is known is told as the whole one."""
        if key not in self._pipelines:
            return
        seen = self._seen.get(key, Seen((), None))
        events = translate.events(rows, seen.newest)
        if len(events) < len(rows):
            run.fail(BadResponse(f"{STATUS_HISTORY}: the time of a row cannot be read"))
        delivered = {event.id for event in events}
        ids = tuple(row.id for row in rows if row.id in delivered) + (seen.ids if met else ())
        newest = events[-1] if events else seen.newest
        self._seen[key] = Seen(tuple(dict.fromkeys(ids))[:_IDS_REMEMBERED], newest)
        run.deliver(HistoryRead(key, tuple(events), complete=not met))
        before = () if seen.newest is None else (seen.newest,)
        if failure := newest_episode((*before, *events)):
            run.deliver(FailureRead(key, failure.began.at, translate.failure_of(failure.began), failure.until))
