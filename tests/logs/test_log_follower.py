"""Who follows which logs: a stream's task that crashes is started again, and warnings come once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.config.units import Concurrency, Name, Url
from exporter.model import LogPosition, LogRead
from exporter.schedule import Runner
from exporter.sources.base import Known, Task
from exporter.sources.feldera.config import FelderaConfig, Logs
from exporter.sources.feldera.logs.follow import LogFollower
from exporter.sources.feldera.wire import Row
from exporter.sources.http import ApiClient, Params, Stream
from tests.logs.test_log_stream_ends import FIRST, LATER, WHOLE
from tests.sources.raw import Raw
from tests.sources.test_http import Requests


class Crashing(ApiClient):
    """A client with a fault that shows in the first two streams."""

    faults = 2

    @contextlib.asynccontextmanager
    async def stream(self, endpoint: str, params: Params | None = None, **path: str) -> AsyncIterator[Stream]:
        """Open it, or fail as only a program's fault does."""
        if self.faults:
            self.faults -= 1
            raise AssertionError("a fault of ours")
        async with super().stream(endpoint, params, **path) as stream:
            yield stream


class Gauges:
    """How runs went."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []

    def failed(self, task: str, reason: str) -> None:
        """Remember it."""
        self.failures.append((task, reason))

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        """Not of interest here."""


def row(name: str, status: str = "Provisioned") -> Row:
    """A pipeline."""
    return Row(id=f"id-{name}", name=name, deployment_resources_status=status)  # type: ignore[call-arg]


def config_for(url: str, *, most: int = 100) -> FelderaConfig:
    """A source that follows all logs."""
    logs = Logs(max_streams=Concurrency(most))
    return FelderaConfig(name=Name("a"), type="feldera", url=Url(url), logs=logs)  # type: ignore[call-arg]


async def test_a_crash_is_counted_and_mended(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream that ends through a fault of ours is opened again; it counts as ``internal``, with its cause logged."""
    gauges, reads, lines = Gauges(), list[LogRead](), len(FIRST) + len(LATER)

    def counted() -> int:
        return sum(sum(read.lines.values()) for read in reads)

    async with Raw(WHOLE).running() as url:
        config = config_for(url)
        client = Crashing(config, Requests())
        follower = LogFollower(client, {"id-p": row("p")}, config)
        follower.choose({})
        runner = Runner("a", gauges, deliver=reads.append, ended=lambda *_: None, known=known)  # type: ignore[arg-type]
        end = asyncio.get_running_loop().time() + 20
        while counted() < lines and asyncio.get_running_loop().time() < end:
            await runner.run(Task("logs", 1.0, follower.tend))
            await asyncio.sleep(0.1)
        await follower.aclose()
        await client.aclose()
    assert gauges.failures == [("logs", "internal")] * 2
    assert counted() == lines
    assert "a fault of ours" in capsys.readouterr().out


def known(_: str) -> Known:
    """Every pipeline is there, and its log was not read before."""
    return Known(None, LogPosition())


def followed_by(follower: LogFollower) -> list[str]:
    """The ids of the pipelines that are chosen."""
    return list(follower._chosen)


async def test_who_is_left_out() -> None:
    """Stopped pipelines are left out first; one warning says how many, until all fit again."""
    statuses = {"a": "Stopped", "b": "Provisioned", "c": "Stopped", "d": "Provisioning", "e": "Provisioned"}
    rows = {f"id-{name}": row(name, status) for name, status in statuses.items()}
    config = config_for("http://127.0.0.1:9", most=3)
    follower = LogFollower(ApiClient(config, Requests()), rows, config)
    with capture_logs() as logged:
        for _ in range(3):
            follower.choose({})
    assert followed_by(follower) == ["id-b", "id-d", "id-e"]
    assert [(entry["log_level"], entry["left_out"]) for entry in logged] == [("warning", 2)]
    del rows["id-b"], rows["id-d"]
    with capture_logs() as logged:
        follower.choose({})
        assert followed_by(follower) == ["id-e", "id-a", "id-c"]
        rows["id-f"] = row("f")
        follower.choose({})
    assert followed_by(follower) == ["id-e", "id-f", "id-a"]
    assert [entry["left_out"] for entry in logged] == [1]


async def test_names_that_are_not_unique_are_not_followed() -> None:
    """Whose log it is nobody could tell; the others are followed, and these as soon as it can be told."""
    twin = msgspec.structs.replace(row("same"), id="id-twin")
    rows = {one.id: one for one in (row("same"), twin, row("other"))}
    config = config_for("http://127.0.0.1:9", most=3)
    follower = LogFollower(ApiClient(config, Requests()), rows, config)
    follower.choose({}, ambiguous={"same"})
    assert followed_by(follower) == ["id-other"]
    follower.choose({})
    assert set(followed_by(follower)) == set(rows)
