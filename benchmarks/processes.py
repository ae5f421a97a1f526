"""The processes a benchmark watches: a simulated control plane, and the exporter on it, each on cores of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

Keys = dict[str, Any]

_EXPORTER_CORES = 2
_PATIENCE_SECONDS = 300.0
_LAST_BYTES = 64 * 1024  # room for the exporter's metrics about itself, which come last


def cores() -> tuple[set[int], set[int]]:
    """The cores of the exporter, and those of everything else; a machine with two shares them."""
    all_cores = sorted(os.sched_getaffinity(0))
    own, others = set(all_cores[:_EXPORTER_CORES]), set(all_cores[_EXPORTER_CORES:])
    return own, others or own


class ControlPlane:
    """A running simulator: the config keys that open it, and what it can be asked for."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    def change(self, count: int) -> int:
        """Change the status of so many pipelines; how many are not healthy now."""
        return self._post(f"change/{count}")

    def fail(self, count: int) -> int:
        """Let the deployments of so many pipelines fail; how many are not healthy now."""
        return self._post(f"fail/{count}")

    def statuses(self) -> bytes:
        """The list of a Feldera, as its poll reads it."""
        return httpx.get(f"{self.keys['url']}/v0/pipelines?selector=status", timeout=60).content

    def _post(self, path: str) -> int:
        answer = httpx.post(f"{self.keys['url']}/bench/{path}", timeout=60)
        if answer.status_code != 200:
            raise RuntimeError(f"the simulated control plane refused {path}: {answer.text}")
        return int(answer.json()["not_healthy"])


@contextmanager
def simulator(kind: str, pipelines: int, seconds: float) -> Iterator[ControlPlane]:
    """A quiet simulated control plane with so much past."""
    with process(["-m", "benchmarks.simulator", kind, str(pipelines), str(seconds)], cores()[1]) as running:
        assert running.stdout is not None
        yield ControlPlane(json.loads(running.stdout.readline()))


@contextmanager
def exporter(plane: ControlPlane, *, series: str, poll_interval: float) -> Iterator[Exporter]:
    """The exporter reading one source, once it serves."""
    with tempfile.TemporaryDirectory() as folder:
        path = config(Path(folder), plane.keys, series=series, poll_interval=poll_interval)
        arguments = [f"--config.file={path}", "--web.listen-address=127.0.0.1:0", "--log.level=error"]
        with process(["-m", "benchmarks.observed", "run", *arguments], cores()[0]) as running:
            assert running.stderr is not None
            address = running.stderr.readline().split()[1]
            watched = Exporter(address, running)
            try:
                yield watched
            finally:
                running.terminate()
                watched.listener.join()


def config(folder: Path, keys: Keys, *, series: str, poll_interval: float) -> Path:
    """A config file for one source."""
    path = folder / "config.yml"
    source = {"name": "bench", "poll_interval": f"{round(poll_interval * 1000)}ms", "max_concurrency": 16, **keys}
    path.write_text(json.dumps({"sources": [source], "metrics": {"status_series": series}}))
    return path


class Exporter:
    """A running exporter, what can be seen of it from outside, and what it tells (see ``observed``)."""

    def __init__(self, address: str, running: subprocess.Popen[str]) -> None:
        self.address = address
        self.process = psutil.Process(running.pid)
        host, _, port = address.removeprefix("http://").split("/")[0].rpartition(":")
        self._host, self._port = host, int(port)
        self.begun = self._begun(running.pid)
        self._clock = (~running.pid << 3) | 2  # Linux: the CPU time of another process
        self.held_since = time.monotonic()
        self._told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self.listener = threading.Thread(target=self._listen, args=(running,), daemon=True)
        self.listener.start()

    @staticmethod
    def _begun(pid: int) -> float:
        """When the process began, by the monotonic clock."""
        return time.monotonic() - (time.time() - psutil.Process(pid).create_time())

    def page(self) -> bytes:
        """The metrics page."""
        return httpx.get(self.address, headers={"accept-encoding": "identity"}, timeout=60).content

    def get(self, path: str = "/metrics", *, gzip: bool = False) -> int:
        """Read an answer over a socket of our own, as it comes; its length in bytes, headers and all."""
        return self._raw(path, gzip=gzip)[0]

    def own(self) -> dict[str, float]:
        """The exporter's metrics about itself."""
        lines = self._raw("/metrics", gzip=False)[1].decode("utf-8", "replace").splitlines()
        found = (line.rsplit(" ", 1) for line in lines if line.startswith("pipeline_exporter_"))
        return {name: float(value) for name, value in found}

    def _raw(self, path: str, *, gzip: bool) -> tuple[int, bytes]:
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n"
        encoding = "gzip" if gzip else "identity"
        return raw_request(self._host, self._port, f"{head}Accept-Encoding: {encoding}\r\n\r\n")

    def cpu(self) -> float:
        """Seconds of CPU used so far, by all threads."""
        return time.clock_gettime(self._clock)

    def rss(self) -> int:
        """Bytes of memory in use."""
        return int(self.process.memory_info().rss)

    def peak(self) -> int:
        """The most bytes of memory that were ever in use."""
        return peak_of(self.process.pid)

    def said(self) -> int:
        """How much it has told so far: a place from which on to look."""
        return len(self._told)

    def told(self, start: int = 0) -> list[dict[str, Any]]:
        """What it has told from a place on."""
        return self._told[start:]

    def wait(self, start: int, wanted: Callable[[dict[str, Any]], bool], times: int = 1) -> dict[str, Any]:
        """Wait until something wanted was told so many times from a place on; the last one of these."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with self._news:
            while len(found := [one for one in self._told[start:] if wanted(one)]) < times:
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"the exporter did not tell what was waited for: {self._told[-3:]}")
        return found[times - 1]

    def held(self) -> list[float]:
        """How long the event loop was held since the time before, in seconds; what took less than 5 ms is not there."""
        start = self.said()
        self.process.send_signal(signal.SIGUSR1)
        self.held_since = time.monotonic()
        return list(self.wait(start, lambda one: "held" in one)["held"])

    def _listen(self, running: subprocess.Popen[str]) -> None:
        assert running.stdout is not None
        for line in running.stdout:
            with self._news:
                self._told.append(json.loads(line))
                self._news.notify_all()


def peak_of(pid: int) -> int:
    """The most bytes of memory that a process ever used; 0 if it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int((status.partition("VmHWM:")[2].split() or ["0"])[0]) * 1024


def raw_request(host: str, port: int, request: str) -> tuple[int, bytes]:
    """Send a request on a connection of its own and read until its end; how many bytes came, and the last of them."""
    size, last = 0, b""
    with socket.create_connection((host, port)) as connection:
        connection.sendall(request.encode())
        while chunk := connection.recv(1 << 20):
            size += len(chunk)
            last = chunk if len(chunk) >= _LAST_BYTES else (last + chunk)[-_LAST_BYTES:]
    return size, last


@contextmanager
def process(arguments: Sequence[str], on: set[int]) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python on these cores, ended with the block."""
    running = subprocess.Popen([sys.executable, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.sched_setaffinity(running.pid, on)
    try:
        yield running
    finally:
        running.terminate()
        running.communicate(timeout=30)
