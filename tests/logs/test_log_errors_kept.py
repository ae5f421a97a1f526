"""The last lines of failures stay with their pipeline, whatever becomes of its stream, as long as the process lives."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from exporter.demo.feldera.world import World
from tests.e2e.harness import Exporter, app_of, serving
from tests.logs.running import counted, logging_exporter, stamped, up, with_both_protocols, world_of

LOADED = "pipeline_exporter_config_last_reload_success_timestamp_seconds"


async def test_lines_of_failures_outlive_their_stream(tmp_path: Path) -> None:
    """A new name, another config: the lines kept before are shown with those that come later, in both protocols."""
    folders = {True: tmp_path / "cursor", False: tmp_path / "replay"}
    for folder in folders.values():
        folder.mkdir()
    await with_both_protocols(lambda cursor: _lines_outlive_their_stream(cursor, folders[cursor]))


async def _lines_outlive_their_stream(cursor: bool, folder: Path) -> None:
    world = world_of("orders", cursor=cursor)
    async with serving(app_of(world)) as url, logging_exporter(url, folder) as (running, process):
        await up(running, 1)
        await fail(world, running, "orders", "boom0", "boom1")
        world.stop("orders")
        world.advance(world.now())
        world.clear("orders")
        world.advance(world.now())
        world.rename("orders", "sales")
        await running.until(lambda page: page.value("pipeline_log_stream_up", pipeline_name="sales") == 1)
        await fail(world, running, "sales", "boom2")
        assert await shown(world, running, "sales") == ["boom0", "boom1", "boom2"]
        config = folder / "config.yml"
        config.write_text(config.read_text().replace("['.*']}", "['.*'], max_streams: 7}"))
        loaded = (await running.page()).value(LOADED)
        process.process.send_signal(signal.SIGHUP)
        await running.until(lambda page: page.value(LOADED) != loaded)
        await running.polls(2)
        await up(running, 1)
        await fail(world, running, "sales", "boom3")
        assert await shown(world, running, "sales") == ["boom0", "boom1", "boom2", "boom3"]


async def fail(world: World, running: Exporter, name: str, *words: str) -> None:
    """Errors are logged, and counted."""
    page = await running.page()
    before = counted(page, world, name).get("error", 0)
    world.log(name, *[stamped("ERROR", name, word) for word in words])
    await running.until(lambda page: counted(page, world, name).get("error", 0) == before + len(words))


async def shown(world: World, running: Exporter, name: str) -> list[str]:
    """What the pipeline's page shows of them."""
    page = await running.get(f"/pipelines/prod/pipeline-{world.find(name).id}")
    return sorted(set(re.findall(r"boom\d", page.text)))
