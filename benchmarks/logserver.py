"""A simulated Feldera whose pipelines log at a steady rate: ``python -m benchmarks.logserver PIPELINES``.

Prints its address. ``POST /bench/rate?lines=500&errors=2`` sets how many lines each pipeline logs a second, in steps
of a tenth of a second, and how many of a hundred tell of an error; ``GET /bench/written`` tells how many lines there
were.
"""

from __future__ import annotations

import asyncio
import sys
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.loglines import messages
from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.identity import rfc3339_micros
from exporter.demo.feldera.world import World
from exporter.web.server import Server, listen, url_of

_STEP_SECONDS = 0.1


class Hose:
    """Lets all pipelines of a world log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rate = 0
        self._messages = messages(errors=0)
        self._steps = 0
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
        """The next lines of every pipeline; each pipeline is at another place among the messages."""
        self._steps += count
        for place, row in enumerate(self._world.rows(), self._steps):
            head = f"[{row.name}] {rfc3339_micros(time.time_ns() // 1000)} ".encode()
            said = (self._messages[number % 100] for number in range(place, place + count))
            self._world.logbook.of(row).append([b"%b%b%d\n" % (head, one, number) for number, one in enumerate(said)])
            self.written += count

    async def rate(self, request: Request) -> Response:
        """Take a new rate and share of errors; 0 lines are silence."""
        self._rate = int(request.query_params["lines"])
        self._messages = messages(errors=int(request.query_params["errors"]))
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
