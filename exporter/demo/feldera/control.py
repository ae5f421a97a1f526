"""The simulator's own endpoints under `/demo`, by which a test steers a world in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.demo.feldera.answers import json
from exporter.demo.feldera.errors import SimulatedError, invalid_body
from exporter.demo.feldera.journal import Counts
from exporter.demo.feldera.world import World

_PIPELINE_ACTIONS = frozenset(
    {
        "create", "compile", "start", "stop", "pause", "resume", "await_approval", "approve", "dismiss_error",
        "clear", "rename", "edit", "delete", "recreate", "fail", "fail_early", "unavailable", "reachable",
        "runtime", "connector_errors", "heartbeat", "log", "firehose",
    }
)  # fmt: skip
_WORLD_ACTIONS = frozenset({"service", "freeze_monitor", "freeze_runner", "restart_runner"})
_SWITCHES = frozenset({"events_api", "log_cursor", "database_down", "outage_status", "latency_seconds"})


class Control:
    """The handlers, over one world. Bodies are JSON objects of keyword arguments of the World's methods."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Where each handler answers."""
        return [
            Route("/demo/pipelines/{name}/{action}", self.pipeline, methods=["POST"]),
            Route("/demo/world/{action}", self.world, methods=["POST"]),
            Route("/demo/switches", self.switches, methods=["POST"]),
            Route("/demo/journal", self.journal, methods=["GET"]),
        ]

    async def pipeline(self, request: Request) -> Response:
        """Do something to a pipeline; `log` takes `{"lines": […]}`."""
        action, name = request.path_params["action"], request.path_params["name"]
        _check(action, _PIPELINE_ACTIONS)
        arguments = _arguments(await request.body())
        lines = [str(line) for line in arguments.pop("lines", [])]
        _call(getattr(self._world, action), [name, *lines], arguments)
        return json(request, {"now": self._world.now()})

    async def world(self, request: Request) -> Response:
        """Do something to the platform."""
        action = request.path_params["action"]
        _check(action, _WORLD_ACTIONS)
        _call(getattr(self._world, action), [], _arguments(await request.body()))
        return json(request, {"now": self._world.now()})

    async def switches(self, request: Request) -> Response:
        """Set plain attributes of the world."""
        for name, value in _arguments(await request.body()).items():
            _check(name, _SWITCHES)
            setattr(self._world, name, value)
        return json(request, {"now": self._world.now()})

    async def journal(self, request: Request) -> Response:
        """What happened to every pipeline since a time (seconds), by pipeline id."""
        since = float(request.query_params.get("since", "0"))
        journal = self._world.journal
        counted = {key: _counts(journal.names[key], journal.counts(key, since)) for key in journal.events}
        return json(request, {"enabled": journal.enabled, "now": self._world.now(), "pipelines": counted})


def _counts(name: str, counts: Counts) -> dict[str, Any]:
    transitions = [
        {"dimension": dimension, "to": to, "count": count}
        for (dimension, to), count in sorted(counts.transitions.items())
    ]
    return {"name": name, "events": counts.events, "failures": counts.failures, "transitions": transitions}


def _check(action: str, known: frozenset[str]) -> None:
    if action not in known:
        raise SimulatedError(404, "UnknownAction", f"{action!r} is none of {', '.join(sorted(known))}")


def _arguments(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise invalid_body(str(error)) from error


def _call(method: Callable[..., object], positional: list[str], arguments: dict[str, Any]) -> None:
    try:
        method(*positional, **arguments)
    except (TypeError, ValueError) as error:
        raise invalid_body(str(error)) from error
