"""A quiet simulated control plane in a process of its own: ``python -m benchmarks.simulator KIND PIPELINES SECONDS``.

Prints a line of JSON: the config keys that open it. ``SECONDS`` is how much past it has.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp

from exporter.demo import calyptia
from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.story import play
from exporter.demo.feldera.world import World
from exporter.web.server import Server, listen, url_of

Simulated = tuple[ASGIApp, dict[str, Any]]


def feldera(pipelines: int, seconds: float) -> Simulated:
    """A Feldera in which nothing moves: not even a sign of life every ten minutes."""
    world = World()
    play(world, pipelines, seconds, lively=False)
    world.freeze_runner(True)
    return create_app(world), {}


def core(pipelines: int, seconds: float) -> Simulated:
    """A Calyptia Core in which nothing moves."""
    world = calyptia.World()
    calyptia.play(world, pipelines, seconds, lively=False)
    return calyptia.create_app(world), {"project_token": world.project_token}


KINDS: dict[str, Callable[[int, float], Simulated]] = {"feldera": feldera, "calyptia": core}


def main() -> None:
    """Play the fleet's past, print the keys, serve until ended."""
    kind, pipelines, seconds = sys.argv[1:]
    app, keys = KINDS[kind](int(pipelines), float(seconds))
    sock = listen("127.0.0.1:0")
    print(json.dumps({"type": kind, "url": url_of(sock), **keys}), flush=True)
    asyncio.run(Server(app).serve([sock]))


main()
