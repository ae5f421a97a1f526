"""The rest of the way: the exporter with its bridge, and a Prometheus with the shortened rules."""

from __future__ import annotations

import contextlib
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.alerting.receivers import free_port
from tests.delivery.people import Person
from tests.delivery.planes import Plane
from tests.delivery.shortened import shortened
from tests.e2e.harness import Exporter
from tests.e2e.processes import after, exporter, process

EXTERNAL_LABELS = {"cluster": "eu-1"}
ALERTING = {"resend_interval": "1s", "unreachable_for": "1s", "hold": "5s", "external_labels": EXTERNAL_LABELS}

Tool = Callable[[str], str]


def config(
    planes: dict[str, Plane], people: Iterable[Person], *, poll: str = "250ms", **alerting: Any
) -> dict[str, Any]:
    """The exporter's config: these control planes by their sources' names, its alerts to these people."""
    sources = [
        {"name": name, "type": type(plane).__name__.lower(), "url": plane.url, "poll_interval": poll, "timeout": "2s"}
        | plane.keys
        for name, plane in planes.items()
    ]
    told = [{"url": person.url} for person in people]
    return {"sources": sources, "alerting": {"alertmanagers": told} | ALERTING | alerting}


class Running(Exporter):
    """The exporter as a process, seen over HTTP."""

    def __init__(self, page: str, running: Process) -> None:
        parts = urlsplit(page)
        super().__init__(f"{parts.scheme}://{parts.netloc}")
        self.target = parts.netloc
        self.process = running

    async def kill(self) -> None:
        """End it as the kernel does."""
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def exporting(settings: dict[str, Any], folder: Path) -> AsyncIterator[Running]:
    """The exporter with this config and a state file in ``folder``, once it has read the history of its sources."""
    folder.mkdir(exist_ok=True)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({**settings, "state": {"path": str(folder / "state.db")}}))
    name = "pipeline_exporter_task_last_success_timestamp_seconds"
    sources = [source["name"] for source in settings["sources"]]
    async with exporter(path) as (page, running), contextlib.AsyncExitStack() as stack:
        found = Running(page, running)
        stack.push_async_callback(found.aclose)
        await found.until(lambda page: all(page.value(name, source=one, task="history") for one in sources), seconds=60)
        yield found


@contextlib.asynccontextmanager
async def ruling(
    tool: Tool, folder: Path, exporters: Iterable[Running], people: Iterable[Person]
) -> AsyncIterator[None]:
    """A Prometheus that scrapes these exporters and evaluates the shortened rules, each second."""
    folder.mkdir()
    port = free_port()
    scrape = {"job_name": "pipeline-exporter", "static_configs": [{"targets": [one.target for one in exporters]}]}
    managers = [{"static_configs": [{"targets": [urlsplit(one.url).netloc for one in people]}]}]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": EXTERNAL_LABELS},
        "scrape_configs": [scrape],
        "rule_files": [f"{shortened(folder / 'rules')}/*.yml"],
        "alerting": {"alertmanagers": managers},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    arguments = (
        tool("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=2s",  # what is said before it has found the Alertmanagers is lost, and said again
    )
    async with process(*arguments, ready=after("Server is ready to receive web requests")):
        yield
