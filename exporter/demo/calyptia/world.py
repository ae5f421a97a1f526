"""The simulated Calyptia Core cloud whole: a project, its core instances, pipelines and trace sessions."""

from __future__ import annotations

import time
from collections.abc import Callable

from exporter.demo.calyptia.errors import Conflict, Gone, NotFound
from exporter.demo.calyptia.fleet import Fleet
from exporter.demo.calyptia.pipelines import SimPipeline
from exporter.demo.calyptia.times import rfc3339
from exporter.demo.calyptia.traces import SimSession, Tap, build_record, written_lifespan
from exporter.demo.calyptia.wire import Project, TraceSession


class World(Fleet):
    """Deterministic, stateful model of one project, without any I/O.

    `clock` gives unix seconds. An action happens at `now()`, after everything that was scheduled before it.
    With `journal`, `world.journal` counts what happened. `history_limit` and `record_limit` bound the
    status rows kept of a pipeline and the trace records kept of a session.
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
        super().__init__(clock=clock, seed=seed, journal=journal, history_limit=history_limit)
        self.v3_enabled = False
        self._record_limit = record_limit
        self._sessions: dict[str, SimSession] = {}
        self._born = rfc3339(clock())

    def project(self) -> Project:
        """Give the project as the API sends it."""
        return Project(
            id=self.project_id,
            name="demo",
            v3_enabled=self.v3_enabled,
            members_count=3,
            agents_count=0,
            aggregators_count=len(self._instances),
            created_at=self._born,
        )

    def start_trace(
        self,
        pipeline: str,
        *,
        lifespan: float = 600.0,
        plugins: list[str] | None = None,
        as_number: bool = False,
    ) -> str:
        """Start a trace session of `lifespan` seconds and give its id; raises Conflict if one is active."""
        now = self.present()
        found = self.pipeline(pipeline)
        if found.active_session(now) is not None:
            raise Conflict("active trace session already exists")
        session = self._new_session(found, now, lifespan, as_number=as_number, plugins=plugins or ["http.0"])
        found.sessions.append(session)
        self._sessions[session.entry.body.id] = session
        found.change(now, tracing_enabled=True)
        return session.entry.body.id

    def extend_trace(self, session: str, lifespan: float, *, as_number: bool = False) -> None:
        """Change the lifespan of an active session; raises Gone once it has ended."""
        now = self.present()
        found = self._living(session, now)
        found.lifespan = lifespan
        found.entry.change(lifespan=written_lifespan(lifespan, as_number=as_number), updated_at=rfc3339(now))

    def end_trace(self, session: str) -> None:
        """Terminate a session; its records stay readable."""
        now = self.present()
        self.session(session).terminate(now)

    def emit_record(self, session: str, tap: Tap) -> str:
        """Let a trace record arrive and give its id; raises Gone once the session has ended."""
        now = self.present()
        found = self._living(session, now)
        body = build_record(
            tap,
            record_id=self.make.uuid(),
            session_id=session,
            now=now,
            variant=self.variant(),
            secret=self.planted_secret,
        )
        found.records.append(self.entry(body))
        if self.journal is not None:
            self.journal.trace_record(now, found.entry.body.pipeline_id, body)
        return body.id

    def session(self, session: str) -> SimSession:
        """Find a trace session by id; raises NotFound."""
        if session not in self._sessions:
            raise NotFound("trace session not found")
        return self._sessions[session]

    def active_session(self, pipeline: str) -> SimSession:
        """Find the active trace session of a pipeline; raises NotFound."""
        found = self.pipeline(pipeline).active_session(self.now())
        if found is None:
            raise NotFound("no active trace session")
        return found

    def delete(self, pipeline: str) -> None:
        """Remove a pipeline with its history and trace sessions; no row says so."""
        self.advance()
        for session in self.pipeline(pipeline).sessions:
            del self._sessions[session.entry.body.id]
        super().delete(pipeline)

    def _living(self, session: str, now: float) -> SimSession:
        found = self.session(session)
        if not found.active(now):
            raise Gone("trace session terminated")
        return found

    def _new_session(
        self, pipeline: SimPipeline, now: float, lifespan: float, *, as_number: bool, plugins: list[str]
    ) -> SimSession:
        body = TraceSession(
            id=self.make.uuid(),
            pipeline_id=pipeline.body.id,
            plugins=plugins,
            lifespan=written_lifespan(lifespan, as_number=as_number),
            created_at=rfc3339(now, variant=self.variant()),
            updated_at=rfc3339(now),
        )
        return SimSession(self.entry(body), started=now, lifespan=lifespan, record_limit=self._record_limit)
