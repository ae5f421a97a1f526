"""Reads one Calyptia Core project: core instances, the pipelines of each, then only the history of what moved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import TypeVar

import msgspec

from exporter.config import Authorization
from exporter.config.shard import Shard
from exporter.errors import BadResponse, Unauthorized
from exporter.http.credentials import Credentials
from exporter.model import Pipeline, Snapshot
from exporter.sources.base import Observer, Run, Task
from exporter.sources.calyptia import translate
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.history import HistoryReader
from exporter.sources.calyptia.paging import Identified, Page, body_page, read_pages
from exporter.sources.calyptia.token import project_of
from exporter.sources.calyptia.traces import TraceReader
from exporter.sources.calyptia.wire import CoreInstance, Row
from exporter.sources.decode import Identity
from exporter.sources.gently import together
from exporter.sources.http import Answer, ApiClient, Params

T = TypeVar("T", bound=Identified)

CORE_INSTANCES = "/v1/projects/{project_id}/core_instances"
PIPELINES = "/v1/core_instances/{instance_id}/pipelines"

_FILTERS = {"exclude_internal": "true"}
_MOST_PAGES = 100
_PART = 100  # pipelines handed over at a time, so that a large answer does not hold the event loop

_parse_instances = body_page(CoreInstance, CORE_INSTANCES)
_parse_pipelines = body_page(Row, PIPELINES)


class Placed(msgspec.Struct, frozen=True):
    """A pipeline and what the last ping of its core instance said: its health depends on both."""

    row: Row
    instance: CoreInstance


class CalyptiaSource:
    """A ``Source`` for the Cloud API of Calyptia Core.

    A quiet project costs one request for the core instances and one for each of them per ``page_size`` pipelines.
    """

    def __init__(self, config: CalyptiaConfig, observer: Observer, shard: Shard) -> None:
        self._config = config
        self._shard = shard
        self._observer = observer
        self._token = _project_token(config)
        self._client = ApiClient(config, observer, credentials=self._token)
        self._pipelines: dict[str, Placed] = {}
        self._unreadable: dict[str, float] = {}
        self._history = HistoryReader(self._client, config)
        self._traces = TraceReader(self._client, config)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The poll of statuses, the history behind it, and trace records if they are asked for."""
        traces = () if self._config.traces is None else (self._traces.task(),)
        return (
            Task("poll", self._config.poll_interval, self.poll),
            Task("history", self._config.history_interval, self._history.read, wanted=self._history.wanted),
            *traces,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def poll(self, run: Run) -> None:
        """Read every core instance and its pipelines, and deliver what changed; one failed page fails it all."""
        project = await self._instance_pages(self._project_id())
        instances = _instances(project)
        run.deliver(translate.platform(instances))
        found = await together(self._pipelines_of(instance) for instance in instances)
        pages = list(chain.from_iterable(found))
        unreadable = [bad for page in pages for bad in page.unreadable]
        if unreadable:
            run.fail(BadResponse(f"{PIPELINES}: {len(unreadable)} pipelines cannot be read"))
        placed = self._placed(zip(instances, found, strict=True))
        placed |= self._still_served(unreadable, placed)
        await self._take_over(run, placed, min(chain(_times(project), _times(pages))))

    async def _instance_pages(self, project_id: str) -> list[Page[CoreInstance]]:
        return await self._pages(
            lambda params: self._client.get(CORE_INSTANCES, params, project_id=project_id), _parse_instances
        )

    async def _pipelines_of(self, instance: CoreInstance) -> list[Page[Row]]:
        return await self._pages(
            lambda params: self._client.get(PIPELINES, {**params, **_FILTERS}, instance_id=instance.id),
            _parse_pipelines,
        )

    async def _pages(
        self, read: Callable[[Params], Awaitable[Answer]], parse: Callable[[Answer], Page[T]]
    ) -> list[Page[T]]:
        """Every page of a list; one that does not end is no basis for calling anything gone."""
        sizes = repeat(int(self._config.page_size), _MOST_PAGES)
        pages = [page async for page in read_pages(read, parse, sizes)]
        if pages[-1].more:
            raise BadResponse(f"a list of the control plane has more than {_MOST_PAGES} pages")
        return pages

    def _placed(self, found: Iterable[tuple[CoreInstance, list[Page[Row]]]]) -> dict[str, Placed]:
        return {
            row.id: Placed(row, instance)
            for instance, pages in found
            for page in pages
            for row in page.items
            if self._config.pipelines.chooses(row.name) and self._shard.owns(row.id)
        }

    def _still_served(self, unreadable: Sequence[Identity], placed: Mapping[str, Placed]) -> dict[str, Placed]:
        """Pipelines that came in a shape nobody can read: as they were in the last good answer, for a while."""
        now = time.monotonic()
        ids = {bad.id for bad in unreadable if bad.id in self._pipelines and bad.id not in placed}
        self._unreadable = {key: self._unreadable.get(key, now) for key in ids if key is not None}
        patience = 4 * self._config.poll_interval
        return {key: self._pipelines[key] for key, since in self._unreadable.items() if now - since <= patience}

    async def _take_over(self, run: Run, placed: dict[str, Placed], asked_at: float) -> None:
        """Deliver what differs from the answer before; a history is read only after its pipeline was delivered."""
        changed = [found for key, found in placed.items() if self._pipelines.get(key) != found]
        removed = tuple(self._pipelines.keys() - placed.keys())
        self._history.follow(placed)
        for part in _parts(changed):
            waiting = self._news(part)
            run.deliver(Snapshot(asked_at, changed=tuple(map(self._pipeline, part)), waiting=waiting, whole=False))
            self._pipelines.update((found.row.id, found) for found in part)
            self._history.want(waiting)
            await asyncio.sleep(0)
        run.deliver(Snapshot(asked_at, removed=removed))
        self._pipelines = placed
        self._traces.follow([found.row for found in placed.values()])

    def _news(self, part: Iterable[Placed]) -> frozenset[str]:
        """Of changed pipelines, those whose history has more to tell: another status row, or one with more events."""
        before = self._pipelines
        return frozenset(
            found.row.id
            for found in part
            if found.row.id not in before or before[found.row.id].row.status != found.row.status
        )

    def _pipeline(self, found: Placed) -> Pipeline:
        pipeline = translate.pipeline(found.row, found.instance)
        for dimension, status in pipeline.statuses.items():
            if status.value not in translate.KNOWN:
                self._observer.unknown_status(dimension)
        return pipeline

    def _project_id(self) -> str:
        """The project's id from the config, else from the token, which may be another one than last time."""
        if self._config.project_id is not None:
            return self._config.project_id
        project = project_of(self._token.token()) if self._token else None
        if project is None:
            raise Unauthorized("the project token carries no project id; is it a project token? else set project_id")
        return project


def _project_token(config: CalyptiaConfig) -> Credentials | None:
    """What is sent as X-Project-Token; None if a bearer token is used instead."""
    if config.project_token is None and config.project_token_file is None:
        return None
    bare = Authorization(type="", credentials=config.project_token, credentials_file=config.project_token_file)
    return Credentials(bare, name="X-Project-Token")


def _instances(pages: Sequence[Page[CoreInstance]]) -> list[CoreInstance]:
    """Core instances; of one that cannot be read the pipelines still can. Raises BadResponse if it has no id."""
    found = {instance.id: instance for page in pages for instance in page.items}
    for bad in chain.from_iterable(page.unreadable for page in pages):
        if bad.id is None:
            raise BadResponse(f"{CORE_INSTANCES}: a core instance cannot be read")
        found.setdefault(bad.id, CoreInstance(bad.id, ""))
    return list(found.values())


def _times(pages: Iterable[Page[T]]) -> Iterator[float]:
    return (page.asked_at for page in pages)


def _parts(changed: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    for start in range(0, len(changed), _PART):
        yield changed[start : start + _PART]
