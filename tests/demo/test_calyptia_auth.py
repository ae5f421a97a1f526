"""Who may read the simulated Cloud API, and what it notes about those who ask for too much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from exporter.demo.calyptia import World, create_app

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


async def test_only_a_known_token_opens(world: World) -> None:
    """No token and a wrong one are 401, a revoked one 410; a project token or a user's Bearer token opens."""
    path = f"/v1/projects/{world.project_id}"
    old = world.project_token
    async with client_of(world) as client:
        assert (await got(client, path))["id"] == world.project_id
        world.rotate_token()
        assert await refused(client, path) == (410, "token gone")
        client.headers["X-Project-Token"] = "never.issued"
        assert await refused(client, path) == (401, "invalid token")
        del client.headers["X-Project-Token"]
        assert await refused(client, path) == (401, "invalid token")
        client.headers["Authorization"] = f"Bearer {world.project_token}"
        assert await refused(client, path) == (401, "invalid token")
        client.headers["Authorization"] = f"Bearer {world.user_token}"
        assert (await got(client, path))["id"] == world.project_id
    assert old != world.project_token


async def test_a_token_can_be_replaced_without_trace(world: World) -> None:
    """rotate_token(gone=False): the old one is as good as never issued."""
    async with client_of(world) as client:
        world.rotate_token(gone=False)
        assert await refused(client, f"/v1/projects/{world.project_id}") == (401, "invalid token")


async def test_the_list_of_projects_is_for_users(world: World) -> None:
    """A project token is forbidden there, a user's opens it."""
    async with client_of(world) as client:
        assert await refused(client, "/v1/projects") == (403, "permission denied")
        del client.headers["X-Project-Token"]
        client.headers["Authorization"] = f"Bearer {world.user_token}"
        assert [project["id"] for project in await got(client, "/v1/projects")] == [world.project_id]
        assert await got(client, "/v1/projects", name="else") == []


async def test_a_world_can_be_open(world: World) -> None:
    """With require_token=False any token opens everything."""
    async with client_of(world, token="any", require_token=False) as client:
        assert await got(client, "/v1/projects")
        assert await got(client, f"/v1/projects/{world.project_id}")


async def test_what_clients_must_not_send_is_noted(world: World, client: httpx.AsyncClient) -> None:
    """The three parameters and every write are kept; ordinary reads are not."""
    path = f"/v1/projects/{world.project_id}/pipelines"
    pipeline = world.add_pipeline("p")
    await got(client, path, last=5, exclude_internal="true")
    assert world.forbidden_queries == []
    await got(client, path, include="secrets")
    await got(client, f"/v1/aggregator_pipelines/{pipeline}", config_format="json")
    await got(client, path, render_with_config_sections="true")
    response = await client.post(f"/v1/pipelines/{pipeline}/trace_sessions", json={})
    assert (response.status_code, response.json()) == (405, {"error": "method not allowed"})
    assert world.forbidden_queries == [
        f"{path}?include=secrets",
        f"/v1/aggregator_pipelines/{pipeline}?config_format=json",
        f"{path}?render_with_config_sections=true",
        f"POST /v1/pipelines/{pipeline}/trace_sessions",
    ]


async def test_requests_are_counted_by_template(world: World, client: httpx.AsyncClient) -> None:
    """So that a test can say how many a quiet fleet may cost."""
    for name in ("a", "b"):
        await got(client, f"/v1/aggregator_pipelines/{world.add_pipeline(name)}")
    assert world.requests == {"/v1/aggregator_pipelines/{id}": 2}


async def test_the_health_check_needs_no_token(world: World) -> None:
    """/healthz is open to all."""
    async with client_of(world, token="never.issued") as client:
        assert (await got(client, "/healthz"))["postgres"] == {"ok": True}
