"""The state of a simulated Calyptia Core cloud: one project, its core instances, pipelines and trace sessions."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import msgspec
from msgspec import UNSET, UnsetType

from exporter.demo.calyptia.agenda import Action, Agenda
from exporter.demo.calyptia.errors import Conflict, Gone, NotFound
from exporter.demo.calyptia.journal import Journal
from exporter.demo.calyptia.pipelines import KubeEvent, KubeEvents, SimPipeline, status_row
from exporter.demo.calyptia.synthetic import Maker, raw_config
from exporter.demo.calyptia.times import ZERO_TIME, rfc3339
from exporter.demo.calyptia.traces import SimSession, Tap, build_record, written_lifespan
from exporter.demo.calyptia.wire import Config, CoreInstance, Entry, Pipeline, Project, StatusRow, TraceSession

__all__ = ["KubeEvent", "Tap", "World"]

DEFAULT_IMAGE = "ghcr.io/calyptia/core/calyptia-fluent-bit:24.10.3"
"""The image of pipelines added without one."""


class World:
    """Deterministic model of one project; actions happen at `now()`, after everything that was due before.

    `clock` gives unix seconds. The same seed and the same actions give the same ids, tokens and texts. With `journal`,
    `world.journal` counts what happened. `history_limit` and `record_limit` bound the rows kept of a pipeline and the
    trace records kept of a session. Pipelines and core instances may be named by id or by name.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        journal: bool = False,
        history_limit: int = 2000,
        record_limit: int = 5000,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.journal = Journal() if journal else None
        self.forbidden_queries: list[str] = []
        self.v3_enabled = False
        self._make = Maker(seed)
        self._history_limit, self._record_limit = history_limit, record_limit
        self._agenda = Agenda(clock)
        self._seq = itertools.count(1)
        self._born = clock()
        self._instances: dict[str, Entry[CoreInstance]] = {}
        self._pipelines: dict[str, SimPipeline] = {}
        self._sessions: dict[str, SimSession] = {}
        self.project_id = self._make.uuid()
        self.project_token = self._make.project_token(self.project_id)
        self.user_token = self._make.user_token()
        self.planted_secret = self._make.secret()
        self.gone_tokens: set[str] = set()
        self._profile = self._make.resource_profile(self._born)

    # time

    def now(self) -> float:
        """Give the present of this world, unix seconds."""
        return self._agenda.now()

    def at(self, when: float, action: Action) -> None:
        """Have `action` happen at the unix time `when`, which it sees as the present."""
        self._agenda.at(when, action)

    def advance(self, now: float | None = None) -> None:
        """Let everything happen that is due by `now`, by default the clock's present."""
        self._agenda.advance(self.clock() if now is None else now)

    def _present(self) -> float:
        self.advance()
        return self.now()

    # tokens

    def rotate_token(self, *, gone: bool = True) -> str:
        """Give out a new project token; the old one is answered 410 `token gone`, or without `gone` 401."""
        if gone:
            self.gone_tokens.add(self.project_token)
        self.project_token = self._make.project_token(self.project_id)
        return self.project_token

    # core instances

    def add_core_instance(
        self, name: str, *, status: str | None = "running", version: str | None = "v3.55.0", tags: list[str] | None = None
    ) -> str:
        """Add a core instance and give its id; `status` running, waiting, unreachable, or None to leave it out."""
        now = self._present()
        body = CoreInstance(
            id=self._make.uuid(),
            name=name,
            token=self.planted_secret,
            status=UNSET if status is None else status,
            version=UNSET if version is None else version,
            metadata={"k8s.cluster_name": name, "k8s.cluster_version": "v1.31.2", "k8s.namespace": "calyptia-core"},
            tags=tags,
            created_at=rfc3339(now),
            updated_at=ZERO_TIME if status == "waiting" else rfc3339(now),
        )
        self._instances[body.id] = Entry(next(self._seq), body)
        return body.id

    def instance_status(self, instance: str, status: str | None) -> None:
        """Set what the last ping of a core instance says."""
        now = self._present()
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

    # pipelines

    def add_pipeline(
        self,
        name: str,
        *,
        instance: str | None = None,
        status: str = "NEW",
        events: KubeEvents = UNSET,
        kind: str = "deployment",
        image: str | None = DEFAULT_IMAGE,
        replicas: int = 1,
        min_replicas: int = 0,
        max_replicas: int = 0,
        checks_total: int = 0,
        waits_for_checks: bool = False,
        tags: list[str] | None = None,
    ) -> str:
        """Create a pipeline with its first status row and give its id; without `instance` on the first one there is."""
        now = self._present()
        instance_id = self._instance_id(instance)
        config = self._config(name, 1, now)
        row = self._row(now, config, status, events)
        body = Pipeline(
            id=self._make.uuid(),
            name=name,
            kind=kind,
            config=config,
            config_sections=[self._make.config_section(self.project_id, self.planted_secret, now)],
            status=row.body,
            resource_profile=self._profile,
            wait_for_checks_before_deploying=waits_for_checks,
            image=image,
            replicas_count=replicas,
            min_replicas=min_replicas,
            max_replicas=max_replicas,
            checks_total=checks_total,
            tags=tags,
            metadata={"team": "observability"},
            labels={"app.kubernetes.io/name": name},
            created_at=rfc3339(now),
            updated_at=rfc3339(now),
        )
        entry = Entry(next(self._seq), body)
        pipeline = SimPipeline(entry, instance_id=instance_id, history_limit=self._history_limit)
        self._pipelines[body.id] = pipeline
        self._append(now, pipeline, row)
        return body.id

    def report(self, pipeline: str, status: str, events: KubeEvents = UNSET) -> str:
        """Append a status row, the same status again included, and give its id."""
        now = self._present()
        found = self.pipeline(pipeline)
        row = self._row(now, found.body.config, status, events)
        self._append(now, found, row)
        return row.body.id

    def rollout(self, pipeline: str, *, text: str | None = None) -> str:
        """Give the pipeline a new configuration and return its id; rows reported from now on carry it."""
        now = self._present()
        found = self.pipeline(pipeline)
        config = self._config(found.body.name, next(self._seq), now)
        if text is not None:
            config = msgspec.structs.replace(config, raw_config=text)
        found.change(now, config=config)
        return config.id

    def scale(self, pipeline: str, replicas: int) -> None:
        """Ask for another number of replicas; the status is reported apart."""
        now = self._present()
        found = self.pipeline(pipeline)
        found.change(now, replicas_count=replicas, replicas_count_prev=found.body.replicas_count)

    def checks(self, pipeline: str, *, total: int, ok: int, running: int = 0) -> None:
        """Set the numbers of the pipeline's checks."""
        self._change(pipeline, checks_total=total, checks_ok=ok, checks_running=running)

    def wait_for_checks(self, pipeline: str, *, waits: bool) -> None:
        """Set whether failed checks block the deployment."""
        self._change(pipeline, wait_for_checks_before_deploying=waits)

    def render_error(self, pipeline: str, text: str | None) -> None:
        """Set or clear the text about the configuration that cannot be rendered."""
        self._change(pipeline, error=text)

    def set_image(self, pipeline: str, image: str | None) -> None:
        """Set the image the pipeline runs."""
        self._change(pipeline, image=image)

    def delete(self, pipeline: str) -> None:
        """Remove a pipeline with its history and trace sessions; no row says so."""
        self.advance()
        found = self.pipeline(pipeline)
        for session in found.sessions:
            del self._sessions[session.entry.body.id]
        del self._pipelines[found.body.id]

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
