"""The Compose file's commands and configs at work, as processes instead of containers (Grafana excepted)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from tests.deploy import stack
from tests.deploy.composition import ROOT
from tests.deploy.stack import data_of, until

RULES = ROOT / "alerts" / "rules"


class Running(NamedTuple):
    """Clients of the programs that were started."""

    prometheus: httpx.AsyncClient
    alertmanager: httpx.AsyncClient


@contextlib.asynccontextmanager
async def running(folder: Path, tool: Callable[[str], str]) -> AsyncIterator[Running]:
    """All of them, each on the addresses of the others, scraping and evaluating every second."""
    async with contextlib.AsyncExitStack() as parts:
        feldera = await parts.enter_async_context(stack.simulator("feldera"))
        calyptia = await parts.enter_async_context(stack.simulator("calyptia"))
        silent = stack.config_file("alertmanager", folder, {"group_wait: 10s": "group_wait: 1s"})
        alertmanager = await parts.enter_async_context(
            stack.alertmanager(tool("prometheus-alertmanager"), silent, folder / "alertmanager")
        )
        alerts = alertmanager.base_url.netloc.decode()
        config = stack.config_file("exporter", folder, {
            "feldera:8080": feldera, "calyptia:8080": calyptia, "alertmanager:9093": alerts,
            "/var/lib/pipeline-exporter": str(folder),
        })  # fmt: skip
        exporter = await parts.enter_async_context(stack.exporter(config))
        port = stack.free_port()
        scraping = stack.config_file("prometheus", folder, {
            "exporter:10777": exporter, "alertmanager:9093": alerts, "localhost:9090": f"127.0.0.1:{port}",
            "/etc/prometheus/rules": str(RULES), "_interval: 15s": "_interval: 1s",
        })  # fmt: skip
        prometheus = await parts.enter_async_context(
            stack.prometheus(tool("prometheus"), scraping, folder / "prometheus", port)
        )
        yield Running(prometheus, alertmanager)


async def test_the_whole_chain(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Targets are up, control planes and logs are read, all rules are loaded; rules and bridge reach Alertmanager."""
    async with running(tmp_path, tool) as (prometheus, alertmanager):
        up = dict.fromkeys(("pipeline-exporter", "alertmanager", "prometheus"), ("up", ""))
        await until(lambda: targets(prometheus), lambda found: found == up)
        await until(lambda: sources_up(prometheus), lambda found: found == {"demo-feldera", "demo-calyptia"})
        await until(lambda: logs_read(prometheus), lambda found: found == {"demo-feldera"})
        assert await loaded(prometheus) == written()
        assert (await data_of(prometheus, "alertmanagers"))["activeAlertmanagers"] != []
        await until(lambda: watchdogs(alertmanager), lambda found: found == {("rules", "demo"), ("bridge", "demo")})
        assert [rule for rule in await rules(prometheus) if rule["health"] == "err"] == []


async def targets(prometheus: httpx.AsyncClient) -> dict[str, tuple[str, str]]:
    """Health and last error of the target of each job."""
    found = (await data_of(prometheus, "targets"))["activeTargets"]
    return {target["labels"]["job"]: (target["health"], target["lastError"]) for target in found}


async def sources_up(prometheus: httpx.AsyncClient) -> set[str]:
    """The sources whose last read worked."""
    found = await data_of(prometheus, "query", query="pipeline_exporter_source_up == 1")
    return {one["metric"]["source"] for one in found["result"]}


async def logs_read(prometheus: httpx.AsyncClient) -> set[str]:
    """The sources of whose pipelines log lines have been counted."""
    found = await data_of(prometheus, "query", query="sum by (source) (pipeline_log_lines_total) > 0")
    return {one["metric"]["source"] for one in found["result"]}


async def rules(prometheus: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All rules as Prometheus has them."""
    return [rule for group in (await data_of(prometheus, "rules"))["groups"] for rule in group["rules"]]


async def loaded(prometheus: httpx.AsyncClient) -> list[str]:
    """The names of all rules that Prometheus has."""
    return sorted(rule["name"] for rule in await rules(prometheus))


def written() -> list[str]:
    """The names of all rules in the files."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yml")]
    found = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return sorted(rule.get("alert") or rule["record"] for rule in found)


async def watchdogs(alertmanager: httpx.AsyncClient) -> set[tuple[str, str]]:
    """From where, and for which cluster, the alert that always fires has come; none of them is muted."""
    asked = {"filter": 'alertname="PipelineExporterWatchdog"', "inhibited": "false"}
    alerts = (await alertmanager.get("/api/v2/alerts", params=asked)).raise_for_status().json()
    return {(one["labels"]["via"], one["labels"]["cluster"]) for one in alerts}
