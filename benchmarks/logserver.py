"""A simulated Feldera whose pipelines log at a steady rate: ``python -m benchmarks.logserver PIPELINES``.

Prints its address. ``POST /bench/rate?lines=500`` sets how many lines each pipeline logs a second, in steps of a tenth
of a second; ``GET /bench/written`` tells how many there were.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import cycle

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.identity import rfc3339_micros
from exporter.demo.feldera.world import World
from exporter.web.server import Server, listen, url_of

_STEP_SECONDS = 0.1
_LEVELS = cycle((" INFO", " INFO", "DEBUG", " WARN", " INFO", " INFO", "ERROR", " INFO"))


class Hose:
    """Lets all pipelines of a world log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rate = 0
        self.written = 0

    async def run(self) -> None:
        """For ever; what a late step missed the next one makes up for."""
        due, before = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            now = time.monotonic()
            due, before = due + (now - before) * self._rate, now
            lines, due = int(due), due - int(due)
            if self._rate and lines:
                self._write(lines)

    def _write(self, count: int) -> None:
        for row in self._world.rows():
            stamp = rfc3339_micros(time.time_ns() // 1000)
            head = f"[{row.name}] {stamp} {next(_LEVELS)} dbsp_adapters::controller: flushed batch "
            self._world.logbook.of(row).append([f"{head}{number}\n".encode() for number in range(count)])
            self.written += count

    async def rate(self, request: Request) -> Response:
        """Take a new rate; 0 is silence."""
        self._rate = int(request.query_params["lines"])
        return PlainTextResponse("")

    async def total(self, _: Request) -> Response:
        """Lines written so far."""
        return PlainTextResponse(str(self.written))


async def serve(pipelines: int) -> None:
    """Make the pipelines, print the address, serve until ended."""
    world = World(delays=Delays.none())
    for number in range(pipelines):
        world.create(f"pipeline-{number}")
        world.start(f"pipeline-{number}")
    world.advance(world.now())
    world.freeze_runner(True)
    hose, app, sock = Hose(world), create_app(world), listen("127.0.0.1:0")
    app.router.routes += [
        Route("/bench/rate", hose.rate, methods=["POST"]), Route("/bench/written", hose.total, methods=["GET"])
    ]  # fmt: skip
    print(url_of(sock), flush=True)
    flowing = asyncio.create_task(hose.run())
    await Server(app).serve([sock])
    flowing.cancel()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
