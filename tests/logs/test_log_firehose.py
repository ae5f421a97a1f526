"""A pipeline that logs without measure takes nothing from the others: neither their polls, nor memory, nor a count."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil

from tests.e2e.harness import Exporter, Page
from tests.e2e.processes import CONFIG, exporter, simulated

SECONDS = 8
POLL_SECONDS = 0.5  # as in CONFIG
GROWTH = 80 * 2**20


async def test_a_firehose(tmp_path: Path) -> None:
    """100,000 lines a second: polls go on, memory stays, and each line is counted or counted as lost."""
    config = tmp_path / "config.yml"
    async with simulated(pipelines=3) as url, httpx.AsyncClient(base_url=url, timeout=20) as feldera:
        config.write_text(CONFIG.format(url=url) + "    logs: {include: ['hose']}\n")
        async with exporter(config) as (address, process):
            running, memory = Exporter(address.removesuffix("/metrics")), psutil.Process(process.pid)
            await running.polls(1)
            await act(feldera, "create")
            await running.until(lambda page: page.value("pipeline_log_stream_up") == 1, seconds=40)
            before, polls = memory.memory_info().rss, await polls_of(running)
            most = before
            await act(feldera, "firehose", lines_per_second=100_000)
            for _ in range(SECONDS * 4):
                await asyncio.sleep(0.25)
                most = max(most, memory.memory_info().rss)
            polls = await polls_of(running) - polls
            await act(feldera, "firehose", lines_per_second=0)
            written = await written_by(feldera)
            page = await running.until(lambda page: told(page) >= written)
            await running.aclose()
    assert told(page) == written
    assert (page.value("pipeline_log_lines_total") or 0) > 100_000
    assert polls >= SECONDS / POLL_SECONDS / 2
    assert most - before < GROWTH


def told(page: Page) -> float:
    """Lines counted, or counted as lost."""
    return sum(page.value(f"pipeline_log_{name}_total") or 0 for name in ("lines", "lines_lost"))


async def polls_of(running: Exporter) -> float:
    """How many there were."""
    labels = {"source": "prod", "task": "poll"}
    return (await running.page()).value("pipeline_exporter_task_duration_seconds_count", **labels) or 0.0


async def act(feldera: httpx.AsyncClient, action: str, **arguments: float) -> None:
    """Do something to the pipeline."""
    (await feldera.post(f"/demo/pipelines/hose/{action}", json=arguments)).raise_for_status()


async def written_by(feldera: httpx.AsyncClient) -> int:
    """The number of the last line, by the server's own count."""
    await asyncio.sleep(1)
    async with feldera.stream("GET", "/v0/pipelines/hose/logs", params={"cursor": ""}) as answer:
        lines, pieces = int(answer.headers["feldera-logs-seq"]), answer.aiter_raw()
        while True:
            try:
                lines += (await asyncio.wait_for(anext(pieces), 1)).count(b"\n")
            except TimeoutError:
                return lines
