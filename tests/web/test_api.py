"""The JSON API: what it answers, as its description promises."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from exporter.model import Checks, DeploymentError, FailureRead, Snapshot
from exporter.web.guard import Guard
from exporter.web.query import EventsQuery, ListQuery
from exporter.web.watched import WatchedConfig
from tests.web.boards import (
    HOSTILE,
    NOW,
    FakeBoard,
    application,
    client,
    down,
    event,
    full,
    get,
    past,
    pipeline,
    source,
)

DESCRIPTION = yaml.safe_load(files("exporter.web").joinpath("openapi.yaml").read_text(encoding="utf-8"))
LIST = "/api/v1/pipelines"
HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
EVENTS = "/api/v1/pipelines/prod/id-orders/events"


def check(name: str, value: Any) -> None:
    """A value is what the description says of the schema ``name``."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]}
    found = [error.message for error in Draft202012Validator(schema).iter_errors(value)]
    assert found == []


async def answer(board: FakeBoard, path: str, schema: str) -> Any:
    """A good answer, checked."""
    response = await get(board, path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    check(schema, response.json())
    return response.json()


def test_the_description_is_openapi() -> None:
    """The document itself is valid."""
    validate(DESCRIPTION)


def test_the_check_can_fail() -> None:
    """A missing key and a wrong type are found."""
    schema = {"$ref": "#/components/schemas/Error", "components": DESCRIPTION["components"]}
    assert not Draft202012Validator(schema).is_valid({})
    assert not Draft202012Validator(schema).is_valid({"error": 1})


async def test_the_description_is_served() -> None:
    """Where the API is, its description is too."""
    response = await get(FakeBoard(), "/api/v1/openapi.yaml")
    assert response.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(response.text) == DESCRIPTION


async def test_a_pipeline() -> None:
    """Everything that is known of it now."""
    error = DeploymentError("RuntimeError.OutOfMemory", "killed")
    more = {"checks": Checks(3, 2, 1), "replicas": 1, "platform_version": "0.369.0"}
    shown = source(pipeline(health="failed", error=error, why="the deployment failed", **more))
    past(shown, "id-orders", event(1, 10, "Running", error=True))
    (found,) = (await answer(FakeBoard(shown), LIST, "PipelineList"))["pipelines"]
    at = "2027-01-15T07:59:50.000Z"
    failure = {"code": "RuntimeError.OutOfMemory", "message": "killed", "at": at, "until": None}
    assert found == {
        "source": "prod",
        "kind": "feldera",
        "pipeline": "id-orders",
        "pipeline_name": "orders",
        "health": "failed",
        "why": "the deployment failed",
        "statuses": {
            "resources": {"status": "Provisioned", "since": "2027-01-15T06:00:00.000Z", "desired": None},
            "runtime": {"status": "Running", "since": "2027-01-15T07:00:00.000Z", "desired": "Running"},
        },
        "error": failure,
        "last_failure": failure,
        "platform_version": "0.369.0",
        "created_at": "2027-01-14T08:00:00.000Z",
        "last_event_at": "2027-01-15T07:59:50.000Z",
        "replicas": 1,
        "checks": {"total": 3, "ok": 2, "running": 1},
        "connector_errors": None,
    }


async def test_the_newest_failure_when_it_is_over() -> None:
    """Whichever way it was seen: an older one that only the history told of does not hide what a poll saw."""
    shown = source(pipeline())
    shown.facts.apply(FailureRead("id-orders", NOW - 7200, DeploymentError("Old", "two hours ago"), NOW - 7100))
    failed = pipeline(health="failed", error=DeploymentError("New", "a minute ago"))
    for as_of, one in ((NOW - 60, failed), (NOW - 30, pipeline())):
        shown.facts.apply(Snapshot(as_of, (one,)))
    (found,) = (await answer(FakeBoard(shown), LIST, "PipelineList"))["pipelines"]
    assert (found["error"], found["why"]) == (None, None)
    assert found["last_failure"] == {
        "code": "New",
        "message": "a minute ago",
        "at": "2027-01-15T07:59:00.000Z",
        "until": "2027-01-15T07:59:30.000Z",
    }


async def test_an_error_of_a_healthy_pipeline_can_be_asked_for() -> None:
    """A configuration that cannot be rendered leaves the old one running."""
    broken = pipeline("edge", error=DeploymentError("RENDER_ERROR"))
    board = FakeBoard(source(pipeline("a"), broken, pipeline("z", health="unhealthy")))
    every, asked = [await answer(board, f"{LIST}{query}", "PipelineList") for query in ("", "?error=yes")]
    assert [one["pipeline_name"] for one in every["pipelines"]] == ["edge", "z", "a"]
    assert [one["pipeline_name"] for one in asked["pipelines"]] == ["edge"]
    assert (every["errors"], asked["errors"], asked["total"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "refusing", [{"basic_auth_users": {"a": HASH}}, {"rate_limit": {"interval": "1h", "burst": 1}}]
)
async def test_who_is_not_let_in_is_told_so_in_json(refusing: dict[str, Any], tmp_path: Path) -> None:
    """401 and 429 as described, with what their headers say; elsewhere they are text."""
    file = tmp_path / "web.yml"
    file.write_text(yaml.safe_dump(refusing))
    guarded = Guard(await application(FakeBoard(source(pipeline()))), WatchedConfig(file))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://exporter") as browser:
        _, refused, page = await browser.get("/"), await browser.get(LIST), await browser.get("/")
    described = DESCRIPTION["paths"][LIST]["get"]["responses"][str(refused.status_code)]["$ref"].rpartition("/")[2]
    check("Error", refused.json())
    assert set(DESCRIPTION["components"]["responses"][described]["headers"]) <= {
        header.title().replace("Www", "WWW") for header in refused.headers
    }
    assert refused.headers["content-type"] == "application/json"
    assert page.headers["content-type"].startswith("text/plain")


async def test_other_methods_are_refused_in_json() -> None:
    """As everything else that cannot be done."""
    async with await client(FakeBoard()) as browser:
        refused = await browser.post(LIST)
    assert (refused.status_code, sorted(refused.headers["allow"].split(", "))) == (405, ["GET", "HEAD"])
    check("Error", refused.json())


async def test_what_passes_says_when_to_ask_again() -> None:
    """503 has the interval at which the source is tried."""
    response = await get(FakeBoard(down(pipeline(), hidden=True)), EVENTS)
    assert (response.status_code, response.headers["retry-after"]) == (503, "15")


async def test_filters_and_pages() -> None:
    """The filters of the page; totals, counts and pages beside the rows."""
    board = FakeBoard(
        source(*(pipeline(f"p{i}", health=("failed", "idle")[i % 2]) for i in range(7))),
        source(pipeline("p9", health="unhealthy"), name="edge"),
    )
    found = await answer(board, f"{LIST}?q=P&source=prod&health=failed&page=2&page_size=3", "PipelineList")
    assert [one["pipeline_name"] for one in found["pipelines"]] == ["p6"]
    assert {key: found[key] for key in ("total", "page", "page_size", "pages")} == {
        "total": 4, "page": 2, "page_size": 3, "pages": 2
    }  # fmt: skip
    assert found["health"] == {"failed": 4, "unhealthy": 0, "unknown": 0, "transitioning": 0, "healthy": 0, "idle": 3}
    beyond = await answer(board, f"{LIST}?page=999999999", "PipelineList")
    assert (beyond["pipelines"], beyond["total"]) == ([], 8)


async def test_sources_are_told_with_how_they_are() -> None:
    """Whoever reads the list sees what is missing from it and why."""
    untried = source(name="new", up=None, age=None)
    untried.facts.history.as_of = None
    found = await answer(FakeBoard(down(pipeline(), hidden=True), untried), LIST, "PipelineList")
    assert found["pipelines"] == []
    assert found["sources"] == [
        {
            "source": "prod",
            "kind": "feldera",
            "up": False,
            "stale": True,
            "reason": "connection",
            "last_poll_at": "2027-01-15T07:59:59.000Z",
        },
        {"source": "new", "kind": "feldera", "up": None, "stale": False, "reason": None, "last_poll_at": None},
    ]


async def test_events_newest_first() -> None:
    """The newest so many, with the control plane's own ids, and how many there are."""
    shown = source(pipeline())
    past(shown, "id-orders", *(event(i, 100 - i, ("Running", None)[i % 2], error=i == 3) for i in range(1, 4)))
    found = await answer(FakeBoard(shown), f"{EVENTS}?limit=2", "EventList")
    assert found["total"] == 3
    assert found["events"] == [
        {
            "id": "00000000-0000-0000-0000-000000000003",
            "at": "2027-01-15T07:58:23.000000Z",
            "health": "failed",
            "has_error": True,
            "statuses": {"resources": "Provisioned", "runtime": None},
        },
        {
            "id": "00000000-0000-0000-0000-000000000002",
            "at": "2027-01-15T07:58:22.000000Z",
            "health": "healthy",
            "has_error": False,
            "statuses": {"resources": "Provisioned", "runtime": "Running"},
        },
    ]


async def test_a_pipeline_without_events() -> None:
    """An empty list is an answer."""
    found = await answer(FakeBoard(source(pipeline())), EVENTS, "EventList")
    assert (found["total"], found["events"]) == (0, [])


@pytest.mark.parametrize("text", HOSTILE)
async def test_names_of_any_kind(text: str) -> None:
    """An identity is found under its quoted path, and comes back as it is."""
    async with await client(full(text)) as browser:
        listed = (await browser.get(LIST)).json()
        check("PipelineList", listed)
        (one,) = listed["pipelines"]
        path = quoted(one["pipeline"])
        events = (await browser.get(f"{LIST}/prod/{path}/events")).json()
    check("EventList", events)
    assert (one["pipeline_name"], events["pipeline"], events["total"]) == (text, text, 2)


def quoted(text: str) -> str:
    """A text as one part of a path."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (f"{LIST}?page=0", 400, "page must be a whole number from 1 to 999999999."),
        (f"{LIST}?page_size=1001", 400, "page_size must be a whole number from 1 to 1000."),
        (f"{LIST}?health=nonsense", 400, "health=nonsense is not possible; choose from"),
        (f"{LIST}?source=none", 400, "There is no source 'none'; configured: prod, old."),
        (
            f"{LIST}?limit=1",
            400,
            "There is no parameter 'limit' here; known: q, source, health, error, page, page_size.",
        ),
        (f"{LIST}?page=1&page=2", 400, "The parameter page is given twice; give it once."),
        (f"{EVENTS}?limit=10001", 400, "limit must be a whole number from 1 to 10000."),
        (f"{EVENTS}?limit=-1", 400, "limit must be a whole number from 1 to 10000."),
        (f"{LIST}/prod/none/events", 404, "Source 'prod' has no pipeline 'none'"),
        (f"{LIST}/none/id-orders/events", 404, "There is no source 'none' in the configuration."),
        (f"{LIST}/old/id-orders/events", 503, "What is known of source 'old' is too old to be shown (connection)."),
        ("/api/v1/nothing", 404, "Not Found"),
    ],
)
async def test_errors_are_json_with_a_sentence(path: str, status: int, sentence: str) -> None:
    """Whatever is asked, the answer is JSON and says what is wrong."""
    old = down(pipeline(), hidden=True)
    old.facts.name = "old"
    response = await get(FakeBoard(source(pipeline()), old), path)
    assert response.status_code == status
    check("Error", response.json())
    assert sentence in response.json()["error"]


def test_the_description_names_every_path_and_parameter() -> None:
    """What is described is what is served: parameters and their bounds are those of the code."""
    paths = DESCRIPTION["paths"]
    described = {path: {p["name"] for p in paths[path]["get"].get("parameters", ())} for path in paths}
    assert described == {
        LIST: set(ListQuery.__struct_fields__),
        f"{LIST}/{{source}}/{{pipeline}}/events": {"source", "pipeline", *EventsQuery.__struct_fields__},
        "/api/v1/openapi.yaml": set(),
    }
