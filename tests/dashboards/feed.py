"""What stands around the exporter: Feldera's own metrics to scrape, and an Alertmanager that takes every alert."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from dashboards.generator.pipeline_feldera import METRICS


class Pipeline(NamedTuple):
    """A pipeline by its labels, as text, and its kind."""

    labels: str
    kind: str


def pipelines_on(page: str) -> list[Pipeline]:
    """The pipelines of a metrics page."""
    found = re.findall(r'^pipeline_info\{(.*?),kind="(\w+)"', page, re.MULTILINE)
    return [Pipeline(labels, kind) for labels, kind in found]


def feldera(pipelines: list[Pipeline], now: float) -> str:
    """Feldera's own metrics of its pipelines: the same ids, no source, and half of them without a name."""
    lines = []
    for index, pipeline in enumerate(p for p in pipelines if p.kind == "feldera"):
        identity = re.search(r'pipeline="[^"]+"', pipeline.labels)
        name = re.search(r'pipeline_name="[^"]+"', pipeline.labels)
        assert identity
        assert name
        labels = identity[0] + (f",{name[0]}" if index % 2 else "")
        lines += [f"{metric}{{{labels}}} {now % 100_000:.3f}" for metric in METRICS]
    return "\n".join(lines) + "\n"


class Feed:
    """The server's address, and the pipelines it speaks of; none before they are set."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.pipelines: list[Pipeline] = []

    def page(self, path: str) -> str:
        """What a path answers."""
        assert path == "/feldera"
        return feldera(self.pipelines, time.time())


@contextlib.contextmanager
def feeding() -> Iterator[Feed]:
    """A server in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(feed.page(self.path).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._answer(b"{}")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        feed = Feed(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield feed
        finally:
            server.shutdown()
            thread.join()
