"""What each GET endpoint of the Cloud API answers, as functions of the world and the request."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from exporter.demo.calyptia.errors import BadArgument, NotFound
from exporter.demo.calyptia.paging import Page, cut, link_header, window
from exporter.demo.calyptia.pipelines import SimPipeline
from exporter.demo.calyptia.wire import CoreInstance, Entry, Pipeline, SearchResult
from exporter.demo.calyptia.world import World

CONTENT_TYPE = "application/json; charset=utf-8"

Read = Callable[[World, Request], Response]
"""How an endpoint is answered; raises Refusal."""


def json_bytes(body: bytes, status: int = 200) -> Response:
    """Answer with JSON written already."""
    return Response(body, status, {"Content-Type": CONTENT_TYPE})


def json(body: object, status: int = 200) -> Response:
    """Answer with a body still to be written as JSON."""
    return json_bytes(msgspec.json.encode(body), status)


def projects(world: World, request: Request) -> Response:
    """Answer /v1/projects."""
    name = request.query_params.get("name")
    project = world.project()
    return json([project] if name in (None, project.name) else [])


def project(world: World, request: Request) -> Response:
    """Answer /v1/projects/{projectID}."""
    _in_project(world, request)
    return json(world.project())


def core_instances(world: World, request: Request) -> Response:
    """Answer /v1/projects/{projectID}/core_instances."""
    _in_project(world, request)
    found = [entry for entry in world.core_instances() if _named_and_tagged(entry.body, request.query_params)]
    counts = _pipelines_per_instance(world, request.query_params)
    counted = [_with_count(entry, counts.get(entry.body.id, 0)) for entry in found]
    return _listed(counted, request.query_params)


def project_pipelines(world: World, request: Request) -> Response:
    """Answer /v1/projects/{projectID}/pipelines."""
    _in_project(world, request)
    return _listed_pipelines(world.pipelines(), request.query_params)


def instance_pipelines(world: World, request: Request) -> Response:
    """Answer /v1/core_instances/{coreInstanceID}/pipelines."""
    instance = world.core_instance(path_id(request, "core instance")).body.id
    return _listed_pipelines((p for p in world.pipelines() if p.instance_id == instance), request.query_params)


def search(world: World, request: Request) -> Response:
    """Answer /v2/search: ids and names by name, for pipelines and core instances."""
    query = request.query_params
    if query.get("project_id", world.project_id) != world.project_id:
        raise NotFound("project not found")
    named = _searchable(world, query.get("resource", ""))
    term, exact = query.get("term", ""), is_true(query, "exact")
    found = [result for result in named if result.name == term or (not exact and term in result.name)]
    return json(sorted(found, key=lambda result: result.name))


def pipeline(world: World, request: Request) -> Response:
    """Answer /v1/aggregator_pipelines/{pipelineID}."""
    return json_bytes(_pipeline(world, request).entry.encoded())


def status_history(world: World, request: Request) -> Response:
    """Answer /v1/aggregator_pipelines/{pipeline}/status_history."""
    status = request.query_params.get("status")
    rows = _pipeline(world, request).newest_first()
    return _linked((row for row in rows if status in (None, row.body.status)), request)


def trace_sessions(world: World, request: Request) -> Response:
    """Answer /v1/pipelines/{pipelineID}/trace_sessions."""
    return _linked((session.entry for session in reversed(_pipeline(world, request).sessions)), request)


def active_trace_session(world: World, request: Request) -> Response:
    """Answer /v1/pipelines/{pipelineID}/trace_session."""
    return json_bytes(world.active_session(path_id(request, "pipeline")).entry.encoded())


def trace_session(world: World, request: Request) -> Response:
    """Answer /v1/trace_sessions/{sessionID}."""
    return json_bytes(world.session(path_id(request, "trace session")).entry.encoded())


def trace_records(world: World, request: Request) -> Response:
    """Answer /v1/trace_sessions/{sessionID}/records."""
    return _linked(world.session(path_id(request, "trace session")).newest_first(), request)


def healthz(world: World, request: Request) -> Response:
    """Answer /healthz."""
    return json({"version": "v1.230.0", "postgres": {"ok": True}})


def path_id(request: Request, what: str) -> str:
    """Read the id in the path; raises BadArgument when it is no UUID."""
    text = str(request.path_params["id"])
    try:
        return str(uuid.UUID(text))
    except ValueError as exc:
        raise BadArgument(f"invalid {what} ID") from exc


def is_true(query: QueryParams, name: str) -> bool:
    """Read a boolean of the query as Go does."""
    return query.get(name, "").lower() in ("1", "t", "true")


def _in_project(world: World, request: Request) -> None:
    if path_id(request, "project") != world.project_id:
        raise NotFound("project not found")


def _pipeline(world: World, request: Request) -> SimPipeline:
    return world.pipeline(path_id(request, "pipeline"))


def _listed(newest_first: list[Entry[Any]], query: QueryParams) -> Response:
    page = cut(newest_first, window(query))
    cursor = msgspec.json.encode(page.cursor)
    count = b"%d" % len(newest_first)
    return json_bytes(b'{"items":' + page.array() + b',"endCursor":' + cursor + b',"count":' + count + b"}")


def _linked(newest_first: Iterable[Entry[Any]], request: Request) -> Response:
    query = request.query_params
    page: Page = cut(newest_first, window(query))
    response = json_bytes(page.array())
    link = link_header(request.url.path, page, before=query.get("before"))
    if link is not None:
        response.headers["Link"] = link
    return response


def _listed_pipelines(newest_first: Iterable[SimPipeline], query: QueryParams) -> Response:
    return _listed([found.entry for found in newest_first if _matches(found, query)], query)


def _matches(found: SimPipeline, query: QueryParams) -> bool:
    if found.internal and is_true(query, "exclude_internal"):
        return False
    return query.get("kind", found.body.kind) == found.body.kind and _named_and_tagged(found.body, query)


def _named_and_tagged(body: Pipeline | CoreInstance, query: QueryParams) -> bool:
    wanted = [tag.strip() for tag in query.get("tags_query", "").split(" AND ") if tag.strip()]
    return query.get("name", body.name) == body.name and set(wanted) <= set(body.tags or ())


def _pipelines_per_instance(world: World, query: QueryParams) -> dict[str, int]:
    counts: dict[str, int] = {}
    for found in world.pipelines():
        if not (found.internal and is_true(query, "exclude_internal")):
            counts[found.instance_id] = counts.get(found.instance_id, 0) + 1
    return counts


def _with_count(entry: Entry[CoreInstance], count: int) -> Entry[CoreInstance]:
    return Entry(entry.seq, msgspec.structs.replace(entry.body, pipelines_count=count))


def _searchable(world: World, resource: str) -> Iterator[SearchResult]:
    if resource == "pipeline":
        return (SearchResult(found.body.id, found.body.name) for found in world.pipelines())
    if resource == "core_instance":
        return (SearchResult(entry.body.id, entry.body.name) for entry in world.core_instances())
    raise BadArgument("invalid resource")
