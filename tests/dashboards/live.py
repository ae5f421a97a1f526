"""Where the boards are tried: two replicas of the exporter on simulated control planes, Prometheus, and the rules.

One replica has ``status_series: dense``, the other ``sparse``: what the boards show must not depend on which is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from tests.dashboards.boards import ROOT, Asked, filled
from tests.dashboards.feed import Feed, feeding, pipelines_on
from tests.e2e.processes import _free_port, after, exporter, process, simulated

CONFIG = """
sources:
  - {{name: f, type: feldera, url: '{feldera}', poll_interval: 500ms, logs: {{include: ['.*']}}}}
  - name: c
    type: calyptia
    url: '{calyptia}'
    project_token: '{token}'
    poll_interval: 500ms
    traces: {{include: ['.*']}}
metrics: {{status_series: {series}}}
alerting: {{alertmanagers: [{{url: 'http://{feed}'}}]}}
"""

OF_THE_TARGET = {"namespace": "monitoring", "container": "exporter", "service": "pipeline-exporter"}
"""What an operator adds to all series of a target; no board may show it."""

RULES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
LOOK_BACK = 30
STEP = 2


class Question(NamedTuple):
    """A query, and the instances that are chosen."""

    asked: Asked
    instance: str


class Setting(NamedTuple):
    """What a test asks: Prometheus, and the control planes to make things happen on."""

    prometheus: httpx.AsyncClient
    feldera: httpx.AsyncClient
    calyptia: httpx.AsyncClient
    dense: str
    sparse: str
    pipelines: int
    of_feldera: int


def at_test_speed(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as they are, but evaluated every second and without a wait before an alert."""
    groups = [
        group | {"interval": "1s", "rules": [{k: v for k, v in rule.items() if k != "for"} for rule in group["rules"]]}
        for group in rules["groups"]
    ]
    return {"groups": groups}


def places(instance: str = ".+", *, job: str = "(pipeline-exporter)") -> dict[str, str]:
    """What Grafana would fill in for a short time range, with one instance chosen or all."""
    return {
        "$__rate_interval": "10s",
        "$__interval": f"{STEP}s",
        "$__range": f"{LOOK_BACK}s",
        "$__from": str(round((time.time() - 6 * 3600) * 1000)),
        "$job": job,
        "$instance": instance,
        "$source": "(f|c)",
        "$pipeline_name": ".+",
    }


async def has_data(prometheus: httpx.AsyncClient, asked: Asked, instance: str) -> bool:
    """Whether a query answers with a number, asked as its panel would ask."""
    parameters: dict[str, str | float] = {"query": filled(asked.expr, places(instance))}
    path = "/api/v1/query"
    if not asked.instant:
        now = time.time()
        path, parameters = "/api/v1/query_range", parameters | {"start": now - LOOK_BACK, "end": now, "step": STEP}
    answer = (await prometheus.get(path, params=parameters)).json()
    assert answer["status"] == "success", (asked, answer)
    samples = [s for r in answer["data"]["result"] for s in r.get("values", [r.get("value")])]
    return any(number != "NaN" for _, number in samples)


async def answered_now(prometheus: httpx.AsyncClient, expr: str) -> list[dict[str, Any]]:
    """The series of an instant query."""
    answer = (await prometheus.get("/api/v1/query", params={"query": expr})).json()
    assert answer["status"] == "success", (expr, answer)
    return answer["data"]["result"]  # type: ignore[no-any-return]


async def unanswered(setting: Setting, questions: list[Question], seconds: float) -> list[Question]:
    """The questions that have had no answer when the time is over; each is asked until it has one."""
    end, left, limit = time.monotonic() + seconds, questions, asyncio.Semaphore(8)

    async def answered(question: Question) -> bool:
        async with limit:
            return await has_data(setting.prometheus, *question)

    while left and time.monotonic() < end:
        found = await asyncio.gather(*map(answered, left))
        left = [question for question, answer in zip(left, found, strict=True) if not answer]
        await asyncio.sleep(1 if left else 0)
    return left


@contextlib.asynccontextmanager
async def setting(folder: Path, prometheus: str) -> AsyncIterator[Setting]:
    """Everything running, each pipeline known to both replicas."""
    async with contextlib.AsyncExitStack() as stack:
        feed = stack.enter_context(feeding())
        urls = [await stack.enter_async_context(simulated(kind, pipelines=12)) for kind in ("feldera", "calyptia")]
        feldera, calyptia = [await stack.enter_async_context(httpx.AsyncClient(base_url=url)) for url in urls]
        token = (await calyptia.get("/demo/facts")).json()["projectToken"]
        hosts = []
        for series in ("dense", "sparse"):
            path = folder / f"{series}.yml"
            path.write_text(
                CONFIG.format(feldera=urls[0], calyptia=urls[1], token=token, series=series, feed=feed.address)
            )
            address, _ = await stack.enter_async_context(exporter(path))
            hosts.append(address.removeprefix("http://").partition("/")[0])
        for host in hosts:
            feed.pipelines = pipelines_on(await _full_page(host))
        client = await stack.enter_async_context(_prometheus(prometheus, folder, hosts, feed))
        of_feldera = sum(pipeline.kind == "feldera" for pipeline in feed.pipelines)
        yield Setting(client, feldera, calyptia, *hosts, len(feed.pipelines), of_feldera)


async def _full_page(host: str) -> str:
    """A replica's page once it has read both control planes."""
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            page = (await client.get(f"http://{host}/metrics")).text
            if {p.kind for p in pipelines_on(page)} == {"feldera", "calyptia"}:
                return page
            await asyncio.sleep(0.1)
    raise AssertionError("no pipelines after 30 s")


@contextlib.asynccontextmanager
async def _prometheus(path: str, folder: Path, hosts: list[str], feed: Feed) -> AsyncIterator[httpx.AsyncClient]:
    for rules in RULES:
        loaded = at_test_speed(yaml.safe_load(rules.read_text(encoding="utf-8")))
        (folder / rules.name).write_text(yaml.safe_dump(loaded))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["*.rules.yml"],
        "scrape_configs": [
            {"job_name": "pipeline-exporter", "static_configs": [{"targets": hosts, "labels": OF_THE_TARGET}]},
            {"job_name": "feldera", "metrics_path": "/feldera", "static_configs": [{"targets": [feed.address]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = _free_port()
    arguments = (
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    async with (
        process(*arguments, ready=after("Server is ready to receive web requests")),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield client
