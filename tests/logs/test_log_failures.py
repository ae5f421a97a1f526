"""The last lines of failures as the pipeline's page shows them: panics whole, colours gone, all kept after a storm."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from exporter.demo.feldera.world import World
from tests.e2e.harness import Exporter, app_of, exporting, serving
from tests.logs.running import LOGS, stamped, up, world_of

PANIC = "thread 'dbsp-worker-0' panicked at src/a.rs:1:1:"


@asynccontextmanager
async def followed() -> AsyncIterator[tuple[World, Exporter]]:
    """A pipeline whose log is followed, and the exporter that does so."""
    world = world_of("orders")
    async with serving(app_of(world)) as url, exporting(url, config=LOGS) as running:
        await up(running, 1)
        yield world, running


async def until_shown(world: World, running: Exporter, condition: Callable[[str], bool]) -> str:
    """The pipeline's page once it is as wanted."""
    end = time.monotonic() + 20
    while not condition(page := (await running.get(f"/pipelines/prod/pipeline-{world.find('orders').id}")).text):
        assert time.monotonic() < end, page
        await asyncio.sleep(0.1)
    return page


async def test_a_panic_and_its_message_in_two_reads() -> None:
    """A panic is shown at once, and with its message as soon as that comes."""
    async with followed() as (world, running):
        world.log("orders", PANIC)
        await until_shown(world, running, lambda page: "src/a.rs:1:1:" in page)
        world.log("orders", "index out of bounds", "stack backtrace:")
        page = await until_shown(world, running, lambda page: "src/a.rs:1:1: index out of bounds" in page)
        assert page.count("src/a.rs:1:1:") == 1
        assert "backtrace" not in page


async def test_after_a_storm_the_last_lines_are_shown() -> None:
    """Hundreds of errors in a moment: a few at a time are looked at, and in the end the last twenty are there."""
    async with followed() as (world, running):
        world.log("orders", *[stamped("ERROR", "orders", f"storm {number};") for number in range(500)])
        wanted = [f"storm {number};" for number in range(480, 500)]
        page = await until_shown(world, running, lambda page: wanted[0] in page and wanted[-1] in page)
        assert sorted(set(re.findall(r"storm \d+;", page))) == wanted


async def test_a_line_in_json_is_shown_as_text() -> None:
    """With its other fields, without the colours that were within its strings, and without what they hid."""
    fields = {"message": "connect failed \x1b[3mpassword\x1b[0m=hunter2", "error": "broker down", "line": 17}
    async with followed() as (world, running):
        world.log("orders", json.dumps({"level": "ERROR", "target": "dbsp", "fields": fields}))
        page = await until_shown(world, running, lambda page: "connect failed" in page)
        assert "hunter2" not in page
        assert "connect failed password=&lt;redacted&gt; error=&#34;broker down&#34; line=17" in page
