"""The controls of the simulated Cloud API: how a test in another process steers and reads the world."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.demo.calyptia import KubeEvent, World, create_app

START = 1_700_000_000.0


@pytest.fixture
def world() -> World:
    """An empty world with a journal, whose clock stands still."""
    return World(clock=lambda: START, seed=3, journal=True)


def client_of(world: World, *, token: str | None = None, require_token: bool = True) -> httpx.AsyncClient:
    """A client of the world's API, by default with the project token."""
    transport = httpx.ASGITransport(app=create_app(world, require_token=require_token))
    headers = {"X-Project-Token": world.project_token if token is None else token}
    return httpx.AsyncClient(transport=transport, base_url="http://calyptia", headers=headers)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the project token."""
    async with client_of(world) as client:
        yield client


async def got(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    """The JSON of a successful read."""
    response = await client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(client: httpx.AsyncClient, path: str, **params: Any) -> tuple[int, str]:
    """Code and text of a refusal, whose body says nothing else."""
    response = await client.get(path, params=params)
    assert list(response.json()) == ["error"]
    return response.status_code, response.json()["error"]


async def did(client: httpx.AsyncClient, action: str, **body: Any) -> Any:
    """The result of a control."""
    response = await client.post(f"/demo/{action}", json=body)
    assert response.status_code == 200, response.text
    return response.json()["result"]


async def test_a_world_can_be_steered_from_outside(world: World, client: httpx.AsyncClient) -> None:
    """Every action of the world is a control with a JSON body, and the journal can be read."""
    await did(client, "add_core_instance", name="one")
    pipeline = await did(client, "add_pipeline", name="p", instance="one", fields={"checks_total": 3})
    row = await did(
        client, "report", pipeline="p", status="FAILED", events=[{"reason": "BackOff", "source": "k8s:pod"}]
    )
    config = await did(client, "rollout", pipeline=pipeline, text="[SERVICE]")
    await did(client, "scale", pipeline=pipeline, replicas=4)
    await did(client, "change", pipeline=pipeline, fields={"checks_ok": 2, "error": "bad"})
    await did(client, "instance_status", instance="one", status="waiting")
    session = await did(client, "start_trace", pipeline=pipeline, lifespan=30)
    await did(client, "extend_trace", session=session, lifespan=60)
    await did(client, "emit_record", session=session, record={"type": 4, "plugin": "http.1", "return_code": 0})
    await did(
        client,
        "emit_record",
        session=session,
        record={"type": 1, "plugin": "http.0", "records": "start_time"},
    )
    await did(client, "end_trace", session=session)
    body = world.pipeline(pipeline).body
    assert (body.status.id, body.config.id, body.config.raw_config) == (row, config, "[SERVICE]")
    assert (body.replicas_count, body.checks_total, body.checks_ok, body.error) == (4, 3, 2, "bad")
    journal = await got(client, "/demo/journal", since=START - 1)
    assert journal["pipelines"][pipeline] == {
        "name": "p", "rows": 2, "failures": 1, "malformed": 1,
        "transitions": {"FAILED": 1}, "status_events": {"pod": {"BackOff": 1}},
        "trace_records": {"output": {"http.1": 1}}, "output_results": {"http.1": {"error": 1}},
    }  # fmt: skip
    await did(client, "delete", pipeline=pipeline)
    assert (await got(client, "/demo/facts"))["pipelines"] == {}
    assert await did(client, "rotate_token") == world.project_token
    assert world.forbidden_queries == []


async def test_facts_tell_a_test_in_another_process_how_to_get_in(world: World, client: httpx.AsyncClient) -> None:
    """Ids, tokens, the planted secret, and what clients sent."""
    pipeline = world.add_pipeline("p", instance=world.add_core_instance("one"))
    facts = await got(client, "/demo/facts")
    assert facts["projectToken"] == world.project_token
    assert facts["plantedSecret"] == world.planted_secret
    assert facts["pipelines"] == {"p": pipeline}
    assert facts["forbiddenQueries"] == []


async def test_bad_controls_are_refused(world: World, client: httpx.AsyncClient) -> None:
    """An unknown action, an unknown field, a missing one, broken JSON, and an action the world refuses."""
    for action, body, status in (
        ("explode", b"{}", 404),
        ("report", b'{"pipeline": "p", "status": "NEW", "stauts": 1}', 422),
        ("report", b'{"pipeline": "p"}', 422),
        ("report", b"{", 422),
        ("report", b'{"pipeline": "p", "status": "NEW"}', 404),
    ):
        response = await client.post(f"/demo/{action}", content=body)
        assert (response.status_code, list(response.json())) == (status, ["error"])


async def test_a_journal_is_kept_only_when_wanted() -> None:
    """Without it the endpoint says so; with it a bad `since` is refused."""
    async with client_of(World()) as client:
        assert await refused(client, "/demo/journal") == (404, "no journal is kept")
    async with client_of(World(journal=True)) as client:
        assert await refused(client, "/demo/journal", since="soon") == (422, "invalid since")


async def test_a_second_trace_is_a_conflict(world: World, client: httpx.AsyncClient) -> None:
    """409 over HTTP as in the world."""
    pipeline = world.add_pipeline("p", events=[KubeEvent("BackOff")])
    await did(client, "start_trace", pipeline=pipeline)
    response = await client.post("/demo/start_trace", json={"pipeline": pipeline})
    assert response.status_code == 409
