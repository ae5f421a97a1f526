"""Logs across the life of processes: kill -9 under load, ``once``, another config."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

from tests.e2e.harness import app_of, serving
from tests.e2e.processes import command
from tests.logs.running import LOGS, counted, eventually, logging_exporter, stamped, up, with_both_protocols, world_of


async def test_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    """After each kill -9 under load the lines that count go on where they were; in the end each counted once."""
    folders = {True: tmp_path / "cursor", False: tmp_path / "replay"}
    for folder in folders.values():
        folder.mkdir()
    await with_both_protocols(lambda cursor: _kills_lose_nothing_and_count_nothing_twice(cursor, folders[cursor]))


async def _kills_lose_nothing_and_count_nothing_twice(cursor: bool, folder: Path) -> None:
    world = world_of("orders", "clicks", cursor=cursor)
    written: Counter[str] = Counter()
    stop = asyncio.Event()

    async def chatter() -> None:
        while not stop.is_set():
            for name in ("orders", "clicks"):
                lines = [stamped("WARN", name, f"line {written[name] + number}") for number in range(7)]
                world.log(name, *lines)
                written[name] += len(lines)
            await asyncio.sleep(0.02)

    highest: Counter[str] = Counter()
    async with serving(app_of(world)) as url:
        chatting: asyncio.Task[None] | None = None
        for _ in range(3):
            async with logging_exporter(url, folder) as (running, process):
                page = await up(running, 2)
                chatting = chatting or asyncio.create_task(chatter())
                for _ in range(8):
                    await asyncio.sleep(0.1)
                    page = await running.page()
                    for name in written:
                        value = int(counted(page, world, name).get("warn", 0))
                        assert highest[name] <= value <= written[name]
                        highest[name] = value
                process.process.send_signal(signal.SIGKILL)
                await process.process.wait()
        stop.set()
        assert chatting is not None
        await chatting
        async with logging_exporter(url, folder) as (running, _):
            expected = {name: float(count) for name, count in written.items()}
            await running.until(
                lambda page: all(counted(page, world, n).get("warn", 0) >= expected[n] for n in expected)
            )
            await asyncio.sleep(1.5)
            page = await running.page()
    assert {name: counted(page, world, name)["warn"] for name in expected} == expected
    assert page.value("pipeline_log_lines_lost_total") == 0
    assert min(written.values()) > 300, "too little happened to show anything"


async def test_once(tmp_path: Path) -> None:
    """``once`` works with logs in the config: nothing hangs, and nothing failed."""
    world = world_of("orders")
    config = tmp_path / "config.yml"
    async with serving(app_of(world)) as url:
        config.write_text(LOGS.format(url=url, stale_after="1m"))
        done = await asyncio.to_thread(command, "once", f"--config.file={config}")
    assert done.returncode == 0, done.stderr
    assert 'pipeline_exporter_source_up{source="prod"} 1' in done.stdout


async def test_a_reload_that_changes_what_is_followed(tmp_path: Path) -> None:
    """Another section ``logs`` takes effect at SIGHUP; who stays is counted on, whoever is left out has no stream."""
    world = world_of("orders", "clicks")
    async with serving(app_of(world)) as url, logging_exporter(url, tmp_path) as (running, process):
        await up(running, 2)
        world.log("orders", *[stamped("WARN", "orders", f"{number}") for number in range(25)])
        await running.until(lambda page: counted(page, world, "orders").get("warn") == 25)
        config = tmp_path / "config.yml"
        config.write_text(config.read_text().replace("'.*'", "'or.*'"))
        process.process.send_signal(signal.SIGHUP)
        await eventually(lambda: not world.logbook.of(world.find("clicks")).followers)
        world.log("orders", *[stamped("WARN", "orders", f"more {number}") for number in range(25)])
        page = await running.until(lambda page: counted(page, world, "orders").get("warn", 0) >= 50)
        assert counted(page, world, "orders")["warn"] == 50
        assert page.value("pipeline_log_stream_up", pipeline_name="clicks") is None
        config.write_text(config.read_text().replace("{include: ['or.*']}", "{include: ['or.*'], error_lines: 1001}"))
        process.process.send_signal(signal.SIGHUP)
        await running.until(lambda page: page.value("pipeline_exporter_config_last_reload_successful") == 0)
        await running.polls(2)
    said = [line for line in (await process.output()).splitlines() if "error_lines" in line]
    assert said
    assert "0 to 1000" in said[0]
