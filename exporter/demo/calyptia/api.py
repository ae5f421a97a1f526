"""The simulated Cloud API as an ASGI application: routes, authentication, refusals, controls for tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import exporter.demo.calyptia.reads as reads
from exporter.demo.calyptia.controls import apply
from exporter.demo.calyptia.errors import BadArgument, Forbidden, Gone, InvalidToken, NotFound, Refusal
from exporter.demo.calyptia.reads import Read, json
from exporter.demo.calyptia.wire import ErrorBody
from exporter.demo.calyptia.world import World

FORBIDDEN_PARAMETERS = frozenset({"include", "config_format", "render_with_config_sections"})
"""Query parameters that fetch secrets or make the server parse configurations; no client may send them."""

READS: dict[str, Read] = {
    "/v1/projects/{id}": reads.project,
    "/v1/projects/{id}/core_instances": reads.core_instances,
    "/v1/projects/{id}/pipelines": reads.project_pipelines,
    "/v1/core_instances/{id}/pipelines": reads.instance_pipelines,
    "/v2/search": reads.search,
    "/v1/aggregator_pipelines/{id}": reads.pipeline,
    "/v1/aggregator_pipelines/{id}/status_history": reads.status_history,
    "/v1/pipelines/{id}/trace_sessions": reads.trace_sessions,
    "/v1/pipelines/{id}/trace_session": reads.active_trace_session,
    "/v1/trace_sessions/{id}": reads.trace_session,
    "/v1/trace_sessions/{id}/records": reads.trace_records,
}
"""The endpoints open to project and user tokens."""

Endpoint = Callable[[Request], Awaitable[Response]]
Check = Callable[[World, Request], None]


def create_app(world: World, *, require_token: bool = True) -> Starlette:
    """Serve the world: the read-only endpoints of the Cloud API, /healthz, and /demo/… for tests.

    Every request first lets happen what is due by the world's clock. Without `require_token` no token is
    asked for. What clients must not send (see FORBIDDEN_PARAMETERS, and every write) is noted in
    `world.forbidden_queries`.
    """
    member, user = (_check_member, _check_user) if require_token else (_open, _open)
    routes = [_route(world, path, read, member) for path, read in READS.items()]
    routes.append(_route(world, "/v1/projects", reads.projects, user))
    routes.append(_route(world, "/healthz", reads.healthz, _open))
    return Starlette(
        routes=[*routes, *_demo_routes(world)],
        exception_handlers={Refusal: _refusal, HTTPException: _not_routed(world)},
    )


def _route(world: World, path: str, read: Read, check: Check) -> Route:
    async def endpoint(request: Request) -> Response:
        world.advance()
        _note(world, request, path)
        check(world, request)
        return read(world, request)

    return Route(path, endpoint, methods=["GET"])


def _note(world: World, request: Request, path: str) -> None:
    world.requests[path] += 1
    if not FORBIDDEN_PARAMETERS.isdisjoint(request.query_params):
        world.forbidden_queries.append(f"{request.url.path}?{request.url.query}")


def _open(world: World, request: Request) -> None:
    """Let anyone in."""


def _check_member(world: World, request: Request) -> None:
    token = request.headers.get("X-Project-Token")
    if token is None:
        _check_bearer(world, request)
    elif token in world.gone_tokens:
        raise Gone("token gone")
    elif token != world.project_token:
        raise InvalidToken("invalid token")


def _check_user(world: World, request: Request) -> None:
    _check_member(world, request)
    if "X-Project-Token" in request.headers:
        raise Forbidden("permission denied")


def _check_bearer(world: World, request: Request) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token.strip() != world.user_token:
        raise InvalidToken("invalid token")


async def _refusal(request: Request, exc: Exception) -> Response:
    status = exc.status if isinstance(exc, Refusal) else 500
    return json(ErrorBody(str(exc)), status)


def _not_routed(world: World) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, exc: Exception) -> Response:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        if request.method not in ("GET", "HEAD"):
            world.forbidden_queries.append(f"{request.method} {request.url.path}")
        return json(ErrorBody("not found" if status == 404 else "method not allowed"), status)

    return handler


def _demo_routes(world: World) -> list[Route]:
    async def control(request: Request) -> Response:
        return json({"result": _apply(world, request.path_params["action"], await request.body())})

    async def journal(request: Request) -> Response:
        return json(_journal(world, request.query_params.get("since", "0")))

    async def facts(request: Request) -> Response:
        world.advance()
        return json(_facts(world))

    return [
        Route("/demo/journal", journal, methods=["GET"]),
        Route("/demo/facts", facts, methods=["GET"]),
        Route("/demo/{action}", control, methods=["POST"]),
    ]


def _apply(world: World, action: str, body: bytes) -> object:
    try:
        return apply(world, action, body)
    except KeyError as exc:
        raise NotFound("no such action") from exc
    except msgspec.DecodeError as exc:
        raise BadArgument(str(exc)) from exc


def _journal(world: World, since: str) -> dict[str, object]:
    if world.journal is None:
        raise NotFound("no journal is kept")
    try:
        start = float(since)
    except ValueError as exc:
        raise BadArgument("invalid since") from exc
    world.advance()
    return {"since": start, "now": world.now(), "pipelines": world.journal.counts(start)}


def _facts(world: World) -> dict[str, object]:
    return {
        "now": world.now(),
        "projectID": world.project_id,
        "projectToken": world.project_token,
        "userToken": world.user_token,
        "plantedSecret": world.planted_secret,
        "forbiddenQueries": world.forbidden_queries,
        "requests": world.requests,
        "coreInstances": {entry.body.name: entry.body.id for entry in world.core_instances()},
        "pipelines": {found.body.name: found.body.id for found in world.pipelines()},
    }
