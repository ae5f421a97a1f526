"""Independent judges: the vendor's specification between client and simulator, and the simulator's own journal."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import Message, Receive, Scope, Send

from exporter.demo.calyptia import Tap, World, create_app, play
from tests.calyptia.harness import Clock, Reading, config_of
from tests.demo.test_calyptia_spec import complaints
from tests.demo.test_calyptia_spec import spec as spec  # a fixture
from tests.e2e.harness import serving

UNDECLARED = {
    "/v1/aggregator_pipelines/{pipeline}/status_history": {"before"},
    "/v1/pipelines/{pipelineID}/trace_sessions": {"last", "before"},
    "/v1/trace_sessions/{sessionID}/records": {"last", "before"},
}
"""Parameters that the server is known to take although the specification does not say so."""


class Judged:
    """The simulator, with every request and answer held against the specification; ``complaints`` is what it says."""

    def __init__(self, world: World, spec: dict[str, Any]) -> None:
        self.app = create_app(world)
        self.spec = spec
        self.seen: set[str] = set()
        self.complaints: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        template, body = self._template(scope["path"]), bytearray()

        async def tee(message: Message) -> None:
            body.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, tee)
        self._judge(template, set(parse_qs(scope["query_string"].decode())), bytes(body))

    def _judge(self, template: str, params: set[str], body: bytes) -> None:
        self.seen.add(template)
        declared = {each["name"] for each in self.spec["paths"][template]["get"].get("parameters", ())}
        self.complaints += [f"{template}?{name}" for name in params - declared - UNDECLARED.get(template, set())]
        self.complaints += complaints(self.spec, template, msgspec.json.decode(body))

    def _template(self, path: str) -> str:
        for template in self.spec["paths"]:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return str(template)
        raise AssertionError(f"the specification has no {path}")


async def test_the_specification_has_no_complaints(spec: dict[str, Any], clock: Clock) -> None:
    """Every path, parameter and answer between us and the simulator is as specified, or known not to be."""
    clock.catch_up()
    world = World(clock=clock, seed=8)
    for number in range(5):
        world.report(world.add_pipeline(f"p{number}"), "STARTED", [])
    session = world.start_trace("p0")
    for kind in (1, 2, 3, 4):
        world.emit_record(session, Tap(type=kind, plugin="a.0", alias="a", return_code=1, records=[]))
    judged = Judged(world, spec)
    async with serving(judged) as url:
        token = world.project_token
        reading = Reading(config_of({"url": url, "project_token": token, "page_size": 2, "traces": {}}))
        await reading.run("poll", "history", "traces")
        await reading.source.aclose()
    assert judged.complaints == []
    assert len(judged.seen) == 5
    assert not world.forbidden_queries


async def test_half_an_hour_of_the_story(world: World, clock: Clock, reading: Reading) -> None:
    """Read every minute, a lively fleet leaves the same counts here as in the simulator's journal."""
    play(world, 15)
    await reading.run()
    begin = world.now()
    for _ in range(30):
        clock.tick(60)
        await reading.run()
    assert world.journal is not None
    counted = 0
    for pipeline, told in world.journal.counts(begin + 0.001).items():
        if pipeline not in reading.facts.pipelines:
            assert told.name.startswith("health-check-")
            continue
        history = reading.facts.history.pipelines[pipeline]
        assert history.events == told.rows
        assert history.failures == told.failures
        assert {to: count for (_, to), count in history.transitions.items()} == told.transitions
        notes = history.notes.counts if history.notes else {}
        assert notes == {(o, r): count for o, reasons in told.status_events.items() for r, count in reasons.items()}
        counted += told.rows
    assert counted > 50
    assert not reading.failures
    assert reading.value("pipeline_exporter_history_gaps_total") == 0
    assert world.planted_secret not in reading.text()
