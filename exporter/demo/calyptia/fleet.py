"""The core instances and pipelines of a simulated cloud, and what may happen to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict, Unpack

import msgspec
from msgspec import UNSET

from exporter.demo.calyptia.errors import NotFound
from exporter.demo.calyptia.pipelines import KubeEvents, SimPipeline, status_row
from exporter.demo.calyptia.realm import Realm
from exporter.demo.calyptia.synthetic import raw_config
from exporter.demo.calyptia.times import ZERO_TIME, rfc3339
from exporter.demo.calyptia.wire import Config, CoreInstance, Entry, Pipeline, StatusRow

DEFAULT_IMAGE = "ghcr.io/calyptia/core/calyptia-fluent-bit:24.10.3"
"""The image of pipelines added without one."""


class Look(TypedDict, total=False):
    """The fields of a pipeline that can be given when it is added and changed later."""

    kind: str
    image: str | None
    deployment_strategy: str
    replicas_count: int
    min_replicas: int
    max_replicas: int
    checks_total: int
    checks_ok: int
    checks_running: int
    wait_for_checks_before_deploying: bool
    tracing_enabled: bool
    tags: list[str] | None
    metadata: dict[str, str] | None
    error: str | None


class Fleet(Realm):
    """Core instances and pipelines; each may be named by its id or by its name."""

    def __init__(self, *, clock: Callable[[], float], seed: int, journal: bool, history_limit: int) -> None:
        super().__init__(clock=clock, seed=seed, journal=journal)
        self._history_limit = history_limit
        self._instances: dict[str, Entry[CoreInstance]] = {}
        self._pipelines: dict[str, SimPipeline] = {}
        self._profile = self.make.resource_profile(clock())

    def add_core_instance(
        self,
        name: str,
        *,
        status: str | None = "running",
        version: str | None = "v3.55.0",
        tags: list[str] | None = None,
    ) -> str:
        """Add a core instance and give its id; a `status` or `version` of None is left out of the answers."""
        now = self.present()
        body = CoreInstance(
            id=self.make.uuid(),
            name=name,
            token=self.planted_secret,
            status=UNSET if status is None else status,
            version=UNSET if version is None else version,
            metadata={
                "k8s.cluster_name": name,
                "k8s.cluster_version": "v1.31.2",
                "k8s.namespace": "calyptia-core",
            },
            tags=tags,
            created_at=rfc3339(now),
            updated_at=ZERO_TIME if status == "waiting" else rfc3339(now),
        )
        self._instances[body.id] = self.entry(body)
        return body.id

    def instance_status(self, instance: str, status: str | None) -> None:
        """Set what the last ping of a core instance says."""
        now = self.present()
        found = self.core_instance(instance)
        found.change(status=UNSET if status is None else status, updated_at=rfc3339(now))

    def core_instance(self, instance: str) -> Entry[CoreInstance]:
        """Find a core instance by id or name; raises NotFound."""
        if instance in self._instances:
            return self._instances[instance]
        named = [entry for entry in self._instances.values() if entry.body.name == instance]
        if not named:
            raise NotFound("core instance not found")
        return named[0]

    def core_instances(self) -> Iterator[Entry[CoreInstance]]:
        """Give every core instance, newest first."""
        return reversed(self._instances.values())

    def add_pipeline(
        self,
        name: str,
        *,
        instance: str | None = None,
        status: str = "NEW",
        events: KubeEvents = UNSET,
        **look: Unpack[Look],
    ) -> str:
        """Create a pipeline with its first status row and give its id; by default on the first instance."""
        now = self.present()
        instance_id = self._instance_id(instance)
        config = self._config(name, now)
        row = self._row(now, config, status, events)
        body = msgspec.structs.replace(self._plain_pipeline(name, now, config, row), **look)
        pipeline = SimPipeline(self.entry(body), instance_id=instance_id, history_limit=self._history_limit)
        self._pipelines[body.id] = pipeline
        self._append(now, pipeline, row)
        return body.id

    def report(self, pipeline: str, status: str, events: KubeEvents = UNSET) -> str:
        """Append a status row, also for the same status again, and give its id."""
        now = self.present()
        found = self.pipeline(pipeline)
        row = self._row(now, found.body.config, status, events)
        self._append(now, found, row)
        return row.id

    def rollout(self, pipeline: str, text: str | None = None) -> str:
        """Give the pipeline a new configuration and return its id; rows reported from now on carry it."""
        now = self.present()
        found = self.pipeline(pipeline)
        config = self._config(found.body.name, now)
        if text is not None:
            config = msgspec.structs.replace(config, raw_config=text)
        found.change(now, config=config)
        return config.id

    def scale(self, pipeline: str, replicas: int) -> None:
        """Ask for another number of replicas; the status is reported apart."""
        now = self.present()
        found = self.pipeline(pipeline)
        found.change(now, replicas_count=replicas, replicas_count_prev=found.body.replicas_count)

    def change(self, pipeline: str, **look: Unpack[Look]) -> None:
        """Change fields of a pipeline: checks, render error, whether it waits for checks, image, …"""
        now = self.present()
        self.pipeline(pipeline).change(now, **look)

    def delete(self, pipeline: str) -> None:
        """Remove a pipeline with its history; no row says so."""
        self.advance()
        del self._pipelines[self.pipeline(pipeline).body.id]

    def pipeline(self, pipeline: str) -> SimPipeline:
        """Find a pipeline by id or name; raises NotFound."""
        if pipeline in self._pipelines:
            return self._pipelines[pipeline]
        named = [found for found in self._pipelines.values() if found.body.name == pipeline]
        if not named:
            raise NotFound("pipeline not found")
        return named[0]

    def pipelines(self) -> Iterator[SimPipeline]:
        """Give every pipeline, newest first."""
        return reversed(self._pipelines.values())

    def _instance_id(self, instance: str | None) -> str:
        if instance is not None:
            return self.core_instance(instance).body.id
        return next(iter(self._instances), None) or self.add_core_instance("default")

    def _plain_pipeline(self, name: str, now: float, config: Config, row: StatusRow) -> Pipeline:
        return Pipeline(
            id=self.make.uuid(),
            name=name,
            config=config,
            config_sections=[self.make.config_section(self.project_id, self.planted_secret, now)],
            status=row,
            resource_profile=self._profile,
            image=DEFAULT_IMAGE,
            metadata={"team": "observability"},
            labels={"app.kubernetes.io/name": name},
            created_at=rfc3339(now),
            updated_at=rfc3339(now),
        )

    def _config(self, name: str, now: float) -> Config:
        config_id = self.make.uuid()
        text = raw_config(name, config_id[:8], self.planted_secret)
        return Config(config_id, text, rfc3339(now, variant=self.variant()))

    def _row(self, now: float, config: Config, status: str, events: KubeEvents) -> StatusRow:
        return status_row(
            now, row_id=self.make.uuid(), config=config, status=status, events=events, variant=self.variant()
        )

    def _append(self, now: float, pipeline: SimPipeline, row: StatusRow) -> None:
        pipeline.append(now, self.entry(row))
        if self.journal is not None:
            self.journal.status_row(now, pipeline.body.id, pipeline.body.name, row)
