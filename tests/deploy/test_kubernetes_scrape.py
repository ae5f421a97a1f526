"""What the PodMonitor's relabelling does to the series, by a Prometheus with the labels that the operator gives."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy import stack
from tests.deploy.manifests import the
from tests.deploy.stack import data_of, until
from tests.e2e.processes import CONFIG, exporter, simulated

POD = "pipeline-exporter-0"
TARGET = {"namespace": "monitoring", "pod": POD, "container": "pipeline-exporter", "endpoint": "http"}


def relabelings() -> list[dict[str, Any]]:
    """Those of the PodMonitor, in the words of Prometheus' own config."""
    (endpoint,) = the("PodMonitor")["spec"]["podMetricsEndpoints"]
    return [{snake(key): value for key, value in one.items()} for one in endpoint["relabelings"]]


def snake(key: str) -> str:
    """A name of Kubernetes as one of Prometheus."""
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


@contextlib.asynccontextmanager
async def scraping(
    folder: Path, program: str, relabel_configs: list[dict[str, Any]]
) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus that scrapes an exporter as it would scrape a pod."""
    async with simulated() as url:
        (folder / "config.yml").write_text(CONFIG.format(url=url))
        async with exporter(folder / "config.yml") as (page, _):
            labels = TARGET | {"job": "pipeline-exporter", "__meta_kubernetes_pod_name": POD}
            config = {
                "global": {"scrape_interval": "500ms"},
                "scrape_configs": [
                    {
                        "job_name": "pods",
                        "static_configs": [{"targets": [httpx.URL(page).netloc.decode()], "labels": labels}],
                        "relabel_configs": relabel_configs,
                    }
                ],
            }
            (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
            async with stack.prometheus(
                program, folder / "prometheus.yml", folder / "data", stack.free_port()
            ) as client:
                yield client


@pytest.mark.parametrize(("relabel", "renamed"), [(True, set()), (False, {"exported_endpoint"})])
async def test_labels_of_the_exporter_stay(
    relabel: bool, renamed: set[str], tmp_path: Path, tool: Callable[[str], str]
) -> None:
    """No label of the exporter is renamed for one of the target's, as `endpoint` is without the relabelling."""
    async with scraping(tmp_path, tool("prometheus"), relabelings() if relabel else []) as client:
        await until(lambda: series(client, 'pipeline_exporter_api_requests_total{code="200"}'))
        assert {name for name in await data_of(client, "labels") if name.startswith("exported_")} == renamed
        (up,) = await series(client, "up")
        (up,) = await series(client, "up")
        assert up.keys() - {"__name__", "job", "instance"} == ({"namespace", "pod"} if relabel else TARGET.keys())
        assert (up["instance"] == POD) is relabel


async def series(client: httpx.AsyncClient, query: str) -> list[dict[str, str]]:
    """The label sets of an instant query."""
    return [one["metric"] for one in (await data_of(client, "query", query=query))["result"]]
