"""``make bench``: quiet fleets, dense and sparse, and a cold start on a long history, watched from outside."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import httpx
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processes import Exporter, exporter, simulator

_POLLS = 'pipeline_exporter_task_duration_seconds_count{source="bench",task="poll"}'
_REQUESTS = "pipeline_exporter_api_requests_total{"
_PLATFORM = '"/v0/c'  # read once a minute and once an hour, whatever the fleet
_SEEN = b"\npipeline_last_event_timestamp_seconds{"
_TWO_HOURS, _FIVE_DAYS = 7200.0, 432_000.0


@click.command()
@click.option("--pipelines", multiple=True, default=(1000, 10_000), show_default=True, help="Sizes of the quiet fleet.")
@click.option("--cold", default=1000, show_default=True, help="Pipelines of the cold start; 0 leaves it out.")
@click.option("--core", default=1000, show_default=True, help="Calyptia pipelines; 0 leaves them out.")
@click.option("--scrapes", default=100, show_default=True, help="Requests timed for each figure.")
def main(pipelines: tuple[int, ...], cold: int, core: int, scrapes: int) -> None:
    """Print one line of figures for each measurement."""
    print(f"{os.cpu_count()} cores")
    for count in pipelines:
        with simulator("feldera", count, _TWO_HOURS) as keys:
            for series in ("dense", "sparse"):
                with exporter(keys, series=series) as running:
                    quiet(running, f"feldera {count} {series}", count, scrapes)
    if core:
        with simulator("calyptia", core, _TWO_HOURS) as keys, exporter(keys, series="dense") as running:
            quiet(running, f"calyptia {core} dense", core, scrapes)
            print("  one request for the core instances and, for each, one a page of pipelines: docs/calyptia.md")
    if cold:
        with simulator("feldera", cold, _FIVE_DAYS) as keys, exporter(keys, series="dense") as running:
            retained = len(httpx.get(f"{keys['url']}/v0/pipelines/orders-enrichment/events").json())
            cold_start(running, f"feldera {cold} x {retained} events", cold, retained)


def quiet(running: Exporter, title: str, count: int, scrapes: int) -> None:
    """From the start to a quiet life."""
    print(f"{title}: statuses and history of all read {_filled(running, count):.1f} s after the start")
    requests, cpu = _poll_cost(running)
    print(f"{title}: quiet poll: {requests:.2f} requests, {cpu * 1000:.0f} ms CPU, the page's packing included")
    served = _scrapes(running, title, packed=True, count=scrapes)
    _scrapes(running, title, packed=False, count=scrapes)
    rendered, lines = _client_render(running.page())
    print(
        f"{title}: {lines} samples: prometheus-client renders them in {_ms(rendered)}, "
        f"{rendered / served:.0f} times the gzip p50"
    )
    print(f"{title}: {running.rss() / 2**20:.0f} MiB RSS")


def cold_start(running: Exporter, title: str, count: int, retained: int) -> None:
    """The whole retained history of every pipeline, from the start of the process."""
    seconds, cpu = _filled(running, count), running.cpu()
    page = running.page().decode()
    mebibytes = _sum(page, 'pipeline_exporter_api_response_bytes_total{endpoint="/v0/pipelines/{name}/events"') / 2**20
    print(
        f"{title}: {seconds:.1f} s, {cpu:.1f} s CPU, {mebibytes:.0f} MiB of events: {count / seconds:.0f} pipelines/s, "
        f"{count * retained / seconds:.0f} events/s, {running.rss() / 2**20:.0f} MiB RSS"
    )


def _filled(running: Exporter, count: int) -> float:
    """Seconds from the start of the process until every pipeline's history was read."""
    while running.page(gzip=True).count(_SEEN) < count:
        time.sleep(0.3)
    return time.time() - running.process.create_time()


def _poll_cost(running: Exporter) -> tuple[float, float]:
    """Requests and CPU seconds of a poll, over fifteen seconds in which nobody scrapes."""
    time.sleep(5)
    before, cpu = running.page().decode(), running.cpu()
    time.sleep(15)
    cpu, after = running.cpu() - cpu, running.page().decode()
    polls = _sum(after, _POLLS) - _sum(before, _POLLS)
    return (_requests(after) - _requests(before)) / polls, cpu / polls


def _requests(page: str) -> float:
    lines = (line for line in page.splitlines() if line.startswith(_REQUESTS) and _PLATFORM not in line)
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _sum(page: str, start: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(start))


def _scrapes(running: Exporter, title: str, *, packed: bool, count: int) -> float:
    """Print how long the page takes over a connection of its own; the median."""
    times, size = [], 0
    for _ in range(count):
        begin = time.perf_counter()
        size = running.raw(gzip=packed)
        times.append(time.perf_counter() - begin)
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    rate = f", {size / p50 / 1e6:.0f} MB/s"
    print(
        f"{title}: /metrics {'gzip' if packed else 'identity'}: p50 {_ms(p50)}, p99 {_ms(p99)}, "
        f"{size / 2**20:.1f} MiB{'' if packed else rate}"
    )
    return p50


def _client_render(page: bytes) -> tuple[float, int]:
    """Seconds in which prometheus-client renders the same samples, and their number."""
    families = list(text_string_to_metric_families(page.decode()))
    registry: Any = CollectorRegistry()
    registry.register(_Fixed(families))
    return _timed(lambda: generate_latest(registry)), sum(len(family.samples) for family in families)


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
