"""A real Prometheus scrapes the exporter on a simulated Feldera in another process, and PromQL answers."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.e2e.processes import CONFIG, exporter, prometheus, simulated

Result = list[dict[str, object]]


async def ask(client: httpx.AsyncClient, query: str, *, until: Callable[[Result], bool] = bool) -> Result:
    """The answer of a query, as soon as it is as wished."""
    end = time.monotonic() + 30
    while True:
        answer = (await client.get("/api/v1/query", params={"query": query})).json()
        assert answer["status"] == "success", answer
        if until(answer["data"]["result"]):
            return answer["data"]["result"]  # type: ignore[no-any-return]
        assert time.monotonic() < end, (query, answer)
        await asyncio.sleep(0.3)


def value(result: Result) -> float:
    """The value of a single sample."""
    return float(result[0]["value"][1])  # type: ignore[index]


async def test_prometheus_answers_what_an_operator_asks(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """How many pipelines fail, since when, and what happened: before and after a failure that the scrape missed."""
    path = tmp_path / "config.yml"
    async with simulated(pipelines=12) as url:
        path.write_text(CONFIG.format(url=url))
        async with (
            exporter(path) as (address, _),
            prometheus(tool("prometheus"), tmp_path, address.removeprefix("http://").split("/")[0]) as client,
            httpx.AsyncClient(base_url=url) as feldera,
        ):
            await ask(client, 'up{job="pipeline-exporter"} == 1')
            assert value(await ask(client, "count(pipeline_info)")) == 12
            healthy = 'pipeline_health{health="healthy"} == 1'
            victim = (await ask(client, healthy))[0]["metric"]["pipeline_name"]  # type: ignore[index]
            failing = value(await ask(client, "count(pipeline_deployment_has_error == 1) or vector(0)"))
            await asyncio.sleep(2)

            begin = time.time()
            failure = {"error_code": "RuntimeError.WorkerPanic", "message": "boom"}
            (await feldera.post(f"/demo/pipelines/{victim}/fail", json=failure)).raise_for_status()
            name = f'pipeline_name="{victim}"'
            await ask(client, f"pipeline_deployment_has_error{{{name}}} == 1")
            now_failing = value(await ask(client, "count(pipeline_deployment_has_error == 1)"))
            assert now_failing >= failing + 1 or failing > 1  # others may have recovered meanwhile
            since = await ask(client, f'pipeline_status_since_timestamp_seconds{{dimension="resources",{name}}}')
            assert begin - 1 <= value(since) <= time.time()
            await ask(client, f'pipeline_deployment_error_info{{error_code="RuntimeError.WorkerPanic",{name}}}')
            query = f'increase(pipeline_status_transitions_total{{to="Stopping",{name}}}[1m]) > 0'
            await ask(client, query)
            await ask(client, f"increase(pipeline_deployment_failures_total{{{name}}}[1m]) > 0")
            targets = (await client.get("/api/v1/targets")).json()["data"]["activeTargets"]
            assert [target["lastError"] for target in targets] == [""]


async def test_promtool_finds_nothing_to_mend(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """The page of a lively fleet passes Prometheus' own linter, in the text format."""
    promtool = tool("promtool")
    path = tmp_path / "config.yml"
    async with simulated(pipelines=24) as url, httpx.AsyncClient() as client:
        path.write_text(CONFIG.format(url=url))
        async with exporter(path) as (address, _):
            page = ""
            while "pipeline_last_event_timestamp_seconds" not in page:
                page = (await client.get(address)).text
    found = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
