"""A source on a simulated control plane some of whose answers are replaced, and all that can be made of its facts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import trustme
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.config import SourceConfig
from exporter.config.file import parse
from exporter.config.shard import Shard
from exporter.errors import SourceError
from exporter.metrics.page import Page
from exporter.model import Fact
from exporter.sources.base import Known
from exporter.sources.kinds import KINDS
from exporter.store import SourceFacts
from exporter.web.board import SourceBoard
from tests.e2e.harness import serving
from tests.web.boards import FakeBoard, client


class Answer(NamedTuple):
    """The body of an answer with status 200, and headers of it."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Replaced:
    """An application some of whose answers are replaced, by path; the bodies of the others are remembered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.answers: Mapping[str, Answer] = {}
        self.bodies: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if (answer := self.answers.get(path)) is None:
            plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await self.app({**scope, "headers": plain}, receive, self._remembering(path, send))
            return
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _remembering(self, path: str, send: Send) -> Send:
        async def remember(message: Message) -> None:
            if message["type"] == "http.response.body":
                self.bodies[path] = self.bodies.get(path, b"") + message.get("body", b"")
            await send(message)

        return remember


class Reading:
    """A source run by hand: what it delivered, and what failed. It is the run and the observer the source knows."""

    def __init__(self, config: SourceConfig) -> None:
        kind = KINDS[config.type]
        self.facts = SourceFacts(config.name, kind=kind.name, dimensions=kind.dimensions)
        self.page = Page(kind.dimensions)
        self.section = self.page.add(self.facts)
        self.failures: list[SourceError] = []
        self.source = kind.open(config, self, Shard())

    async def run(self) -> None:
        """Run every task once; a SourceError is a failure, any other exception goes through."""
        for task in self.source.tasks:
            try:
                await task.run(self)
            except SourceError as error:
                self.failures.append(error)

    def deliver(self, fact: Fact) -> None:
        self.section.update(self.facts.apply(fact))

    def fail(self, error: SourceError) -> None:
        assert isinstance(error, SourceError)
        self.failures.append(error)

    def known(self, pipeline_id: str) -> Known | None:
        history = self.facts.history.pipelines.get(pipeline_id)
        return Known(history.known_until, history.log_position) if history else None

    def still_failing(self) -> None: ...

    def received(self, endpoint: str, size: int) -> None: ...

    def request(self, endpoint: str, code: str, size: int) -> None: ...

    def unknown_status(self, dimension: str) -> None: ...

    def samples(self) -> list[Any]:
        """The samples of the page, as the clients of both formats read them: the same."""
        text = b"".join(self.page.body().texts("text")).decode()
        openmetrics = b"".join(self.page.body().texts("openmetrics")).decode() + "# EOF\n"
        found = [sample for family in parse_text(text) for sample in family.samples]
        again = [sample for family in parse_openmetrics(openmetrics) for sample in family.samples]
        assert sorted(map(str, found)) == sorted(map(str, again))
        return found

    def board(self) -> SourceBoard:
        """The source as the pages show it."""
        return SourceBoard(self.facts, up=True, hidden=False, problems={}, age=1.0, poll_interval=15.0)


def quoted(text: str) -> str:
    """A text as a part of a path."""
    return quote(text.encode("utf-8", "replace"), safe="")


class Bench:
    """A control plane that runs, in a loop of its own, and the exporter's pages about what was read of it."""

    def __init__(self, runner: asyncio.Runner, app: Replaced, config: SourceConfig) -> None:
        self._runner = runner
        self._app = app
        self._board = FakeBoard()
        self._web = runner.run(client(self._board))
        self._valid: dict[str, Answer] = {}
        self.config = config

    def documents(self) -> dict[str, Any]:
        """What the control plane answers by itself, by path; from now on it is always the same."""
        reading = self.read({})
        assert reading.failures == []
        self._valid = {path: Answer(body) for path, body in self._app.bodies.items()}
        return {path: json.loads(body) for path, body in self._app.bodies.items()}

    def read(self, *rounds: Mapping[str, Answer], show: bool = False) -> Reading:
        """Read everything once for each round, with these answers replaced."""
        return self._runner.run(self._read(rounds, show))

    async def _read(self, rounds: Iterable[Mapping[str, Answer]], show: bool) -> Reading:
        reading = Reading(self.config)
        try:
            for answers in rounds:
                self._app.answers = self._valid | answers
                await reading.run()
            if show:
                await self._show(reading)
        finally:
            await reading.source.aclose()
        return reading

    async def _show(self, reading: Reading) -> None:
        """Ask for every page and every answer of the API about these facts: none is an error of the exporter."""
        self._board.shown = [reading.board()]
        about = [f"{reading.facts.name}/{quoted(key)}" for key in reading.facts.pipelines]
        pages = [f"/pipelines/{path}" for path in about] + [f"/api/v1/pipelines/{path}/events" for path in about]
        for path in ["/", "/api/v1/pipelines", *pages]:
            assert (await self._web.get(path)).status_code in (200, 404), path


@contextmanager
def bench(app: ASGIApp, keys: Mapping[str, object], folder: Path) -> Iterator[Bench]:
    """Serve a simulated control plane, and open sources on it whose config has these keys.

    They trust one CA, in ``folder``: to load all those of the system takes longer than to read everything.
    """
    trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
    replaced = Replaced(app)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        url = runner.run(stack.enter_async_context(serving(replaced)))
        text = json.dumps({"sources": [{"name": "edge", "url": url, "tls_config": {"ca_file": "ca.pem"}, **keys}]})
        kinds = {name: kind.config for name, kind in KINDS.items()}
        try:
            yield Bench(runner, replaced, parse(text, kinds, environ={}, folder=folder).sources[0])
        finally:
            runner.run(stack.aclose())


def values_of(samples: Iterable[Any], **labels: str) -> list[str]:
    """The samples with these labels, as texts that can be compared."""
    return sorted(f"{s.name}{s.labels}{s.value}" for s in samples if labels.items() <= s.labels.items())


def without_seconds(samples: list[str]) -> list[str]:
    """Samples without those that grow by themselves."""
    return [sample for sample in samples if not sample.startswith("pipeline_status_seconds_total")]
