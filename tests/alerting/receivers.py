"""Who hears of alerts in these tests: a real Alertmanager with a webhook behind it, and servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.e2e.harness import serving
from tests.e2e.processes import after, process

CONFIG = """
route: {{receiver: test, group_by: ['...'], group_wait: {group_wait}, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: test
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""


class Webhook:
    """Remembers every notification of an alert: its status, and the alert."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.app = Starlette(routes=[Route("/", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.heard += json.loads(await request.body())["alerts"]
        return Response()

    def about(self, alertname: str, **labels: str) -> list[dict[str, Any]]:
        """The notifications about alerts with this name and these labels, oldest first."""
        wanted = {"alertname": alertname, **labels}
        return [alert for alert in self.heard if wanted.items() <= alert["labels"].items()]

    def statuses(self, alertname: str, **labels: str) -> list[str]:
        """Their statuses: firing, resolved."""
        return [alert["status"] for alert in self.about(alertname, **labels)]


class Fake:
    """An Alertmanager that answers as a test wants; remembers every body, decoded, and its answers.

    ``answer`` gives the status for a body; ``delay`` is how long it takes.
    """

    def __init__(self, answer: Callable[[list[dict[str, Any]]], int] = lambda alerts: 200) -> None:
        self.answer = answer
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.bodies: list[list[dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.requests: list[dict[str, str]] = []
        self.app = Starlette(routes=[Route("/api/v2/alerts", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        alerts = json.loads(await request.body())
        self.bodies.append(alerts)
        self.requests.append(dict(request.headers))
        await asyncio.sleep(self.delay)
        status = self.answer(alerts)
        self.statuses.append(status)
        return Response(status_code=status, headers=self.headers)

    def taken(self) -> list[dict[str, Any]]:
        """Every alert in a body that was answered with 2xx."""
        bodies = zip(self.bodies, self.statuses, strict=False)
        return [alert for body, status in bodies if 200 <= status < 300 for alert in body]


async def until(condition: Callable[[], Any], *, seconds: float = 30, what: Callable[[], Any] = lambda: "") -> None:
    """Wait until something is so; AssertionError with ``what`` there is if it is not in time."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s: {what()}"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def alertmanager(
    path: str, folder: Path, webhook: Webhook, *, port: int | None = None, group_wait: str = "0s"
) -> AsyncIterator[str]:
    """A real Alertmanager that tells ``webhook``; its address."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    async with serving(webhook.app) as url:
        (folder / "alertmanager.yml").write_text(CONFIG.format(url=f"{url}/", group_wait=group_wait))
        arguments = (
            path,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        async with process(*arguments, ready=after("Listening on")):
            yield f"http://127.0.0.1:{port}"


async def known_alerts(url: str) -> list[dict[str, Any]]:
    """Every alert that an Alertmanager has now."""
    async with httpx.AsyncClient() as client:
        found: list[dict[str, Any]] = (await client.get(f"{url}/api/v2/alerts")).json()
        return found


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
