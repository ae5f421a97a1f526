"""``make bench``: a fleet of Feldera pipelines, quiet, dense and sparse, watched from outside."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import click
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processes import Exporter, exporter, simulator

_POLL = 'pipeline_exporter_api_requests_total{code="200",endpoint="/v0/pipelines",'
_PIPELINES = 'pipeline_exporter_api_requests_total{code="200",endpoint="/v0/pipelines'
_SEEN = "pipeline_last_event_timestamp_seconds"


@click.command()
@click.option("--pipelines", multiple=True, default=(1000, 10_000), help="Sizes of the fleet.")
@click.option("--scrapes", default=50, help="Requests timed for each figure.")
def main(pipelines: tuple[int, ...], scrapes: int) -> None:
    """Print one line of figures for each measurement."""
    print(f"{os.cpu_count()} cores")
    for count in pipelines:
        with simulator(count) as url:
            for series in ("dense", "sparse"):
                with exporter(url, series=series) as running:
                    measure(running, f"{count} pipelines {series}", count, scrapes)


def measure(running: Exporter, title: str, count: int, scrapes: int) -> None:
    """One exporter, from its start to a quiet life."""
    history = _filled(running, count)
    print(f"{title}: statuses and history of all read {history:.1f} s after the start")
    requests, cpu, polls = _quiet(running)
    print(f"{title}: quiet poll: {requests / polls:.2f} requests, {cpu / polls * 1000:.0f} ms CPU")
    for gzip in (True, False):
        times, size = _scrapes(running, gzip=gzip, count=scrapes)
        print(
            f"{title}: /metrics {'gzip' if gzip else 'identity'}: p50 {_ms(statistics.median(times))}, "
            f"p99 {_ms(sorted(times)[int(len(times) * 0.99) - 1])}, {size / 2**20:.1f} MiB"
        )
        if gzip:
            served = statistics.median(times)
    rendered, lines = _client_render(running.page())
    ratio = rendered / served
    print(f"{title}: {lines} samples: prometheus-client renders them in {_ms(rendered)}, {ratio:.0f} times as long")
    print(f"{title}: {running.rss() / 2**20:.0f} MiB RSS")


def _filled(running: Exporter, count: int) -> float:
    """Seconds until every pipeline's history was read."""
    begin = time.monotonic()
    while running.page(gzip=True).count(b"\n" + _SEEN.encode() + b"{") < count:
        time.sleep(0.5)
    return time.monotonic() - begin


def _quiet(running: Exporter) -> tuple[float, float, float]:
    """Requests, CPU seconds and number of polls while nobody scrapes."""
    before = running.page().decode()
    cpu = running.cpu()
    time.sleep(15)
    used = running.cpu() - cpu
    after = running.page().decode()
    polls = _sum(after, _POLL) - _sum(before, _POLL)
    return _sum(after, _PIPELINES) - _sum(before, _PIPELINES), used, polls


def _sum(page: str, start: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(start))


def _scrapes(running: Exporter, *, gzip: bool, count: int) -> tuple[list[float], int]:
    times, size = [], 0
    for _ in range(count):
        begin = time.perf_counter()
        size = running.raw(gzip=gzip)
        times.append(time.perf_counter() - begin)
    return times, size


def _client_render(page: bytes) -> tuple[float, int]:
    """Seconds in which prometheus-client renders the same samples, and their number."""
    families = list(text_string_to_metric_families(page.decode()))
    registry: Any = CollectorRegistry()
    registry.register(_Fixed(families))
    seconds = _timed(lambda: generate_latest(registry))
    return seconds, sum(len(family.samples) for family in families)


class _Fixed:
    """A collector of samples made before."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """All of them."""
        return self._families


def _timed(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


main()
