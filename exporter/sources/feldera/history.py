"""Decides which Feldera pipelines' histories to read, how much of each, and reads them gently."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec

from exporter.config import SourceConfig
from exporter.errors import BadResponse, NotFound
from exporter.model import Event, FailureRead, HistoryRead, parse_time
from exporter.sources.base import Run
from exporter.sources.decode import decode, decode_list
from exporter.sources.episodes import Episode, newest_episode
from exporter.sources.feldera import translate
from exporter.sources.feldera.wire import EventRow, FullEventRow, Row
from exporter.sources.gently import read_gently
from exporter.sources.http import ApiClient

PIPELINE = "/v0/pipelines/{name}"
EVENTS = "/v0/pipelines/{name}/events"
LATEST = "/v0/pipelines/{name}/events/latest"
EVENT = "/v0/pipelines/{name}/events/{event_id}"

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""Names as Feldera allows them; no other says anything about the server."""


class Seen(msgspec.Struct, frozen=True):
    """Where the reading of a pipeline's events stands: the newest one, and the row's version then."""

    event: Event | None
    refresh_version: object


class HistoryReader:
    """The queue of pipelines whose events are to be read, and the reading.

    A pipeline that only showed a sign of life costs its latest event (350 bytes); the whole retained list is read
    at first sight, when a status or its time changed, when the latest event does not follow on the one known,
    and in the sweep every ``history_interval``.
    """

    def __init__(self, client: ApiClient, rows: Mapping[str, Row], config: SourceConfig) -> None:
        self._client = client
        self._rows = rows
        self._config = config
        self._whole: dict[str, None] = {}  # ordered: what changed first, first sights behind
        self._latest: dict[str, None] = {}
        self._backlog: dict[str, None] = {}
        self._taken: dict[str, bool] = {}
        self._seen: dict[str, Seen] = {}
        self._workers = config.max_concurrency - 1  # one is left to the poll
        self._sweep_due = time.monotonic() + config.history_interval
        self._has_events_api = True
        self._polled_at = 0.0
        self.ambiguous: frozenset[str] = frozenset()
        self._skipped: set[str] = set()

    def polled(self, asked_at: float) -> None:
        """The rows are as the server had them at ``asked_at``, by its own clock."""
        self._polled_at = asked_at
        names = [row.name for row in self._rows.values()]
        once = len(set(names)) == len(names)
        self.ambiguous = frozenset() if once else frozenset(name for name, n in Counter(names).items() if n > 1)
        self._whole |= {key: None for key in self._skipped if self._rows[key].name not in self.ambiguous}
        self._skipped -= self._whole.keys()

    def want(self, row: Row, *, before: Row | None) -> None:
        """Queue the pipeline of a changed row."""
        if before is None:
            self._backlog[row.id] = None
        elif row.vital() != before.vital():
            self._whole[row.id] = None
        else:
            self._latest[row.id] = None

    def wanted(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._whole or self._latest or self._backlog)

    def waiting(self, rows: Iterable[Row]) -> frozenset[str]:
        """Of these, the pipelines whose history is behind their status."""
        return frozenset(translate.identity(row) for row in rows if row.id in self._whole or row.id in self._backlog)

    def forget_all_but(self, rows: Mapping[str, Row]) -> None:
        """Drop what is known of pipelines that are gone."""
        for known in (self._whole, self._latest, self._backlog, self._seen):
            for key in known.keys() - rows.keys():
                del known[key]
        self._skipped &= rows.keys()

    async def read(self, run: Run) -> None:
        """Read until the queue is empty, a few pipelines at a time; now and then begin with queueing all of them."""
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + self._config.history_interval
            self._has_events_api = True
            self._backlog |= dict.fromkeys(self._rows)
        put_off: list[str] = []
        try:
            await read_gently(run, self._take, partial(self._read, run), put_off.append, workers=self._workers)
        finally:
            self._backlog |= {key: None for key in put_off if key in self._rows}

    def _take(self) -> str | None:
        """The next pipeline to read; that its whole list is wanted is remembered until then."""
        for queue in (self._whole, self._latest, self._backlog):
            if queue:
                key = next(iter(queue))
                del queue[key]
                self._taken[key] = queue is not self._latest
                return key
        return None

    async def _read(self, run: Run, key: str) -> None:
        await self._read_one(run, self._rows[key], whole=self._taken.pop(key))

    async def _read_one(self, run: Run, row: Row, *, whole: bool) -> None:
        if row.name in self.ambiguous:  # whose events they are nobody could tell
            self._skipped.add(row.id)
            return
        if not self._has_events_api:
            self._deliver(run, row, [translate.event_of_row(row, time.time())], complete=False)
            return
        try:
            await (self._read_list(run, row) if whole else self._read_latest(run, row))
        except NotFound as error:
            if error.code is None:  # no such path: a server before 0.292, or the name makes another path of it
                await self._without_events(run, row)
            elif error.code == "NoPipelineMonitorEventsAvailable":
                self._deliver(run, row, [], complete=True)
            # else UnknownPipelineName: deleted or renamed meanwhile; the next poll tells

    async def _without_events(self, run: Run, row: Row) -> None:
        """Go on without events, if there is the pipeline and nothing below it. Raises NotFound if all is lost."""
        if _PLAIN.fullmatch(row.name):
            try:
                await self._client.get(PIPELINE, {"selector": "status"}, name=row.name)
            except NotFound as error:
                if error.code is None:
                    raise
                return  # deleted or renamed meanwhile
            self._has_events_api = False
        self._deliver(run, row, [translate.event_of_row(row, time.time())], complete=False)

    async def _read_latest(self, run: Run, row: Row) -> None:
        answer = await self._client.get(LATEST, name=row.name)
        event = translate.event(decode(answer.body, EventRow, LATEST))
        if event is None:
            raise BadResponse(f"{LATEST}: the time of the event cannot be read")
        if self._follows_on(row, event):
            self._deliver(run, row, [event], complete=False)
        else:
            await self._read_list(run, row)

    def _follows_on(self, row: Row, event: Event) -> bool:
        """Whether no event can be missing between those known and this one."""
        seen = self._seen.get(row.id)
        if seen is None or seen.event is None:
            return False
        if seen.event.id == event.id:
            return True
        steps = (seen.refresh_version, row.refresh_version)
        next_step = all(isinstance(step, int) for step in steps) and steps[1] == steps[0] + 1  # type: ignore[operator]
        in_row = event.at <= self._polled_at  # a younger one may be the second since
        return next_step and in_row and (seen.event.statuses, seen.event.has_error) == (event.statuses, event.has_error)

    async def _read_list(self, run: Run, row: Row) -> None:
        answer = await self._client.get(EVENTS, {"selector": "status"}, name=row.name)
        listed, unreadable = decode_list(answer.body, EventRow, EVENTS)
        found = [translate.event(event) for event in listed]
        events = sorted((event for event in found if event), key=lambda event: (event.at, event.id))
        if unreadable or len(events) < len(found):
            run.fail(BadResponse(f"{EVENTS}: some events cannot be read"))
        failure = self._past_failure(run, row, events)
        self._latest.pop(row.id, None)
        self._deliver(run, row, events, complete=True)
        if failure:
            await self._read_failure(run, row, failure)

    def _deliver(self, run: Run, row: Row, events: Sequence[Event], *, complete: bool) -> None:
        """Hand events over, oldest first, and remember where the reading stands."""
        newest = events[-1] if events else None
        if row.id in self._rows:
            self._seen[row.id] = Seen(newest, row.refresh_version)
            run.deliver(HistoryRead(translate.identity(row), tuple(events), complete=complete))

    def _past_failure(self, run: Run, row: Row, events: Sequence[Event]) -> Episode | None:
        """The newest failure that came since the last read and is over: its reason stands only in the event."""
        known = run.known(translate.identity(row))
        if row.deployment_error is not None or known is None:
            return None
        newest = newest_episode(events)
        is_news = newest is not None and (known.until is None or newest.began.at > known.until)
        return newest if is_news else None

    async def _read_failure(self, run: Run, row: Row, failure: Episode) -> None:
        """Read why a past deployment failed; an event that was cleaned up meanwhile is no error."""
        try:
            answer = await self._client.get(EVENT, {"selector": "all"}, name=row.name, event_id=failure.began.id)
        except NotFound:
            return
        full = decode(answer.body, FullEventRow, EVENT)
        if error := translate.deployment_error(full.deployment_error):
            at = parse_time(full.recorded_at) or failure.began.at
            run.deliver(FailureRead(translate.identity(row), at, error, failure.until))
