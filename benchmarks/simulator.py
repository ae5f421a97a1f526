"""A quiet simulated control plane in a process of its own: ``python -m benchmarks.simulator KIND PIPELINES SECONDS``.

Prints a line of JSON: the config keys that open it. ``SECONDS`` is how much past it has. Nothing moves but what is
asked for: ``POST /bench/change/N`` changes the status of N pipelines, evenly spread over the fleet, and changes them
back the next time; ``POST /bench/fail/N`` lets N deployments fail, for good.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from exporter.demo import calyptia
from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.story import play
from exporter.demo.feldera.world import World
from exporter.web.server import Server, listen, url_of


class Fleet(Protocol):
    """A simulated control plane whose pipelines can be changed; all run and are healthy at first."""

    app: ASGIApp
    keys: dict[str, Any]
    names: Sequence[str]

    def change(self, name: str, *, back: bool) -> None:
        """Let a pipeline be other than healthy, or healthy again."""

    def fail(self, name: str) -> None:
        """Let the deployment of a pipeline fail."""


class Feldera:
    """A Feldera in which nothing moves: not even a sign of life every ten minutes."""

    def __init__(self, pipelines: int, seconds: float) -> None:
        self._world = World()
        play(self._world, pipelines, seconds, lively=False)
        self._world.freeze_runner(True)
        self.app: ASGIApp = create_app(self._world)
        self.keys: dict[str, Any] = {}
        self.names = [row.name for row in self._world.rows()]

    def change(self, name: str, *, back: bool) -> None:
        """The process cannot be reached, or can again."""
        (self._world.reachable if back else self._world.unavailable)(name)

    def fail(self, name: str) -> None:
        """The process panics."""
        self._world.fail(name)


class Core:
    """A Calyptia Core in which nothing moves."""

    def __init__(self, pipelines: int, seconds: float) -> None:
        self._world = calyptia.World()
        calyptia.play(self._world, pipelines, seconds, lively=False)
        self.app: ASGIApp = calyptia.create_app(self._world)
        self.keys = {"project_token": self._world.project_token}
        self.names = [found.body.name for found in self._world.pipelines()]

    def change(self, name: str, *, back: bool) -> None:
        """The pipeline is scaled, or has been."""
        self._world.report(name, "STARTED" if back else "SCALING")

    def fail(self, name: str) -> None:
        """The pipeline fails."""
        self._world.report(name, "FAILED")


KINDS: dict[str, Callable[[int, float], Fleet]] = {"feldera": Feldera, "calyptia": Core}


class Control:
    """What a benchmark asks of the fleet; the answer is how many pipelines are not healthy now."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._changed: set[str] = set()
        self._failed: set[str] = set()

    def app(self) -> Starlette:
        """The simulated control plane with the benchmark's own endpoints before it."""
        routes = [
            Route("/bench/change/{count:int}", self._change, methods=["POST"]),
            Route("/bench/fail/{count:int}", self._fail, methods=["POST"]),
            Mount("/", self._fleet.app),
        ]
        return Starlette(routes=routes)

    async def _change(self, request: Request) -> Response:
        chosen = set(_spread(self._fleet.names, request.path_params["count"]))
        for name in chosen:
            self._fleet.change(name, back=name in self._changed)
        self._changed ^= chosen
        return self._told()

    async def _fail(self, request: Request) -> Response:
        for name in _spread(self._fleet.names, request.path_params["count"]):
            self._fleet.fail(name)
            self._failed.add(name)
        return self._told()

    def _told(self) -> Response:
        return JSONResponse({"not_healthy": len(self._changed | self._failed)})


def _spread(names: Sequence[str], count: int) -> list[str]:
    """So many of the names, evenly spread."""
    return [names[index * len(names) // count] for index in range(count)]


def main() -> None:
    """Play the fleet's past, print the keys, serve until ended."""
    kind, pipelines, seconds = sys.argv[1:]
    gc.disable()
    fleet = KINDS[kind](int(pipelines), float(seconds))
    gc.freeze()
    gc.enable()
    sock = listen("127.0.0.1:0")
    print(json.dumps({"type": kind, "url": url_of(sock), **fleet.keys}), flush=True)
    asyncio.run(Server(Control(fleet).app()).serve([sock]))


if __name__ == "__main__":
    main()
