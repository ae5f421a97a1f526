"""A real Alertmanager with the shipped configuration, and a sink where its notifications end up."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import httpx

from tests.alertmanager.pack import CONFIG, MESSAGES

PATIENCE_SECONDS = 30.0

Found = TypeVar("Found")
Labels = dict[str, str]


def eventually(look: Callable[[], Found | None]) -> Found:
    """What ``look`` finds, once it finds something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing was found within {PATIENCE_SECONDS:.0f} s")


class Notification(NamedTuple):
    """A request that a receiver made."""

    path: str
    body: dict[str, Any]


class Sink(ThreadingHTTPServer):
    """Slack, PagerDuty and the dead man's switches in one: it keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keep)
        self.received: list[Notification] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def at(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path, in order."""
        return [notification.body for notification in list(self.received) if notification.path == path]


class _Keep(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        """Keep the notification."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Notification(self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """A sink that listens."""
    with Sink() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def configured(folder: Path, receivers: str) -> Path:
    """The shipped files in ``folder``: addresses lead to the sink, secrets are there, and waiting is short."""
    replaced = {
        "/etc/alertmanager/secrets": str(folder),
        "https://events.pagerduty.com/v2/enqueue": f"{receivers}/pagerduty",
        "https://dead-man.example.com": f"{receivers}/dead-man",
        "group_wait: 30s": "group_wait: 1s",
        "group_interval: 5m": "group_interval: 1s",
        "group_interval: 1m": "group_interval: 1s",
    }
    text = CONFIG.read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text, f"the shipped configuration has no {old}"
        text = text.replace(old, new)
    (folder / CONFIG.name).write_text(text, encoding="utf-8")
    (folder / "slack_url").write_text(f"{receivers}/slack")
    (folder / "pagerduty_routing_key").write_text("the-routing-key")
    shutil.copy(MESSAGES, folder)
    return folder / CONFIG.name


class Alertmanager:
    """A running Alertmanager, by its API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.url = str(client.base_url)

    def post(self, *alerts: Labels, ends: datetime | None = None) -> None:
        """Send alerts with these labels, as Prometheus and the bridge do; ``ends`` resolves them."""
        times = {"endsAt": ends.isoformat()} if ends else {}
        summary = {"summary": "What is wrong."}
        self._client.post(
            "/api/v2/alerts", json=[{"labels": labels, "annotations": summary, **times} for labels in alerts]
        ).raise_for_status()

    def resolve(self, *alerts: Labels) -> None:
        """Send that these alerts are over."""
        self.post(*alerts, ends=datetime.now(UTC))

    def find(self, labels: Labels) -> dict[str, Any]:
        """The alert with exactly these labels, with its status."""
        alerts = self._client.get("/api/v2/alerts").raise_for_status().json()
        (found,) = [alert for alert in alerts if alert["labels"] == labels]
        return dict(found)

    def mutes(self, labels: Labels) -> list[str]:
        """The fingerprints of the alerts that inhibit this one."""
        return list(self.find(labels)["status"]["inhibitedBy"])


@contextlib.contextmanager
def alertmanager(program: str, config: Path, *, port: int = 0) -> Iterator[Alertmanager]:
    """Alertmanager, alone, on a port (0: a free one), with what it left beside its configuration the last time."""
    command = (
        program,
        f"--config.file={config}",
        f"--storage.path={config.parent / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            url = _address(process.stdout)
            drain = threading.Thread(target=process.stdout.read)
            drain.start()
            with httpx.Client(base_url=url) as client:
                yield Alertmanager(client)
        finally:
            process.terminate()
            process.wait(20)
    drain.join()


def _address(output: IO[str]) -> str:
    """Where it listens, from its log."""
    said: list[str] = []
    for line in output:
        said.append(line)
        if match := re.search(r"Listening on.* address=(\S+)", line):
            return f"http://{match[1]}"
    raise AssertionError("Alertmanager ended before it listened:\n" + "".join(said))
