"""``python -m benchmarks.logs``: many log streams at once, all of them in an error storm, and one without measure."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
import psutil

from benchmarks.loglines import messages
from exporter.sources.feldera.logs.lines import summarize

_LINES = "pipeline_log_lines_total{"
_LOST = "pipeline_log_lines_lost_total{"
_UP = "pipeline_log_stream_up{"
_SCRAPE_SECONDS = 0.2
_ERRORS = 2
"""So many of a hundred lines tell of an error, except in a storm."""


@click.command()
@click.option("--streams", default=200, show_default=True, help="Pipelines whose logs are followed.")
@click.option("--rate", default=500, show_default=True, help="Lines a second of each.")
@click.option("--seconds", default=60, show_default=True, help="How long they log.")
@click.option("--storm", default=100, show_default=True, help="Lines a second of each in an error storm.")
@click.option("--firehose", default=100_000, show_default=True, help="Lines a second of the one pipeline.")
def main(streams: int, rate: int, seconds: int, storm: int, firehose: int) -> None:
    """Print what was written, what was counted, and what it cost."""
    print(f"{os.cpu_count()} cores")
    _reading()
    _measure(f"{streams} streams x {rate} lines/s", streams, rate, seconds)
    _measure(f"{streams} streams x {storm} error lines/s", streams, storm, max(seconds // 4, 8), errors=100)
    _measure(f"1 stream x {firehose} lines/s", 1, firehose, max(seconds // 4, 8))


def _reading() -> None:
    """How long it takes to say what a block of lines says, beside the least that any program must do."""
    said = messages(errors=_ERRORS)
    line = b"[orders] 2026-01-01T00:00:00.%06dZ %b%d\n"
    block = b"".join(line % (number, said[number % 100], number) for number in range(20_000))
    ours = _best(lambda: summarize(block, most_telling=20))
    loop = _best(lambda: sum(1 for line in block.split(b"\n") if line))
    print(
        f"reading: {ours / 20_000 * 1e6:.2f} us a line of {len(block) // 20_000} bytes; splitting and looping over "
        f"lines alone takes {loop / 20_000 * 1e6:.2f} us: ratio {ours / loop:.1f}"
    )


def _best(function: Callable[[], object]) -> float:
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def _measure(title: str, streams: int, rate: int, seconds: int, *, errors: int = _ERRORS) -> None:
    """Let all pipelines log for a while, scrape meanwhile, and compare what was written with what was counted."""
    with _server(streams) as url, _exporter(url, streams) as running:
        _until(lambda: running.sum(_UP) == streams)
        time.sleep(2)
        cpu, memory = running.cpu(), running.rss()
        _set_rate(url, rate, errors)
        times, most = _scrape_while(running, seconds)
        _set_rate(url, 0, errors)
        written = _written(url)
        _until(lambda: running.sum(_LINES) + running.sum(_LOST) >= written, at_most=20)
        counted, lost = running.sum(_LINES), running.sum(_LOST)
        cpu, after = running.cpu() - cpu, running.rss()
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(f"{title}: written {written}, counted {counted:.0f}, counted as lost {lost:.0f}")
    print(f"{title}: /metrics gzip p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms of {len(times)} scrapes")
    print(
        f"{title}: {cpu / written * 1e5:.2f} s CPU for 100,000 lines, {cpu / seconds:.0%} of a core, the scrapes "
        f"included; {memory / 2**20:.0f} MiB RSS before, {most / 2**20:.0f} at most, {after / 2**20:.0f} after"
    )


def _scrape_while(running: _Exporter, seconds: int) -> tuple[list[float], int]:
    """Times of scrapes while lines come, and the most memory seen."""
    times, most, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        running.scrape()
        times.append(time.perf_counter() - begin)
        most = max(most, running.rss())
        time.sleep(_SCRAPE_SECONDS)
    return times, most


class _Exporter:
    """A running exporter, watched from outside."""

    def __init__(self, address: str, process: psutil.Process) -> None:
        host, port = address.removeprefix("http://").split("/")[0].rsplit(":", 1)
        self._peer = host, int(port)
        self._address = address
        self._process = process

    def scrape(self) -> None:
        """Read the page as Prometheus does, on a connection of its own."""
        with socket.create_connection(self._peer) as connection:
            head = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
            connection.sendall(head)
            while connection.recv(1 << 20):
                pass

    def sum(self, start: str) -> float:
        """The sum of the samples whose lines begin so."""
        lines = httpx.get(self._address, timeout=60).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start))

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> int:
        """Bytes of memory in use."""
        return int(self._process.memory_info().rss)


@contextmanager
def _exporter(url: str, streams: int) -> Iterator[_Exporter]:
    source = {"name": "bench", "type": "feldera", "url": url, "poll_interval": "3s"}
    source |= {"logs": {"include": [".*"], "max_streams": streams}}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yml")
        config.write_text(json.dumps({"sources": [source]}))
        arguments = ["-m", "exporter", "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0"]
        with _process(arguments, "stderr") as (process, line):
            yield _Exporter(line.split()[1], psutil.Process(process.pid))


@contextmanager
def _server(pipelines: int) -> Iterator[str]:
    with _process(["-m", "benchmarks.logserver", str(pipelines)], "stdout") as (_, line):
        yield line.strip()


@contextmanager
def _process(arguments: list[str], output: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running process of this Python, and the first line that it writes to that output."""
    process = subprocess.Popen([sys.executable, *arguments], text=True, **{output: subprocess.PIPE})
    try:
        stream = getattr(process, output)
        yield process, stream.readline()
    finally:
        process.kill()
        process.wait()


def _set_rate(url: str, lines: int, errors: int) -> None:
    httpx.post(f"{url}/bench/rate", params={"lines": lines, "errors": errors}, timeout=60).raise_for_status()


def _written(url: str) -> int:
    time.sleep(1)  # a step that is under way ends
    return int(httpx.get(f"{url}/bench/written", timeout=60).text)


def _until(condition: Callable[[], bool], *, at_most: float = 60) -> None:
    end = time.monotonic() + at_most
    while not condition() and time.monotonic() < end:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
