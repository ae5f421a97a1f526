"""The simulated API as a client of plain HTTP sees it: bodies, codes, headers, control."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.story import play
from exporter.demo.feldera.world import World

KEY = "apikey:secret"
STATUS_EVENT = {
    "event_id", "recorded_at", "deployment_resources_status", "deployment_resources_desired_status",
    "deployment_runtime_status", "deployment_runtime_desired_status", "deployment_has_error", "program_status",
    "storage_status",
}  # fmt: skip


def connect(world: World, api_key: str | None = None, **options: Any) -> httpx.AsyncClient:
    """A client of the API of a world."""
    transport = httpx.ASGITransport(create_app(world, api_key=api_key))
    return httpx.AsyncClient(transport=transport, base_url="http://feldera", **options)


@pytest.fixture
def world() -> World:
    """A world with one running pipeline."""
    world = World(delays=Delays.none(), journal=True)
    world.create("p")
    world.start("p")
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its API."""
    async with connect(world) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "error_code"),
    [
        ("/v0/pipelines/nobody", 404, "UnknownPipelineName"),
        ("/v0/pipelines/nobody/events", 404, "UnknownPipelineName"),
        ("/v0/pipelines/nobody/logs", 404, "UnknownPipelineName"),
        ("/v0/pipelines/p/events/0191f6a4-5b1c-7000-8000-000000000001", 404, "UnknownPipelineMonitorEvent"),
        ("/v0/pipelines/p/events/nonsense", 400, "InvalidUuidParam"),
        ("/v0/pipelines?selector=some", 400, "InvalidSelector"),
        ("/v0/pipelines/p/events?selector=some", 400, "InvalidSelector"),
        ("/v0/cluster/events/0191f6a4-5b1c-7000-8000-000000000001", 404, "UnknownClusterMonitorEvent"),
    ],
)
async def test_errors(client: httpx.AsyncClient, path: str, status: int, error_code: str) -> None:
    """An error is JSON with message, error_code and details, and nothing else."""
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)
    assert answer.json().keys() == {"message", "error_code", "details"}


async def test_keys_of_an_event_are_exact(client: httpx.AsyncClient) -> None:
    """selector=status, the default, gives nine keys, null included."""
    events = (await client.get("/v0/pipelines/p/events")).json()
    assert [event.keys() for event in events] == [STATUS_EVENT] * len(events)


async def test_connectors_are_absent_when_unknown(client: httpx.AsyncClient, world: World) -> None:
    """status_with_connectors has the key while the pipeline runs, and no key when it does not."""
    path = "/v0/pipelines/p?selector=status_with_connectors"
    assert (await client.get(path)).json()["connectors"] == {"num_errors": 0}
    world.stop("p")
    assert "connectors" not in (await client.get(path)).json()


async def test_a_pipeline_whose_events_are_gone(client: httpx.AsyncClient, world: World) -> None:
    """A pipeline from before the upgrade to events has none: `[]`, and 404 for the latest."""
    world.find("p").events.clear()
    assert (await client.get("/v0/pipelines/p/events")).json() == []
    answer = await client.get("/v0/pipelines/p/events/latest")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NoPipelineMonitorEventsAvailable")


async def test_an_old_server_knows_no_events() -> None:
    """Without the events API their paths are 404 with an empty body."""
    world = World(delays=Delays.none(), events_api=False)
    world.create("p")
    async with connect(world) as client:
        for path in ("/v0/pipelines/p/events", "/v0/pipelines/p/events/latest", "/v0/nonsense"):
            answer = await client.get(path)
            assert (answer.status_code, answer.content) == (404, b"")


async def test_authentication(world: World) -> None:
    """The right key opens; a wrong one gets JSON as text, none an empty body; health needs none."""
    async with connect(world, KEY) as client:
        bearer = {"Authorization": f"Bearer {KEY}"}
        assert (await client.get("/v0/pipelines", headers=bearer)).status_code == 200
        wrong = await client.get("/v0/pipelines", headers={"Authorization": "Bearer apikey:other"})
        assert wrong.json() == {"message": "Unauthorized API key", "error_code": "AuthenticationFailed"}
        assert wrong.headers["content-type"].startswith("text/plain")
        none = await client.get("/v0/pipelines")
        assert (none.status_code, none.content, none.headers["www-authenticate"]) == (401, b"", "Bearer")
        assert (await client.get("/healthz")).json() == {"status": "healthy"}
        assert (await client.get("/config/authentication")).json().keys() == {"GenericOidc"}
        world.database_down = True
        assert (await client.get("/v0/pipelines", headers=bearer)).json() == wrong.json()
        assert (await client.get("/healthz")).status_code == 500


async def test_without_authentication(client: httpx.AsyncClient, world: World) -> None:
    """With auth off a header is ignored, and the session is the owner's."""
    headers = {"Authorization": "Bearer whatever"}
    assert (await client.get("/v0/config/session", headers=headers)).json()["role"] == "owner"
    assert (await client.get("/config/authentication")).json() == {}
    assert (await client.get("/v0/config")).json()["version"] == world.version


async def test_cluster_health(client: httpx.AsyncClient, world: World) -> None:
    """One unhealthy service makes it 503, with the same body."""
    healthy = await client.get("/v0/cluster_healthz")
    world.service("compiler", False)
    unhealthy = await client.get("/v0/cluster_healthz")
    assert (healthy.status_code, unhealthy.status_code) == (200, 503)
    assert healthy.json().keys() == unhealthy.json().keys() == {"all_healthy", "api", "compiler", "runner"}
    assert (await client.get("/v0/cluster/events/latest")).json()["compiler_status"] == "Unhealthy"


async def test_the_list_is_the_same_compressed_or_not(world: World) -> None:
    """The list made of compressed chunks is what the plain one is, whatever changes between."""
    world = World()
    play(world, 300, 1800)
    async with connect(world) as client:
        for _ in range(3):
            zipped = await client.get("/v0/pipelines?selector=status")
            plain = await client.get("/v0/pipelines?selector=status", headers={"Accept-Encoding": "identity"})
            assert (zipped.headers["content-encoding"], plain.headers["cache-control"]) == ("gzip", "no-cache")
            assert json.loads(zipped.content) == json.loads(plain.content)
            assert [row["id"] for row in plain.json()] == sorted(row["id"] for row in plain.json())
            world.delete(world.rows()[70].name, anyhow=True)


async def test_an_empty_platform() -> None:
    """Without pipelines the list is empty, compressed or not."""
    async with connect(World()) as client:
        assert (await client.get("/v0/pipelines")).json() == []
        assert (await client.get("/v0/pipelines", headers={"Accept-Encoding": "identity"})).text == "[]"


async def test_put_and_patch(client: httpx.AsyncClient, world: World) -> None:
    """PUT creates, then updates; PATCH renames; a changed program is compiled anew."""
    body = {"name": "q", "program_code": "select 1"}
    assert (await client.put("/v0/pipelines/q", json=body)).status_code == 201
    world.find("q")
    updated = await client.put("/v0/pipelines/q", json={**body, "program_code": "select 2"})
    assert (updated.status_code, updated.json()["program_version"]) == (200, 2)
    assert (await client.patch("/v0/pipelines/q", json={"name": "r"})).json()["name"] == "r"
    assert (await client.patch("/v0/pipelines/r", json={"name": "p"})).status_code == 409
    assert (await client.post("/v0/pipelines", content=b"{")).json()["error_code"] == "InvalidJson"


async def test_control_from_another_process(client: httpx.AsyncClient, world: World) -> None:
    """The demo endpoints steer the world, and tell what its journal counted."""
    steer = "/demo/pipelines/p"
    body = {"error_code": "RuntimeError.WorkerPanic", "message": "boom", "details": None}
    assert (await client.post(f"{steer}/unavailable")).status_code == 200
    assert (await client.post(f"{steer}/fail", json=body)).status_code == 200
    assert (await client.post(f"{steer}/log", json={"lines": ["hello"]})).status_code == 200
    assert (await client.post(f"{steer}/explode")).status_code == 404
    assert (await client.post(f"{steer}/fail", json={"colour": 1})).status_code == 400
    assert (await client.post("/demo/world/service", json={"name": "api", "healthy": False})).status_code == 200
    journal = (await client.get("/demo/journal?since=0")).json()
    counts = journal["pipelines"][world.find("p").id]
    assert (counts["name"], counts["failures"]) == ("p", 1)
    assert {"dimension": "runtime", "to": "Unavailable", "count": 1} in counts["transitions"]
    assert (await client.post("/demo/switches", json={"outage_status": 503})).status_code == 200
    outage = await client.get("/v0/pipelines")
    assert (outage.status_code, outage.headers["retry-after"]) == (503, "5")


async def test_a_young_pipeline_has_no_log_yet() -> None:
    """Until the runner has discovered a pipeline its log is 404 with an empty body."""
    now = [1_800_000_000.0]
    world = World(clock=lambda: now[0])
    world.create("p")
    async with connect(world) as client:
        answer = await client.get("/v0/pipelines/p/logs")
        assert (answer.status_code, answer.content) == (404, b"")
