"""Reads one Feldera instance: all statuses in one request, then only the history of what moved."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from exporter.config.shard import Shard
from exporter.errors import BadResponse, NotFound, SourceError
from exporter.model import Pipeline, PlatformRead, Snapshot
from exporter.sources.base import Observer, Run, Task
from exporter.sources.decode import Identity, ListDecoder, decode
from exporter.sources.feldera import translate
from exporter.sources.feldera.config import FelderaConfig
from exporter.sources.feldera.history import HistoryReader
from exporter.sources.feldera.logs.follow import LogFollower
from exporter.sources.feldera.wire import ClusterHealth, PlatformConfig, Row
from exporter.sources.http import ApiClient

LIST = "/v0/pipelines"
CLUSTER_HEALTH = "/v0/cluster_healthz"
CONFIG = "/v0/config"

_PLATFORM_SECONDS = 60.0
_CONFIG_SECONDS = 3600.0
_LOGS_SECONDS = 1.0
_LONGEST_LABEL = 128
_PART = 100  # pipelines handed over at a time, so that a large answer does not hold the event loop
_COMPARED = 2500  # and compared at a time


class FelderaSource:
    """A ``Source`` for Feldera's REST API, tested against the shapes of 0.337 to 0.369.

    A quiet fleet costs one request a poll, whatever its size. Servers without monitor events (before 0.292) still
    give their statuses, and a history made of what the polls see.
    """

    def __init__(self, config: FelderaConfig, observer: Observer, shard: Shard) -> None:
        self._config = config
        self._shard = shard
        self._observer = observer
        self._client = ApiClient(config, observer)
        self._list = ListDecoder(Row, LIST)
        self._rows: dict[str, Row] = {}
        self._unreadable: dict[str, float] = {}
        self._history = HistoryReader(self._client, self._rows, config)
        self._logs = LogFollower(self._client, self._rows, config) if config.logs else None
        self._config_due = 0.0

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The poll of statuses, the history behind it, the platform's own health, and the logs if any are followed."""
        tasks = (
            Task("poll", self._config.poll_interval, self.poll),
            Task("history", self._config.history_interval, self._history.read, wanted=self._history.wanted),
            Task("platform", _PLATFORM_SECONDS, self.read_platform),
        )
        return (*tasks, Task("logs", _LOGS_SECONDS, self._logs.tend)) if self._logs else tasks

    async def aclose(self) -> None:
        """Close every connection."""
        if self._logs:
            await self._logs.aclose()
        await self._client.aclose()

    async def poll(self, run: Run) -> None:
        """Read every status with one request and deliver what changed."""
        answer = await self._client.get(LIST, {"selector": "status"})
        listed, unreadable = await self._list.decode(answer.body)
        if unreadable:
            run.fail(BadResponse(f"{LIST}: {len(unreadable)} pipelines cannot be read"))
        rows = await self._ours(listed)
        rows |= self._still_served(unreadable, rows)
        before = self._rows.copy()
        self._replace(rows)
        changed = [row for key, row in rows.items() if before.get(key) is not row]
        await self._deliver(run, changed, before, answer.asked_at)
        removed = tuple(translate.identity(before[key]) for key in before.keys() - rows.keys())
        run.deliver(Snapshot(answer.asked_at, removed=removed))
        if self._logs:
            self._logs.choose(before, ambiguous=self._history.ambiguous)

    async def _ours(self, listed: Sequence[Row]) -> dict[str, Row]:
        """The rows to serve, by id; one that is equal to the one known stays the same object, which is kept anyway."""
        rows: dict[str, Row] = {}
        for part in _parts(listed, size=_COMPARED):
            for row in part:
                known = self._rows.get(row.id)
                if known is row or known == row:  # chosen before, then
                    rows[row.id] = known
                elif self._is_ours(row):
                    rows[row.id] = row
            await asyncio.sleep(0)
        return rows

    def _is_ours(self, row: Row) -> bool:
        return self._config.pipelines.chooses(row.name) and self._shard.owns(translate.identity(row))

    def _replace(self, rows: Mapping[str, Row]) -> None:
        """Take over the new rows, in place: the reader of histories looks at the same ones."""
        self._rows.clear()
        self._rows.update(rows)
        self._history.forget_all_but(rows)

    def _still_served(self, unreadable: Sequence[Identity], rows: Mapping[str, Row]) -> dict[str, Row]:
        """Rows of pipelines that came in a shape nobody can read: the last good ones, for a while."""
        now = time.monotonic()
        ids = {bad.id for bad in unreadable if bad.id in self._rows and bad.id not in rows}
        self._unreadable = {key: self._unreadable.get(key, now) for key in ids if key is not None}
        patience = 4 * self._config.poll_interval
        return {key: self._rows[key] for key, since in self._unreadable.items() if now - since <= patience}

    async def _deliver(self, run: Run, changed: Sequence[Row], before: Mapping[str, Row], asked_at: float) -> None:
        """Hand over what changed, part by part; a history is queued in one step with its pipeline, never before."""
        self._history.polled(asked_at)
        for part in _parts(changed):
            for row in part:
                self._history.want(row, before=before.get(row.id))
            found = tuple(map(self._pipeline, part))
            run.deliver(Snapshot(asked_at, changed=found, waiting=self._history.waiting(part), whole=False))
            await asyncio.sleep(0)

    def _pipeline(self, row: Row) -> Pipeline:
        pipeline = translate.pipeline(row)
        for dimension, status in pipeline.statuses.items():
            if status.value not in translate.KNOWN[dimension]:
                self._observer.unknown_status(dimension)
        return pipeline

    async def read_platform(self, run: Run) -> None:
        """Read the health of Feldera's own services, and now and then its version.

        404 is no failure: the platform has not checked itself yet, or is too old to.
        """
        if time.monotonic() >= self._config_due:
            with contextlib.suppress(NotFound):
                answer = await self._client.get(CONFIG)
                config = decode(answer.body, PlatformConfig, CONFIG)
                version, edition = (config.version or "")[:_LONGEST_LABEL], (config.edition or "")[:_LONGEST_LABEL]
                run.deliver(PlatformRead(version=version, edition=edition))
            self._config_due = time.monotonic() + _CONFIG_SECONDS
        try:
            answer = await self._client.get(CLUSTER_HEALTH, accept=(200, 503))
            run.deliver(translate.platform_health(decode(answer.body, ClusterHealth, CLUSTER_HEALTH)))
        except NotFound:
            return
        except SourceError:
            self._config_due = 0.0  # after an outage it may be another version
            raise


def _parts(rows: Sequence[Row], size: int = _PART) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
