"""``python -m benchmarks.alerts``: thousands of pipelines fail at once, and what it costs that nothing happens."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import click
import httpx
import psutil

from benchmarks.processes import process, simulator
from exporter.alerts.alert import Notice
from exporter.alerts.engine import Engine
from exporter.alerts.explain import Places
from exporter.alerts.memory import Memory
from exporter.config import Alerting, AlertmanagerConfig
from exporter.config.units import Url
from exporter.model import DeploymentError, Pipeline, Snapshot, Status
from exporter.sources.kinds import KINDS
from exporter.store import SourceFacts

_NAME = "PipelineDeploymentError"
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_BATCH = 256
_STEPS = 200
_ROUTES = """
route: {receiver: person, group_by: [alertname, cluster, source], group_wait: 3s, group_interval: 5s}
receivers: [{name: person, webhook_configs: [{url: '%s'}]}]
"""
"""The shipped grouping with shorter waits."""


@click.command()
@click.option("--failing", default=5000, show_default=True, help="Pipelines that fail at once.")
@click.option("--quiet", default=10_000, show_default=True, help="Pipelines to which nothing happens.")
def main(failing: int, quiet: int) -> None:
    """Print a line of figures for each measurement, each with something to compare it with from the same run."""
    print(f"{os.cpu_count()} cores", flush=True)
    _tick(quiet)
    path = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if path is None:
        print("no Alertmanager is installed: what happens when many pipelines fail at once was not measured")
        return
    _burst(path, failing)


# Nothing happens


def _tick(count: int) -> None:
    """The time of one look at a quiet fleet, beside a loop over it, and of one at which all of it fires."""
    source, settings = SourceFacts("bench", kind="feldera", dimensions=KINDS["feldera"].dimensions), _settings()
    engine = Engine(settings, Places("http://exporter", "http://books", ""), ["http://am"], Memory())
    engine.watch(source)
    now = time.time()
    _poll(source, engine, now, [_pipeline(number, error=None) for number in range(count)])
    quiet = _median(lambda: engine.step(now))
    loop = _median(lambda: [pipeline for pipeline in source.pipelines.values() if pipeline.error])
    failed = [_pipeline(number, error=DeploymentError("E", "heap")) for number in range(count)]
    decided = _time(lambda: _poll(source, engine, now, failed))
    firing = _median(lambda: engine.step(now))
    print(
        f"tick: {quiet * 1e3:.3f} ms at {count:,} quiet pipelines, {quiet / loop:.2f} times a loop over them "
        f"({loop * 1e3:.2f} ms); {firing * 1e3:.2f} ms while all of them fire; "
        f"{decided * 1e3:.0f} ms to decide that they do, {decided / count * 1e6:.0f} us each",
        flush=True,
    )


def _poll(source: SourceFacts, engine: Engine, now: float, pipelines: list[Pipeline]) -> None:
    """A good poll with these changes, and all that is to be decided after it."""
    snapshot = Snapshot(now, tuple(pipelines))
    engine.note("bench", snapshot, source.apply(snapshot))
    engine.ended("bench", "poll", now, success=True)
    engine.step(now)
    while engine.busy:
        engine.step(now)


def _pipeline(number: int, *, error: DeploymentError | None) -> Pipeline:
    statuses = {"resources": Status("Provisioned", 1.0), "runtime": Status("Running", 1.0)}
    return Pipeline(f"p{number}", f"p{number}", statuses, "failed" if error else "healthy", error=error)


def _settings() -> Alerting:
    return Alerting(alertmanagers=(AlertmanagerConfig(url=Url("http://am")),))


def _median(function: Callable[[], object]) -> float:
    return statistics.median(_time(function) for _ in range(_STEPS))


def _time(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


# Everything happens


def _burst(path: str, count: int) -> None:
    """Seconds from the failure of many pipelines until the last alert is accepted, and what a person receives."""
    with _person() as person, _alertmanager(path, person.url) as am:
        floor = _floor(am, count)
        with simulator("feldera", count, 600.0) as plane, _exporter(plane.keys, am) as running:
            _until(lambda: running.value("source_pipelines{") == count)
            _until(lambda: running.value("notifications_total{") > 0)
            before = running.cpu()
            begin = time.monotonic()
            plane.fail(count)
            told = time.monotonic()
            _until(lambda: running.value("notifications_total{") >= count and running.waiting() == 0)
            last, cpu = time.monotonic(), running.cpu() - before
            _until(lambda: any(message["alerts"] == count for message in person.heard))
        messages = [message for message in person.heard if _NAME in message["key"]]
        known = _known(am)
    groups = {message["key"] for message in messages}
    print(
        f"{count:,} pipelines fail at once: {known:,} alerts accepted by a real Alertmanager, the last "
        f"{last - told:.1f} s after the last failure ({last - begin:.1f} s after the first), with a poll each second; "
        f"{cpu:.1f} s CPU, {cpu / count * 1e3:.2f} ms each; as many empty alerts posted in a loop take {floor:.2f} s: "
        f"ratio {(last - told) / floor:.0f}; by the shipped grouping a person receives {len(groups)} group(s) in "
        f"{len(messages)} message(s)"
    )


def _floor(am: str, count: int) -> float:
    """How long this Alertmanager takes for so many alerts of somebody who has nothing else to do."""
    now = time.time()
    notices = [Notice((("alertname", "floor"), ("n", str(n))), {}, "http://exporter/", now, None) for n in range(count)]
    with httpx.Client(base_url=am, timeout=60) as client:
        begin = time.perf_counter()
        for start in range(0, count, _BATCH):
            posted = [notice.posted(now + 1) for notice in notices[start : start + _BATCH]]
            client.post("/api/v2/alerts", json=posted).raise_for_status()
        return time.perf_counter() - begin


def _known(am: str) -> int:
    """The alerts about failed pipelines that the Alertmanager has."""
    found = httpx.get(f"{am}/api/v2/alerts", params={"filter": f'alertname="{_NAME}"'}, timeout=60).json()
    return len(found)


class _Running:
    """A running exporter, watched from outside."""

    def __init__(self, address: str, pid: int) -> None:
        self._address = address
        self._process = psutil.Process(pid)

    def value(self, start: str) -> float:
        """The sum of the samples of the exporter's own whose lines begin so."""
        lines = httpx.get(self._address, timeout=60).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"pipeline_exporter_{start}"))

    def waiting(self) -> float:
        """How many alerts wait."""
        return self.value("notifications_queue_length{")

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _exporter(keys: dict[str, Any], am: str) -> Iterator[_Running]:
    source = {"name": "bench", "poll_interval": "1s", "max_concurrency": 16, **keys}
    config = {"sources": [source], "alerting": {"alertmanagers": [{"url": am}]}, "metrics": {"status_series": "sparse"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yml")
        path.write_text(json.dumps(config))
        arguments = ["-m", "exporter", "run", f"--config.file={path}", "--web.listen-address=127.0.0.1:0"]
        with process(arguments, os.sched_getaffinity(0)) as running:
            assert running.stderr is not None
            address = running.stderr.readline().split()[1]
            threading.Thread(target=running.stderr.read, daemon=True).start()
            yield _Running(address, running.pid)


class _Person:
    """Remembers every message: its group, and how many alerts it is about."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.url = ""


@contextmanager
def _person() -> Iterator[_Person]:
    person = _Person()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            person.heard.append({"key": message["groupKey"], "alerts": len(message["alerts"])})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    person.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield person
    finally:
        server.shutdown()


@contextmanager
def _alertmanager(path: str, webhook: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder, "alertmanager.yml"), _free_port()
        config.write_text(_ROUTES % webhook)
        url = f"http://127.0.0.1:{port}"
        arguments = [
            path,
            f"--config.file={config}",
            f"--storage.path={folder}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        running = Popen([*arguments, "--cluster.listen-address="], stdout=DEVNULL, stderr=DEVNULL)
        try:
            _until(lambda: _is_ready(url))
            yield url
        finally:
            running.terminate()
            running.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; TimeoutError if it is not in time."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what was waited for did not happen in time")
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
