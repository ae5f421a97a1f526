"""Builds the parts and wires them: sources to store, store to page, page to web; starts and stops them in order."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import msgspec
import structlog

from exporter.alerts.bridge import Bridge
from exporter.alerts.rules import ALERTS, WATCHDOG
from exporter.config import Config, Sharding, SourceConfig
from exporter.config.shard import Shard
from exporter.config.units import Positive, WholeNumber
from exporter.errors import ConfigError
from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import Page
from exporter.metrics.publish import Publisher
from exporter.model import Dimension, LogLine
from exporter.persistence import Saver
from exporter.reading import Around, Reading
from exporter.schedule import Schedule
from exporter.sources.kinds import KINDS
from exporter.statefile import StateFile
from exporter.store import SourceFacts
from exporter.supervise import Part, Supervisor, watch_loop
from exporter.web.app import create_app
from exporter.web.board import FiringAlert, SourceBoard
from exporter.web.guard import Guard
from exporter.web.server import Server
from exporter.web.watched import WatchedConfig

log = structlog.get_logger(__name__)

_STALLED_SECONDS = 30.0


class Application:
    """The exporter: reads every source of a config and serves what it finds.

    ``load`` gives the config anew for a reload and raises ConfigError; ``state`` keeps what is counted;
    ``shard_of`` tells which part of the pipelines is served.
    """

    def __init__(
        self,
        config: Config,
        *,
        load: Callable[[], Config] | None = None,
        state: StateFile | None = None,
        shard_of: Callable[[Config], Shard] = lambda config: config.sharding.shard({}),
    ) -> None:
        self._config = config
        self._shard_of = shard_of
        self._shard = shard_of(config)
        self._load = load
        self.own = OwnMetrics(leave_out=self._left_out)
        self.own.loaded()
        self.own.sharded(self._shard.index, self._shard.total)
        self._page = self._new_page()
        self.own.state_written.set(int(config.state is None))
        self._saver = Saver(state, written=lambda worked: self.own.state_written.set(int(worked)))
        self.publisher = Publisher(
            lambda: self._page.body(), self.own, prepare=lambda: self._page.prepare(), keep=self._saver.flush
        )
        self._schedule = Schedule(self.publisher.caught_up)
        self._alerts = Bridge(self._saver, self.own)
        self._supervisor = Supervisor(self.own.restarted)
        for part in self._parts():
            self.own.restarts.labels(part)
        self._reloading = asyncio.Lock()
        self._reload_problem = ""
        self._address = ""
        self._readings: dict[str, Reading] = {}

    def _left_out(self, family: str) -> bool:
        return any(pattern.matches(family) for pattern in self._config.metrics.exclude)

    def _new_page(self) -> Page:
        dense = self._config.metrics.status_series == "dense"
        return Page(_dimensions(self._config), dense=dense, leave_out=self._left_out)

    def open(self) -> None:
        """Open every source; nothing is read yet."""
        for config in self._config.sources:
            self._open(config, facts=None)

    def _open(self, config: SourceConfig, *, facts: SourceFacts | None) -> Reading:
        kind = KINDS[config.type]
        known = facts
        if known is None:
            known = SourceFacts(config.name, kind=kind.name, dimensions=kind.dimensions)
            self._saver.restore(known)
        known.reopened()
        if config.tls_config.insecure_skip_verify:
            log.warning("tls_config.insecure_skip_verify: the server's certificate is not checked", source=config.name)
        around = Around(self.own, self._saver, self._alerts, self.publisher.changed)
        reading = Reading(config, known, self._page.add(known), around, shard=self._shard)
        self._readings[config.name] = reading
        reading.watched()
        return reading

    async def serve(
        self,
        sockets: Sequence[socket.socket],
        stop: asyncio.Event,
        *,
        watched: WatchedConfig | None = None,
        telemetry_path: str = "/metrics",
        enable_lifecycle: bool = False,
    ) -> None:
        """Read and serve until ``stop`` is set; then end everything in reverse order."""
        guarded = watched or WatchedConfig()
        scheme = "https" if guarded.tls else "http"
        self._address = f"{scheme}://{socket.gethostname()}:{sockets[0].getsockname()[1]}"
        await self._alerts.configure(self._config.alerting, self._address)
        self.open()
        app = create_app(self.publisher, self, self, telemetry_path=telemetry_path, enable_lifecycle=enable_lifecycle)
        server = Server(Guard(app, guarded), watched=guarded)
        web = asyncio.create_task(server.serve(list(sockets)))
        for name, part in self._parts().items():
            self._supervisor.start(name, part)
        self._schedule.start(self._tick)
        for reading in self._readings.values():
            self._schedule.add(reading.config.name, reading.source.tasks, reading.runner)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({web, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await self._stop(server, web)

    def _parts(self) -> dict[str, Part]:
        """What goes on for ever beside the schedule, by name."""
        return {
            "publisher": self.publisher.run,
            "alerts": self._alerts.run,
            "loop_watch": lambda: watch_loop(self.own.loop_delay.observe),
        }

    async def _stop(self, server: Server, web: asyncio.Task[None]) -> None:
        server.should_exit = True
        self._schedule.stop()
        await self._supervisor.stop()
        await self._alerts.aclose()
        await asyncio.gather(*(reading.source.aclose() for reading in self._readings.values()), return_exceptions=True)
        await self._saver.close()
        await web

    async def read_once(self) -> bool:
        """Run every task of every source once; whether all worked."""
        self.open()
        try:
            results = await asyncio.gather(*map(_read_once, self._readings.values()))
        finally:
            await asyncio.gather(*(reading.source.aclose() for reading in self._readings.values()))
        await self.publisher.publish()
        return all(results)

    def not_ready(self) -> str:
        """Why the exporter is not ready; empty when it is."""
        untried = [name for name, reading in self._readings.items() if not reading.tried]
        if untried:
            return f"not tried yet: {', '.join(untried)}"
        if time.monotonic() - self._schedule.last_tick > _STALLED_SECONDS:
            return "the scheduler has stalled"
        stalled = [f"{name}: {task}" for name, reading in self._readings.items() if (task := reading.stalled())]
        if stalled:
            return f"these tasks have stalled: {', '.join(stalled)}"
        if full := self._alerts.full():
            return f"more alerts wait than can be kept for {', '.join(full)}"
        return ""

    async def reload(self) -> str:
        """Load the config again and apply it; the old one goes on if the new one cannot be used."""
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> str:
        try:
            config = self._load() if self._load else self._config
            shard = self._shard_of(config)
        except ConfigError as error:
            self.own.reload_successful.set(0)
            self._reload_problem = str(error)
            log.error("the config file cannot be used; the old one goes on", problems=error.problems)
            return str(error)
        if config.state != self._config.state:
            log.warning("state: what the config file says now counts after a restart; until then all is as it was")
        await self._apply(config, shard)
        self.own.loaded()
        self._reload_problem = ""
        log.info("config file loaded")
        return ""

    async def _apply(self, config: Config, shard: Shard) -> None:
        """Close sources that are gone or changed, open the new ones; what was counted goes on under its name."""
        same = shard == self._shard
        kept = {name for name, reading in self._readings.items() if same and reading.config in config.sources}
        old = {name: self._readings.pop(name) for name in list(self._readings) if name not in kept}
        for name, reading in old.items():
            await self._schedule.remove(name, reading.source.tasks)
            await reading.source.aclose()
        for gone in old.keys() - {source.name for source in config.sources}:
            self.own.forget(gone)
            self._alerts.unwatch(gone)
        self._config, self._shard = config, shard
        self.own.sharded(shard.index, shard.total)
        if await self._alerts.configure(config.alerting, self._address):
            for reading in self._readings.values():
                reading.watched()
        self._page = self._new_page()
        for reading in self._readings.values():
            hidden, reading.section = reading.section.hidden, self._page.add(reading.facts)
            reading.section.hidden = hidden
        for source in config.sources:
            if source.name not in kept:
                before = old.get(source.name)
                facts = before.facts if before and before.config.type == source.type else None
                opened = self._open(source, facts=facts)
                self._schedule.add(source.name, opened.source.tasks, opened.runner)
        self.publisher.changed()

    def sources(self) -> Sequence[SourceBoard]:
        """Every source, in the order of the config file, as the pages show it."""
        known = (self._readings.get(source.name) for source in self._config.sources)
        return [reading.board() for reading in known if reading is not None]

    def alerts(self, source: str, pipeline_id: str) -> Sequence[FiringAlert] | None:
        """The alerts that fire for a pipeline; None without a section ``alerting``."""
        firing = self._alerts.about(source, pipeline_id)
        if firing is None:
            return None
        return [
            FiringAlert(
                name=alert.name,
                severity=ALERTS.get(alert.name, ""),
                since=alert.starts_at,
                summary=alert.annotations.get("summary", ""),
                runbook=alert.annotations.get("runbook_url", ""),
            )
            for alert in firing
        ]

    def firing(self) -> Mapping[str, int] | None:
        """How many alerts fire, by name and without the one that always does; None without a section ``alerting``."""
        if self._config.alerting is None:
            return None
        counted = chain.from_iterable(metric.samples for metric in self.own.firing.collect())
        firing = {sample.labels["alertname"]: int(sample.value) for sample in counted}
        return {name: count for name, count in firing.items() if count and name != WATCHDOG}

    def log_errors(self, source: str, pipeline_id: str) -> Sequence[LogLine] | None:
        """The last lines of a pipeline's log that tell of a failure; None if it is not followed."""
        reading = self._readings.get(source)
        history = reading.facts.history.pipelines.get(pipeline_id) if reading else None
        return history.logs.errors if history and history.logs and history.logs.up is not None else None

    def config(self) -> Config:
        """The configuration that is in use; the part of the pipelines may be told by the command line or the pod."""
        sharding = Sharding(index=WholeNumber(self._shard.index), total=Positive(self._shard.total))
        return msgspec.structs.replace(self._config, sharding=sharding)

    def reload_problem(self) -> str:
        """Why the config file could not be loaded when it was tried last; empty if it could."""
        return self._reload_problem

    def _tick(self) -> None:
        for reading in self._readings.values():
            reading.expire(self._config.stale_after)


async def _read_once(reading: Reading) -> bool:
    results = [await reading.runner.run(task) for task in reading.source.tasks]
    return all(results)


def _dimensions(config: Config) -> Iterable[Dimension]:
    kinds = dict.fromkeys(source.type for source in config.sources)
    return chain.from_iterable(KINDS[kind].dimensions for kind in kinds)
