"""The processes a benchmark watches: a simulated Feldera, and the exporter on it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

_CONFIG = """
sources:
  - {{name: bench, type: feldera, url: "{url}", poll_interval: {interval}, max_concurrency: 16}}
metrics: {{status_series: {series}}}
"""


@contextmanager
def simulator(pipelines: int) -> Iterator[str]:
    """A quiet simulated Feldera; its address."""
    with _process(["-m", "benchmarks.simulator", str(pipelines)], stdout=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@contextmanager
def exporter(url: str, *, series: str, interval: str = "3s") -> Iterator[Exporter]:
    """The exporter reading ``url``, once it serves."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        config.write_text(_CONFIG.format(url=url, interval=interval, series=series))
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

    def sum(self, pattern: str) -> float:
        """The sum of the samples whose line matches from its start."""
        return sum(float(match[1]) for match in re.finditer(rf"(?m)^{pattern}[^\n]* (\S+)$", self.page().decode()))

    def wait(self, pattern: str, value: float, *, seconds: float = 300) -> float:
        """Seconds until the sum is at least ``value``."""
        begin = time.monotonic()
        while self.sum(pattern) < value:
            if time.monotonic() - begin > seconds:
                raise TimeoutError(f"{pattern} did not reach {value}")
            time.sleep(0.3)
        return time.monotonic() - begin

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
