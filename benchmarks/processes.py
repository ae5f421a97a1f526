"""The processes a benchmark watches: a simulated Feldera, and the exporter on it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

Keys = dict[str, Any]


@contextmanager
def simulator(kind: str, pipelines: int, seconds: float) -> Iterator[Keys]:
    """A quiet simulated control plane with so much past; the config keys that open it."""
    with _process(["-m", "benchmarks.simulator", kind, str(pipelines), str(seconds)], stdout=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())


@contextmanager
def exporter(keys: Keys, *, series: str) -> Iterator[Exporter]:
    """The exporter reading one source, once it serves."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        source = {"name": "bench", "poll_interval": "3s", "max_concurrency": 16, **keys}
        config.write_text(json.dumps({"sources": [source], "metrics": {"status_series": series}}))
        arguments = ["-m", "exporter", "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
        with _process(arguments, stdout=False) as process:
            assert process.stderr is not None
            address = process.stderr.readline().split()[1]
            yield Exporter(address, psutil.Process(process.pid))


class Exporter:
    """A running exporter and what can be seen of it from outside."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        self.address = address
        self.process = process
        self._client = httpx.Client()

    def page(self, *, gzip: bool = False) -> bytes:
        """The metrics page."""
        encoding = "gzip" if gzip else "identity"
        return self._client.get(self.address, headers={"accept-encoding": encoding}, timeout=60).content

    def raw(self, *, gzip: bool) -> int:
        """Read the page over a socket of our own, as it comes; its length in bytes, headers and all."""
        host, port = self.address.removeprefix("http://").split("/")[0].rsplit(":", 1)
        encoding = "gzip" if gzip else "identity"
        request = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
        size = 0
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request.encode())
            while chunk := connection.recv(1 << 20):
                size += len(chunk)
        return size

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss(self) -> int:
        """Bytes of memory in use."""
        return int(self.process.memory_info().rss)


@contextmanager
def _process(arguments: list[str], *, stdout: bool) -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdout": subprocess.PIPE} if stdout else {"stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, *arguments], text=True, **pipes)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
