"""The answers of the simulated API validate against Feldera's own OpenAPI file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from openapi_schema_validator import OAS30Validator

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.story import play
from exporter.demo.feldera.world import World

SPEC = Path(__file__).parents[2].parent / "shared" / "specs" / "feldera.openapi.json"
NULL = {"type": "integer", "nullable": True, "minimum": 1, "maximum": 0}
OPAQUE = frozenset({"example", "examples", "default"})


def rewritten(schema: Any) -> Any:
    """The schema with `nullable` given an effect where no type stands beside it, and no discriminators."""
    if isinstance(schema, list):
        return [rewritten(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    members = {
        key: value if key in OPAQUE else rewritten(value)
        for key, value in schema.items()
        if key != "discriminator" or not isinstance(value, dict)
    }
    if members.get("nullable") is not True or "type" in members:
        return members
    return {"anyOf": [{key: value for key, value in members.items() if key != "nullable"}, NULL]}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """The OpenAPI file, rewritten so that a validator can use it."""
    if not SPEC.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{SPEC} is missing: the specs belong beside the repository, in shared/specs")
        pytest.skip(f"{SPEC} is not there")
    return rewritten(msgspec.json.decode(SPEC.read_bytes()))


@pytest.fixture(scope="module")
def world() -> World:
    """The story, seen at one moment."""
    world = World(clock=lambda: 1_800_000_000.0)
    play(world, 24)
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its API."""
    transport = httpx.ASGITransport(create_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://feldera") as client:
        yield client


def validator(spec: dict[str, Any], path: str, status: int) -> OAS30Validator:
    """A validator for the JSON answer of a GET."""
    schema = spec["paths"][path]["get"]["responses"][str(status)]["content"]["application/json"]["schema"]
    return OAS30Validator({**schema, "components": spec["components"]})


def test_the_judge_is_strict(spec: dict[str, Any]) -> None:
    """The rewritten file accepts its own example, and refuses what is no pipeline."""
    judge = validator(spec, "/v0/pipelines", 200)
    content = spec["paths"]["/v0/pipelines"]["get"]["responses"]["200"]["content"]["application/json"]
    judge.validate(content["example"])
    assert not judge.is_valid([{"nope": 1}])


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("/v0/pipelines", "selector=status"),
        ("/v0/pipelines", "selector=status_with_connectors"),
        ("/v0/pipelines", ""),
        ("/v0/cluster/events", ""),
        ("/v0/cluster/events/latest", "selector=all"),
        ("/v0/cluster_healthz", ""),
        ("/v0/config", ""),
        ("/v0/config/session", ""),
    ],
)
async def test_platform_answers(spec: dict[str, Any], client: httpx.AsyncClient, template: str, query: str) -> None:
    """What is read of the whole platform has the declared shape."""
    answer = await client.get(f"{template}?{query}")
    declared = template.replace("latest", "{event_id}")
    validator(spec, declared, answer.status_code).validate(answer.json())


@pytest.mark.parametrize("selector", ["status", "all"])
async def test_pipeline_answers(spec: dict[str, Any], client: httpx.AsyncClient, world: World, selector: str) -> None:
    """Every pipeline of the story and its whole history have the declared shape."""
    base = "/v0/pipelines/{pipeline_name}"
    for row in world.rows():
        path = f"/v0/pipelines/{row.name}"
        latest = (await client.get(f"{path}/events/latest?selector={selector}")).json()
        events = (await client.get(f"{path}/events?selector={selector}")).json()
        validator(spec, base, 200).validate((await client.get(f"{path}?selector={selector}")).json())
        validator(spec, f"{base}/events/{{event_id}}", 200).validate(latest)
        validator(spec, f"{base}/events", 200).validate(events[:40])
        assert events[0] == latest


async def test_error_answers(spec: dict[str, Any], client: httpx.AsyncClient) -> None:
    """An error has the declared shape."""
    answer = await client.get("/v0/pipelines/nobody")
    validator(spec, "/v0/pipelines/{pipeline_name}", 404).validate(answer.json())


async def test_health_answers_when_unhealthy(spec: dict[str, Any], client: httpx.AsyncClient, world: World) -> None:
    """The 503 of the health has the declared shape too."""
    world.service("runner", False)
    answer = await client.get("/v0/cluster_healthz")
    assert answer.status_code == 503
    validator(spec, "/v0/cluster_healthz", 503).validate(answer.json())
    world.service("runner", True)
