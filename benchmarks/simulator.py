"""A quiet simulated Feldera in a process of its own: ``python -m benchmarks.simulator PIPELINES``."""

from __future__ import annotations

import asyncio
import sys

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.story import play
from exporter.demo.feldera.world import World
from exporter.web.server import Server, listen, url_of


def main() -> None:
    """Play the fleet's past, print the address, serve until ended."""
    world = World()
    play(world, int(sys.argv[1]), lively=False)
    world.freeze_runner(True)  # nothing moves: not even a sign of life every ten minutes
    sock = listen("127.0.0.1:0")
    print(url_of(sock), flush=True)
    asyncio.run(Server(create_app(world)).serve([sock]))


main()
