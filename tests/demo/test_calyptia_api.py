"""The simulated Cloud API over HTTP: paging in both shapes, filters, what is missing, a large fleet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from exporter.demo.calyptia import Tap, World, create_app, play
from exporter.demo.calyptia.traces import OUTPUT

START = 1_700_000_000.0
MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    """An empty world with a journal, whose clock stands still."""
    return World(clock=lambda: START, seed=3, journal=True)


def client_of(world: World) -> httpx.AsyncClient:
    """A client of the world's API with the project token."""
    transport, headers = httpx.ASGITransport(create_app(world)), {"X-Project-Token": world.project_token}
    return httpx.AsyncClient(transport=transport, base_url="http://calyptia", headers=headers)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the project token."""
    async with client_of(world) as client:
        yield client


def next_before(response: httpx.Response) -> str | None:
    """The cursor of the link whose rel is next."""
    found = re.search(r'<[^>]*[?&]before=([^>&]+)>; rel="next"', response.headers.get("link", ""))
    return found and found[1]


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


async def test_lists_come_in_pages_of_a_body(world: World, client: httpx.AsyncClient) -> None:
    """{items, endCursor, count}: newest first; pages join to the whole, which `count` gives."""
    ids = [world.add_pipeline(f"p{number}") for number in range(6)]
    path = f"/v1/projects/{world.project_id}/pipelines"
    cursor: str | None = None
    seen: list[str] = []
    sizes: list[int] = []
    while cursor is not None or not sizes:
        page = await got(client, path, last=3, **({"before": cursor} if cursor else {}))
        assert (page["count"], set(page)) == (6, {"items", "endCursor", "count"})
        sizes.append(len(page["items"]))
        seen += [item["id"] for item in page["items"]]
        cursor = page["endCursor"]
    assert seen == ids[::-1]
    assert sizes == [3, 3, 0]


@pytest.mark.parametrize("params", [{}, {"last": 0}])
async def test_no_last_means_no_limit(world: World, client: httpx.AsyncClient, params: dict[str, int]) -> None:
    """Without `last`, or with 0, everything comes at once and no cursor with it."""
    pipeline = world.add_pipeline("p")
    for _ in range(40):
        world.report(pipeline, "STARTED")
    page = await got(client, f"/v1/projects/{world.project_id}/pipelines", **params)
    assert page["endCursor"] is None
    response = await client.get(f"/v1/aggregator_pipelines/{pipeline}/status_history", params=params)
    assert len(response.json()) == 41
    assert "link" not in response.headers


async def test_arrays_come_in_pages_of_links(world: World, client: httpx.AsyncClient) -> None:
    """last=3 and before=<cursor> is [3:6] of the whole; the Link is relative, has two links and no `last`."""
    pipeline = world.add_pipeline("p")
    for status in ("CHECKS_OK", "STARTING", "STARTED", "FAILED", "STARTING", "STARTED"):
        world.report(pipeline, status)
    path = f"/v1/aggregator_pipelines/{pipeline}/status_history"
    whole = await got(client, path)
    first = await client.get(path, params={"last": 3})
    before = next_before(first)
    assert before is not None
    assert first.headers["link"] == f'<{path}>; rel="self", <{path}?before={before}>; rel="next"'
    second = await client.get(path, params={"last": 3, "before": before})
    assert first.json() == whole[:3]
    assert second.json() == whole[3:6]
    assert second.headers["link"].startswith(f'<{path}?before={before}>; rel="self", ')
    assert [row["status"] for row in whole[:2]] == ["STARTED", "STARTING"]


async def test_a_cursor_outlives_new_rows(world: World, client: httpx.AsyncClient) -> None:
    """Rows that arrive between two pages do not shift the second."""
    pipeline = world.add_pipeline("p")
    for _ in range(5):
        world.report(pipeline, "STARTED")
    path = f"/v1/aggregator_pipelines/{pipeline}/status_history"
    whole = await got(client, path)
    before = next_before(await client.get(path, params={"last": 2}))
    world.report(pipeline, "FAILED")
    assert await got(client, path, last=2, before=before) == whole[2:4]


async def test_the_last_full_page_still_has_a_cursor(world: World, client: httpx.AsyncClient) -> None:
    """Its cursor leads to an empty page, which has none."""
    session = world.start_trace(world.add_pipeline("p"))
    for _ in range(4):
        world.emit_record(session, Tap(type=OUTPUT, plugin="http.1"))
    path = f"/v1/trace_sessions/{session}/records"
    cursor = next_before(await client.get(path, params={"last": 4}))
    assert cursor is not None
    after = await client.get(path, params={"last": 4, "before": cursor})
    assert after.json() == []
    assert "link" not in after.headers


async def test_history_can_be_filtered_by_status(world: World, client: httpx.AsyncClient) -> None:
    """`status` keeps the rows of that status only."""
    pipeline = world.add_pipeline("p")
    for status in ("STARTED", "FAILED", "STARTED"):
        world.report(pipeline, status)
    rows = await got(client, f"/v1/aggregator_pipelines/{pipeline}/status_history", status="STARTED")
    assert [row["status"] for row in rows] == ["STARTED", "STARTED"]


async def test_a_pipeline_carries_its_configuration_twice(world: World, client: httpx.AsyncClient) -> None:
    """In `config` and in `status.config`, and every history entry carries one."""
    pipeline = world.add_pipeline("p")
    body = await got(client, f"/v1/aggregator_pipelines/{pipeline}")
    assert world.planted_secret in body["config"]["rawConfig"]
    assert world.planted_secret in body["status"]["config"]["rawConfig"]
    [row] = await got(client, f"/v1/aggregator_pipelines/{pipeline}/status_history")
    assert world.planted_secret in row["config"]["rawConfig"]


async def test_pipelines_can_be_filtered(world: World, client: httpx.AsyncClient) -> None:
    """By kind, exact name, tags, core instance, and without the internal ones; count follows."""
    one, two = world.add_core_instance("one"), world.add_core_instance("two")
    world.add_pipeline("a", instance=one, kind="daemonSet", tags=["x", "y"])
    world.add_pipeline("b", instance=two, tags=["x"])
    world.add_pipeline("health-check-one", instance="one")
    path = f"/v1/projects/{world.project_id}/pipelines"

    async def names(where: str, **params: str) -> list[str]:
        page = await got(client, where, **params)
        assert page["count"] == len(page["items"])
        return [item["name"] for item in page["items"]]

    assert await names(path) == ["health-check-one", "b", "a"]
    assert await names(path, exclude_internal="true") == ["b", "a"]
    assert await names(path, kind="daemonSet") == ["a"]
    assert await names(path, name="b") == ["b"]
    assert await names(path, tags_query="x AND y") == ["a"]
    assert await names(f"/v1/core_instances/{one}/pipelines", exclude_internal="true") == ["a"]


async def test_core_instances_count_their_pipelines(world: World, client: httpx.AsyncClient) -> None:
    """pipelinesCount leaves internal ones out when asked; status and version may be absent."""
    world.add_core_instance("one")
    world.add_core_instance("two", status=None, version=None)
    world.add_pipeline("a", instance="one")
    world.add_pipeline("health-check-one", instance="one")
    path = f"/v1/projects/{world.project_id}/core_instances"
    two, one = (await got(client, path))["items"]
    assert (one["pipelinesCount"], one["status"], two["pipelinesCount"]) == (2, "running", 0)
    assert {"status", "version"}.isdisjoint(two)
    [one] = (await got(client, path, exclude_internal="true", name="one"))["items"]
    assert one["pipelinesCount"] == 1


async def test_a_core_instance_can_be_lost(world: World, client: httpx.AsyncClient) -> None:
    """Its status says so; its pipelines keep their last one."""
    instance = world.add_core_instance("one")
    world.add_pipeline("a", status="STARTED")
    world.instance_status(instance, "unreachable")
    [one] = (await got(client, f"/v1/projects/{world.project_id}/core_instances"))["items"]
    [a] = (await got(client, f"/v1/core_instances/{instance}/pipelines"))["items"]
    assert (one["status"], a["status"]["status"]) == ("unreachable", "STARTED")


async def test_search_gives_ids_and_names_only(world: World, client: httpx.AsyncClient) -> None:
    """Sorted by name; an empty term finds all, `exact` the whole name only."""
    ids = {name: world.add_pipeline(name) for name in ("orders", "audit", "orders-eu")}

    async def search(**params: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = await got(client, "/v2/search", resource="pipeline", **params)
        return found

    assert await search(project_id=world.project_id) == [{"id": ids[name], "name": name} for name in sorted(ids)]
    assert [hit["name"] for hit in await search(term="orders")] == ["orders", "orders-eu"]
    assert [hit["name"] for hit in await search(term="orders", exact="true")] == ["orders"]


async def test_trace_sessions_can_be_read_in_three_ways(world: World, client: httpx.AsyncClient) -> None:
    """All of a pipeline (newest first), the active one, and any by id, also after its end."""
    pipeline = world.add_pipeline("p")
    first = world.start_trace(pipeline)
    world.end_trace(first)
    second = world.start_trace(pipeline, lifespan=90, as_number=True)
    sessions = await got(client, f"/v1/pipelines/{pipeline}/trace_sessions")
    assert [session["id"] for session in sessions] == [second, first]
    assert await got(client, f"/v1/pipelines/{pipeline}/trace_session") == sessions[0]
    assert sessions[0]["lifespan"] == 90_000_000_000
    assert await got(client, f"/v1/trace_sessions/{first}") == sessions[1]
    assert await got(client, f"/v1/trace_sessions/{first}/records") == []


async def test_what_is_not_there_is_told_by_text(world: World, client: httpx.AsyncClient) -> None:
    """404 has one text for each thing that is missing."""
    pipeline = world.add_pipeline("p")
    for path, text in (
        (f"/v1/projects/{MISSING}", "project not found"),
        (f"/v1/core_instances/{MISSING}/pipelines", "core instance not found"),
        (f"/v1/aggregator_pipelines/{MISSING}", "pipeline not found"),
        (f"/v1/aggregator_pipelines/{MISSING}/status_history", "pipeline not found"),
        (f"/v1/pipelines/{pipeline}/trace_session", "no active trace session"),
        (f"/v1/trace_sessions/{MISSING}/records", "trace session not found"),
        ("/v1/nowhere", "not found"),
    ):
        assert await refused(client, path) == (404, text)
    world.delete(pipeline)
    assert await refused(client, f"/v1/aggregator_pipelines/{pipeline}") == (404, "pipeline not found")


@pytest.mark.parametrize(
    ("path", "params", "text"),
    [
        ("/v1/aggregator_pipelines/p", {}, "invalid pipeline ID"),
        ("/v2/search", {"resource": "nothing"}, "invalid resource"),
        ("/v1/projects/{project}/pipelines", {"last": "-1"}, "invalid last"),
        ("/v1/projects/{project}/pipelines", {"before": "%%%"}, "invalid cursor"),
        ("/v1/projects/{project}/pipelines", {"before": "c2VxOng"}, "invalid cursor"),
    ],
)
async def test_bad_arguments_are_refused(
    world: World, client: httpx.AsyncClient, path: str, params: dict[str, str], text: str
) -> None:
    """422, and a text that says which."""
    assert await refused(client, path.format(project=world.project_id), **params) == (422, text)


async def test_requests_see_the_present() -> None:
    """What is due by the clock has happened when a request is answered."""
    now = [START]
    world = World(clock=lambda: now[0])
    pipeline = world.add_pipeline("p")
    world.at(START + 5, lambda: world.report(pipeline, "STARTED"))
    now[0] += 6
    async with client_of(world) as client:
        assert (await got(client, f"/v1/aggregator_pipelines/{pipeline}"))["status"]["status"] == "STARTED"


@pytest.fixture
async def served() -> AsyncIterator[tuple[World, str]]:
    """A lively world of 1,000 pipelines behind a real socket, and its URL."""
    world = World(seed=1)
    play(world, 1000, history_seconds=600)
    config = uvicorn.Config(create_app(world), host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield world, f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


async def test_a_large_fleet_over_a_socket(served: tuple[World, str]) -> None:
    """1,000 pipelines in pages of 200, each once, as JSON in UTF-8."""
    world, url = served
    async with httpx.AsyncClient(base_url=url, headers={"X-Project-Token": world.project_token}) as client:
        seen: set[str] = set()
        params: dict[str, str] = {"last": "200", "exclude_internal": "true"}
        while params.get("before") != "":
            response = await client.get(f"/v1/projects/{world.project_id}/pipelines", params=params)
            assert response.headers["content-type"] == "application/json; charset=utf-8"
            seen |= {item["id"] for item in response.json()["items"]}
            params["before"] = response.json()["endCursor"] or ""
    assert len(seen) == 1000
