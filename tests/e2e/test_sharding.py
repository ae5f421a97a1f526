"""Several processes that share the pipelines, and two that serve the same ones, as one Prometheus sees them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.e2e.processes import CONFIG, command, exporter, prometheus, simulated

PIPELINES = 60
SHARDS = 3


def pipelines_on(page: str) -> set[str]:
    """The identities of the pipelines on a page."""
    return set(re.findall(r'^pipeline_info\{[^\n]*?pipeline="([^"]+)"', page, re.M))


async def settled(client: httpx.AsyncClient, query: str, value: float) -> None:
    """Wait until a query has this one value."""
    found: object = None
    for _ in range(200):
        answer = await client.get("/api/v1/query", params={"query": query})
        found = [float(sample["value"][1]) for sample in answer.json()["data"]["result"]]
        if found == [value]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{query} is {found} and not {value}")


def hosts(urls: list[str]) -> str:
    """Addresses as the helper puts them into a list of targets."""
    return "','".join(urlsplit(url).netloc for url in urls)


async def test_shards_are_the_whole_and_never_overlap(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Three processes serve each pipeline once; with one more, a pipeline moves only to the new one."""
    config = tmp_path / "config.yml"
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulated(pipelines=PIPELINES))
        config.write_text(CONFIG.format(url=url))
        arguments = [(f"--shard.index={index}", f"--shard.total={SHARDS}") for index in range(SHARDS)]
        urls = [(await stack.enter_async_context(exporter(config, *some)))[0] for some in arguments]
        client = await stack.enter_async_context(prometheus(tool("prometheus"), tmp_path, hosts(urls)))
        await settled(client, "count(pipeline_info)", PIPELINES)
        await settled(client, "max(count by (pipeline) (pipeline_info))", 1)
        await settled(client, "count(count by (instance) (pipeline_info))", SHARDS)
        await settled(client, "sum(pipeline_exporter_source_pipelines)", PIPELINES)
        await settled(client, 'count(count_values("shard", pipeline_exporter_shard_index))', SHARDS)
        await settled(client, "max(pipeline_exporter_shards)", SHARDS)
        before = [pipelines_on(httpx.get(one).text) for one in urls]
        config.write_text(f"{config.read_text()}sharding: {{total: {SHARDS + 1}}}\n")
        after = [pipelines_on(once(config, f"exporter-{index}")) for index in range(SHARDS + 1)]
        assert sum(map(len, after)) == PIPELINES
        by_hand = command("once", f"--config.file={config}", "--shard.index=2", f"--shard.total={SHARDS + 1}")
        assert pipelines_on(by_hand.stdout) == after[2]
        assert all(now < was for now, was in zip(after, before, strict=False))


def once(config: Path, pod: str) -> str:
    """The page of a process that takes its number from its pod's name."""
    done = command("once", f"--config.file={config}", POD_NAME=pod)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_two_of_the_same_are_counted_once(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Two exporters of one fleet give the same series, but for the instance."""
    config = tmp_path / "config.yml"
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulated(pipelines=PIPELINES))
        config.write_text(CONFIG.format(url=url))
        urls = [(await stack.enter_async_context(exporter(config)))[0] for _ in range(2)]
        client = await stack.enter_async_context(prometheus(tool("prometheus"), tmp_path, hosts(urls)))
        await settled(client, "count(pipeline_info)", 2 * PIPELINES)
        await settled(client, "count(max without (instance) (pipeline_info))", PIPELINES)
        await settled(client, "max(count by (pipeline, health) (pipeline_health))", 2)
        await settled(client, "max(stddev by (pipeline) (pipeline_last_event_timestamp_seconds))", 0)
