"""What every kind of source does when its control plane misbehaves: one suite for all rows of the table of kinds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from exporter import errors
from exporter.config.file import parse
from exporter.config.shard import Shard
from exporter.errors import SourceError
from exporter.model import Fact, Snapshot
from exporter.sources.base import Source
from exporter.sources.kinds import KINDS
from tests.sources.scripted import (
    Play,
    Scripted,
    cut_short,
    dripping,
    endless,
    no_http,
    reset,
    saying,
    saying_json,
    scripted,
    silence,
)

TOKEN = "secret-7f3c1a9e"
PROJECT = "3f0e8f0a-6f3f-4a53-9d0c-0d3c3c6a2b11"


class Example(msgspec.Struct, frozen=True):
    """How a kind is opened, what an empty control plane of it says, and how it says an error."""

    keys: dict[str, object]
    empty: object
    error: dict[str, object]


EXAMPLES = {
    "feldera": Example(
        {"authorization": {"credentials": TOKEN}},
        [],
        {"message": f"no {TOKEN}", "error_code": "Oops", "details": {}},
    ),
    "calyptia": Example(
        {"project_token": TOKEN, "project_id": PROJECT},
        {"items": [], "endCursor": None, "count": 0},
        {"error": f"no {TOKEN}"},
    ),
}


def test_every_kind_is_held_to_the_contract() -> None:
    """A new row in the table of kinds needs an example here."""
    assert EXAMPLES.keys() == KINDS.keys()


@pytest.fixture(params=sorted(EXAMPLES))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind in turn."""
    return str(request.param)


class Record:
    """The run and the observer: remembers what it is told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.failures: list[SourceError] = []
        self.codes: list[str] = []

    def deliver(self, fact: Fact) -> None:
        self.facts.append(fact)

    def fail(self, error: SourceError) -> None:
        self.failures.append(error)

    def known(self, pipeline_id: str) -> None: ...

    def still_failing(self) -> None: ...

    def received(self, endpoint: str, size: int) -> None: ...

    def request(self, endpoint: str, code: str, size: int) -> None:
        assert endpoint.startswith("/v")
        self.codes.append(code)

    def unknown_status(self, dimension: str) -> None: ...


class Opened(msgspec.Struct):
    """A source on a scripted server."""

    server: Scripted
    source: Source
    record: Record
    empty: Play

    async def poll(self) -> None:
        """The first task of every source."""
        task = self.source.tasks[0]
        assert task.name == "poll"
        await task.run(self.record)

    async def recovers(self) -> None:
        """With the next good answer everything is well again."""
        self.server.play = self.empty
        await self.poll()
        last = self.record.facts[-1]
        assert isinstance(last, Snapshot)
        assert last.whole
        assert not last.changed


@contextlib.asynccontextmanager
async def opened(kind: str, play: Play) -> AsyncIterator[Opened]:
    """A source of this kind on a server that plays this."""
    example = EXAMPLES[kind]
    async with scripted(play) as server:
        limits = {"timeout": "300ms", "max_response_bytes": "64KiB", "poll_interval": "1s"}
        keys = {"name": "it", "type": kind, "url": server.url, **limits, **example.keys}
        config_types = {name: row.config for name, row in KINDS.items()}
        config = parse(json.dumps({"sources": [keys]}), config_types, environ={}, folder=Path())
        record = Record()
        source = KINDS[kind].open(config.sources[0], record, Shard())
        try:
            yield Opened(server, source, record, saying_json(200, example.empty))
        finally:
            await source.aclose()


def refusal(status: int, kind: str, **headers: str) -> Play:
    """An error as this kind says it."""
    return saying_json(status, EXAMPLES[kind].error, **headers)


STATUSES = [
    (401, errors.Unauthorized), (403, errors.Forbidden), (404, errors.NotFound), (408, errors.ServerFailed),
    (410, errors.Unauthorized), (429, errors.RateLimited), (400, errors.BadResponse), (422, errors.BadResponse),
    (500, errors.ServerFailed), (501, errors.ServerFailed), (503, errors.ServerFailed),
]  # fmt: skip


@pytest.mark.parametrize(("status", "error"), STATUSES)
async def test_every_refusal_has_its_reason(kind: str, status: int, error: type[SourceError]) -> None:
    """Each status is the error that the table says, nothing of the body or the token is told, and it passes."""
    async with opened(kind, refusal(status, kind)) as it:
        await fails(it, error)
        assert set(it.record.codes) == {str(status)}
        await it.recovers()


OTHERS: list[tuple[str, Play, type[SourceError]]] = [
    ("not JSON", saying(200, b"<html>busy</html>"), errors.BadResponse),
    ("half a JSON", saying(200, b'[{"id": "'), errors.BadResponse),
    ("empty", saying(200, b""), errors.BadResponse),
    ("not UTF-8", saying(200, b'["\xff"]'), errors.BadResponse),
    ("nested too deep", saying(200, b"[" * 50_000), errors.BadResponse),
    ("another shape", saying_json(200, {"hello": TOKEN}), errors.BadResponse),
    ("a number", saying_json(200, 5), errors.BadResponse),
    ("no content", saying(204, b""), errors.BadResponse),
    ("silence", silence, errors.TimedOut),
    ("dripping", dripping, errors.TimedOut),
    ("reset", reset, errors.ConnectionLost),
    ("cut short", cut_short, errors.ConnectionLost),
    ("endless", endless, errors.TooLarge),
    ("too large", saying(200, b" " * 70_000), errors.TooLarge),
    ("not HTTP", no_http, errors.BadResponse),
    ("compressed as never offered", saying(200, b"x", Content_Encoding="br"), errors.BadResponse),
    ("badly compressed", saying(200, b"no zlib stream", Content_Encoding="gzip"), errors.BadResponse),
]


@pytest.mark.parametrize(("play", "error"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
async def test_every_accident_has_its_reason(kind: str, play: Play, error: type[SourceError]) -> None:
    """Whatever comes over the wire is one of our errors, tells nothing of the body, and passes."""
    async with opened(kind, play) as it:
        await fails(it, error)
        await it.recovers()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(kind: str, status: int) -> None:
    """The token goes to nobody else, not even on the same host."""
    async with scripted(saying_json(200, EXAMPLES[kind].empty)) as elsewhere:
        async with opened(kind, saying(status, b"", Location=f"{elsewhere.url}/v0/pipelines?t={TOKEN}")) as it:
            await fails(it, errors.BadResponse)
            await it.recovers()
        assert elsewhere.heads == []


async def test_nobody_is_there(kind: str) -> None:
    """A refused connection is a failed connection."""
    async with opened(kind, silence) as it:
        pass
    source = KINDS[kind].open(it.source._config, it.record, Shard())  # type: ignore[attr-defined]
    it = Opened(it.server, source, it.record, it.empty)
    await fails(it, errors.ConnectionFailed)
    await source.aclose()


async def test_the_token_is_sent(kind: str) -> None:
    """In the one header that the kind has for it, with every request."""
    async with opened(kind, silence) as it:
        await it.recovers()
        header = {"feldera": f"authorization: bearer {TOKEN}", "calyptia": f"x-project-token: {TOKEN}"}[kind]
        assert it.server.heads
        assert all(header in head.lower() for head in it.server.heads)
        assert all(head.lower().count(TOKEN) == 1 for head in it.server.heads)


async def test_a_cancelled_poll_leaves_nothing_behind(kind: str) -> None:
    """The run ends at once and delivers nothing; the next one works."""
    async with opened(kind, silence) as it:
        task = asyncio.create_task(it.poll())
        while not it.server.heads:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not it.record.facts
        await it.recovers()


async def test_a_short_wait_that_is_asked_for_is_kept(kind: str) -> None:
    """429 with Retry-After: the next attempt comes that much later, within the same run."""
    async with opened(kind, silence) as it:

        async def once(writer: asyncio.StreamWriter) -> None:
            it.server.play = it.empty
            await refusal(429, kind, Retry_After="0")(writer)

        it.server.play = once
        await it.poll()
        assert it.record.codes[:2] == ["429", "200"]


async def fails(it: Opened, error: type[SourceError]) -> None:
    """The poll fails with this error; nothing is delivered but what was read, and nothing is told."""
    with pytest.raises(SourceError) as caught:
        await it.poll()
    assert type(caught.value) is error, caught.value
    assert caught.value.reason in errors.REASONS
    assert not any(isinstance(fact, Snapshot) for fact in it.record.facts)
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in str(caught.value)
    assert TOKEN not in told
