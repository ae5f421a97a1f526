"""What the same work costs at the least, and what it costs with prometheus-client: measured in the same run."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from benchmarks.processes import raw_request
from exporter.sources.feldera.wire import Row

_MOST_LINES = 1_000_000
_LINE = re.compile(r"([^{ ]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Part(msgspec.Struct, frozen=True):
    """The beginning of a page, small enough to be held as objects, and how often it goes into the whole."""

    lines: list[bytes]
    times: float


def part_of(page: bytes) -> Part:
    """The sample lines of a page, of its first million lines."""
    taken = list(islice(_lines(page), _MOST_LINES))
    times = len(page) / sum(map(len, taken))
    return Part([line for line in taken if not line.startswith(b"#")], times)


def _lines(page: bytes) -> Iterator[bytes]:
    start = 0
    while (end := page.find(b"\n", start) + 1) > 0:
        yield page[start:end]
        start = end


def joined(part: Part) -> float:
    """Seconds in which ``b"".join`` makes the page of its lines."""
    return part.times * seconds_of(lambda: b"".join(part.lines))


def client(part: Part) -> float:
    """Seconds in which prometheus-client renders the same samples."""
    registry = CollectorRegistry()
    registry.register(_Fixed(list(_metrics(part.lines))))
    return part.times * seconds_of(lambda: generate_latest(registry), times=1)


def decoded(body: bytes) -> float:
    """Seconds in which msgspec alone decodes the list of all pipelines."""
    return seconds_of(lambda: msgspec.json.decode(body, type=list[Row]))


def sent(size: int) -> float:
    """Seconds in which one raw socket answers a request with so many bytes."""
    with _answering(b"x" * size) as port:
        return seconds_of(lambda: raw_request("127.0.0.1", port, "GET\r\n\r\n"), times=9)


def seconds_of(function: Callable[[], object], *, times: int = 5) -> float:
    """The median of some runs."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        function()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


class _Fixed(Collector):
    """A collector of samples made before."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def _metrics(lines: Iterable[bytes]) -> Iterator[Metric]:
    """The samples as prometheus-client knows them, a metric for each name in a row."""
    matches = (match for line in lines if (match := _LINE.match(line.decode())))
    for name, samples in groupby(matches, key=lambda match: match[1]):
        metric = Metric(name.removesuffix("_total"), "x", "gauge")
        for match in samples:
            metric.add_sample(name, dict(_LABEL.findall(match[2] or "")), float(match[3]))
        yield metric


@contextmanager
def _answering(body: bytes) -> Iterator[int]:
    """A thread that answers every connection with ``body``; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer, args=(listening, body), daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def _answer(listening: socket.socket, body: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(1024)
            connection.sendall(body)
