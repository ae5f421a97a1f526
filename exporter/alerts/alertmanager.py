"""Posts to one Alertmanager (API v2) until it has taken in everything; it holds up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from exporter.alerts.alert import FROZEN_LEASE_SECONDS, Notice
from exporter.alerts.queue import BATCH, Outgoing, Queue
from exporter.config import AlertmanagerConfig
from exporter.errors import SourceError
from exporter.http.client import open_client
from exporter.http.credentials import Credentials
from exporter.http.failures import refused, translating
from exporter.http.retryafter import backoff

log = structlog.get_logger(__name__)

PATH = "/api/v2/alerts"

_REFUSALS = frozenset({400, 413, 422})
_MOST_BODY_BYTES = 2**20
_MOST_ANSWER_BYTES = 64 * 1024
_PATIENCE = 3
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_LONGEST_ASKED_SECONDS = 60.0


class Counts(Protocol):
    """Who counts what is sent to one Alertmanager."""

    def posted(self, alerts: int, *, success: bool) -> None:
        """A post with so many alerts ended."""

    def dropped(self, alerts: int) -> None:
        """So many alerts will not be sent as they were."""

    def queued(self, alerts: int) -> None:
        """So many alerts wait."""


def name_of(config: AlertmanagerConfig) -> str:
    """How an Alertmanager is called in metrics and logs: host:port, and the path if its address has one.

    >>> name_of(AlertmanagerConfig(url="https://am.example.com"))
    'am.example.com:443'
    """
    parts = urlsplit(config.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{host}:{port}{parts.path}"


class Alertmanager:
    """One Alertmanager: its queue, and the loop that empties it.

    ``lease`` is for how many seconds an alert counts as firing if nothing more is heard of it. ``accepted`` is told
    of every alert that is known there for the first time, or as frozen.
    """

    def __init__(
        self,
        config: AlertmanagerConfig,
        queue: Queue,
        counts: Counts,
        *,
        lease: float,
        accepted: Callable[[Notice, float], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.queue = queue
        self.lease = lease
        self._counts = counts
        self._accepted = accepted
        self._clock = clock
        self._name = name_of(config)
        self._client = open_client(config, headers={"Content-Type": "application/json", "Accept": "application/json"})
        self._credentials = Credentials(config.authorization) if config.authorization else None
        self._news = asyncio.Event()
        self._quiet = asyncio.Event()
        self._failures = 0
        self._troubled = False
        self._most = BATCH
        self._task: asyncio.Task[None] | None = None
        if config.tls_config.insecure_skip_verify:
            log.warning("tls_config.insecure_skip_verify: the server's certificate is not checked",
                        alertmanager=self._name)  # fmt: skip

    def start(self) -> None:
        """Begin to send, unless that has begun."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def put(self, notices: Sequence[Notice]) -> None:
        """Send these as soon as possible."""
        dropped = sum(self.queue.put(notice) for notice in notices)
        if dropped:
            self._counts.dropped(dropped)
        self._counts.queued(len(self.queue))
        self._quiet.clear()
        self._news.set()

    async def drained(self) -> None:
        """Return when there is nothing to send now."""
        await self._quiet.wait()

    def stop(self) -> None:
        """Send nothing more; what waits stays in the queue."""
        if self._task is not None:
            self._task.cancel()

    async def aclose(self) -> None:
        """End at once."""
        self.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    async def _run(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:
                log.exception("sending alerts failed unexpectedly", alertmanager=self._name)
                await asyncio.sleep(_LONGEST_PAUSE_SECONDS)

    async def _turn(self) -> None:
        """Send one batch, or wait until there is something to send; after a failure wait a little."""
        batch = self.queue.take(self._clock(), self._most)
        if not batch:
            self._quiet.set()
            await self._wait()
            return
        self._quiet.clear()
        fitting = list(_fitting(batch, self._encoded))
        try:
            await self._send(fitting)
            self._note_success()
        except SourceError as error:
            self._note_failure(error)
            if error.status is not None and error.retry_after is None:
                self._suspect([out for out, _ in fitting], error)
            await asyncio.sleep(pause_after(self._failures, error.retry_after))
        finally:
            self._counts.queued(len(self.queue))

    async def _wait(self) -> None:
        self._news.clear()
        due = self.queue.next_at(now := self._clock())
        try:
            async with asyncio.timeout(None if due is None else max(0.01, due - now)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _send(self, batch: Sequence[tuple[Outgoing, bytes]]) -> None:
        """Post a batch; of one that is refused the guilty alerts are found by halves, the others go through."""
        try:
            await self._post([body for _, body in batch])
        except SourceError as error:
            if error.status not in _REFUSALS:
                raise
            if len(batch) == 1:
                self._drop(batch[0][0], error)
                return
            half = len(batch) // 2
            await self._send(batch[:half])
            await self._send(batch[half:])
            return
        now = self._clock()
        for notice in self.queue.done([out for out, _ in batch], now):
            self._accepted(notice, now)

    def _drop(self, out: Outgoing, error: SourceError) -> None:
        """Let go of an alert that is refused by itself; told once."""
        if not self.queue.was_refused(out.notice.labels):
            names = dict(out.notice.labels)
            log.error("an Alertmanager refuses an alert; it is dropped", alertmanager=self._name,
                      alertname=names.get("alertname"), source=names.get("source"), pipeline=names.get("pipeline"),
                      err=str(error))  # fmt: skip
        self.queue.refuse(out)
        self._counts.dropped(1)

    async def _post(self, alerts: Sequence[bytes]) -> None:
        """One request. Raises SourceError if it is not answered with 2xx."""
        success = False
        try:
            with translating(PATH):
                async with asyncio.timeout(self.config.timeout):
                    await self._exchange(b"[" + b",".join(alerts) + b"]")
            success = True
        finally:
            self._counts.posted(len(alerts), success=success)

    async def _exchange(self, body: bytes) -> None:
        headers = self._credentials.headers() if self._credentials else {}
        extensions = {"sni_hostname": self.config.tls_config.server_name}
        url = self.config.url + PATH
        async with self._client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
            if not response.is_success:
                raise await refused(response, PATH)
            with contextlib.suppress(Exception):  # the status has said it all
                await _read_out(response)

    def _encoded(self, out: Outgoing) -> bytes:
        """An alert as it is posted: firing until the lease ends, or over since it ended."""
        notice, now = out.notice, self._clock()
        if not out.firing and notice.ended_at is not None:
            return msgspec.json.encode(notice.posted(notice.ended_at))
        lingers = self.queue.linger if notice.ended_at is not None else 0.0
        lease = FROZEN_LEASE_SECONDS if notice.frozen else self.lease
        return msgspec.json.encode(notice.posted(now + lingers + lease))

    def _note_success(self) -> None:
        self._failures = 0
        self._most = min(BATCH, 2 * self._most)
        if self._troubled and not self.queue.has_deferred:
            self._troubled = False
            log.info("an Alertmanager takes in alerts again", alertmanager=self._name)

    def _note_failure(self, error: SourceError) -> None:
        """A line for the beginning of trouble."""
        if not self._troubled:
            self._troubled = True
            log.warning("an Alertmanager does not take in alerts; they wait", alertmanager=self._name,
                        reason=error.reason, err=str(error))  # fmt: skip
        self._failures += 1

    def _suspect(self, batch: Sequence[Outgoing], error: SourceError) -> None:
        """After several refusing answers one of the alerts may be why: all else goes first, and in smaller posts.

        So the innocent get through, and what fails by itself stays behind.
        """
        if self._failures < _PATIENCE and self._most == BATCH:
            return
        self._most = max(1, len(batch) // 2)
        if self.queue.defer(batch):
            self._drop(batch[0], error)


def pause_after(failures: int, asked: float | None) -> float:
    """Seconds until the next attempt after failures in a row; what the server asked for counts, within bounds."""
    pause = backoff(failures, first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
    return pause if asked is None else max(pause, min(asked, _LONGEST_ASKED_SECONDS))


async def _read_out(response: httpx.Response) -> None:
    """Read a short body to its end, so that the connection can be used again."""
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > _MOST_ANSWER_BYTES:
            return


def _fitting(batch: Sequence[Outgoing], encode: Callable[[Outgoing], bytes]) -> Iterator[tuple[Outgoing, bytes]]:
    """The alerts of a batch that fit into one body, as they are posted; at least one."""
    size = 1  # with a bracket or a comma before each alert, and the bracket at the end
    for place, out in enumerate(batch):
        body = encode(out)
        size += len(body) + 1
        if place and size > _MOST_BODY_BYTES:
            return
        yield out, body
