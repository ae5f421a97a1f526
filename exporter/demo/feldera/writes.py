"""The endpoints that change pipelines, as the real API has them."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.demo.feldera import wire
from exporter.demo.feldera.answers import Handler, empty, json
from exporter.demo.feldera.errors import invalid_body, restricted
from exporter.demo.feldera.world import World

_INITIAL = {"running": "Running", "paused": "Paused", "standby": "Standby"}
_COLUMNS = (
    "name", "description", "tags", "program_code", "udf_rust", "udf_toml", "program_config", "runtime_config",
)  # fmt: skip


class Writes:
    """The handlers, over one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Where each handler answers."""
        pipeline = "/v0/pipelines/{name}"
        actions: dict[str, Handler] = {
            "start": self.start, "stop": self.stop, "pause": self.pause, "resume": self.resume,
            "activate": self.resume, "dismiss_error": self.dismiss_error, "clear": self.clear,
            "approve": self.approve,
        }  # fmt: skip
        return [
            Route("/v0/pipelines", self.create, methods=["POST"]),
            Route(pipeline, self.replace, methods=["PUT"]),
            Route(pipeline, self.update, methods=["PATCH"]),
            Route(pipeline, self.delete, methods=["DELETE"]),
            *[Route(f"{pipeline}/{name}", handler, methods=["POST"]) for name, handler in actions.items()],
        ]

    async def create(self, request: Request) -> Response:
        """POST: a new pipeline."""
        return self._created(request, _columns(await request.body()))

    async def replace(self, request: Request) -> Response:
        """PUT: a new pipeline, or the same one with these fields."""
        columns = _columns(await request.body())
        name = request.path_params["name"]
        if not self._world.ledger.has(name):
            return self._created(request, columns)
        self._world.edit(name, **columns)
        return self._shown(request, str(columns.get("name", name)), 200)

    async def update(self, request: Request) -> Response:
        """PATCH: the fields given."""
        columns = _columns(await request.body())
        name = request.path_params["name"]
        self._world.edit(name, **columns)
        return self._shown(request, str(columns.get("name", name)), 200)

    async def delete(self, request: Request) -> Response:
        """DELETE: the pipeline, if it is stopped and cleared."""
        self._world.delete(request.path_params["name"])
        return empty(200)

    async def start(self, request: Request) -> Response:
        """Deploy."""
        query = request.query_params
        initial = _INITIAL.get(query.get("initial", "running"))
        if initial is None:
            raise restricted("InvalidInitialStatus", "initial is one of running, paused, standby")
        dismiss = query.get("dismiss_error", "true") == "true"
        name, policy = request.path_params["name"], query.get("bootstrap_policy")
        self._world.start(name, initial=initial, policy=policy, dismiss_error=dismiss)
        return empty(202)

    async def stop(self, request: Request) -> Response:
        """Stop, after a checkpoint unless forced."""
        force = request.query_params.get("force", "false") == "true"
        self._world.stop(request.path_params["name"], force=force)
        return empty(202)

    async def pause(self, request: Request) -> Response:
        """Pause."""
        self._world.pause(request.path_params["name"])
        return empty(202)

    async def resume(self, request: Request) -> Response:
        """Resume."""
        self._world.resume(request.path_params["name"])
        return empty(202)

    async def dismiss_error(self, request: Request) -> Response:
        """Dismiss the deployment error."""
        self._world.dismiss_error(request.path_params["name"])
        return empty(200)

    async def clear(self, request: Request) -> Response:
        """Clear the storage."""
        self._world.clear(request.path_params["name"])
        return empty(202)

    async def approve(self, request: Request) -> Response:
        """Approve the changes a pipeline waits with."""
        self._world.approve(request.path_params["name"])
        return json(request, "Bootstrap approved")

    def _created(self, request: Request, columns: dict[str, Any]) -> Response:
        if not {"name", "program_code"} <= columns.keys():
            raise invalid_body("missing field `name` or `program_code`")
        name = str(columns.pop("name"))
        self._world.create(name, **columns)
        return self._shown(request, name, 201)

    def _shown(self, request: Request, name: str, status: int) -> Response:
        return json(request, wire.pipeline(self._world.find(name), "all"), status)


def _columns(body: bytes) -> dict[str, Any]:
    """The known fields of a JSON body that are not null."""
    try:
        given = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise invalid_body(str(error)) from error
    columns = {name: given[name] for name in _COLUMNS if given.get(name) is not None}
    return columns | ({"tags": tuple(columns["tags"])} if "tags" in columns else {})
