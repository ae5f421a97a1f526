"""The exporter's metrics about itself, kept by prometheus-client."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics

from exporter import __version__
from exporter.errors import REASONS
from exporter.metrics.text import Format

M = TypeVar("M", bound=MetricWrapperBase)

_TASK_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_DELAY_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_RENDER_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class OwnMetrics:
    """All of them, in a registry of their own; ``leave_out`` decides by a family's name whether it is shown."""

    def __init__(self, *, leave_out: Callable[[str], bool] = lambda name: False) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._leave_out = leave_out
        self._registry = CollectorRegistry()
        self._metrics: list[MetricWrapperBase] = []
        self.families: list[tuple[str, str, str, tuple[str, ...]]] = []
        self._about_sources()
        self._about_requests()
        self._about_alerts()
        self._about_the_process()
        self._about_the_page()

    def _about_sources(self) -> None:
        self.source_up = self._gauge("source_up", "1 if the last read of the statuses worked.", "source")
        self.source_pipelines = self._gauge("source_pipelines", "Pipelines exported.", "source")
        self.poll_interval = self._gauge(
            "source_poll_interval_seconds", "Configured time between two reads of the statuses.", "source"
        )
        self.last_success = self._gauge(
            "task_last_success_timestamp_seconds", "When the task last worked.", "source", "task"
        )
        self.failures = self._counter(
            "task_failures_total", "Failures of a task, or of a part of it, by reason.", "source", "task", "reason"
        )
        self.durations = self._histogram(
            "task_duration_seconds", "How long a run of the task took.", _TASK_BUCKETS, "source", "task"
        )

    def _about_requests(self) -> None:
        self.requests = self._counter(
            "api_requests_total",
            "Requests to the control plane; code is the HTTP status, or the reason why there is none.",
            "source",
            "endpoint",
            "code",
        )
        self.response_bytes = self._counter(
            "api_response_bytes_total", "Bytes of the bodies read, after decompression.", "source", "endpoint"
        )
        self.unknown_status = self._counter(
            "unknown_status_total",
            "Statuses seen that this version does not know; they are exported all the same.",
            "source",
            "dimension",
        )

    def _about_alerts(self) -> None:
        self.notifications = self._counter(
            "notifications_total",
            "Alerts posted to an Alertmanager, those of posts that failed included.",
            "alertmanager",
        )
        self.notifications_failed = self._counter(
            "notifications_failed_total", "Alerts in posts that failed; they are posted again.", "alertmanager"
        )
        self.notifications_dropped = self._counter(
            "notifications_dropped_total",
            "Alerts given up: refused by the Alertmanager, or too many were waiting.",
            "alertmanager",
        )
        self.notifications_queue = self._gauge(
            "notifications_queue_length", "Alerts that wait to be posted.", "alertmanager"
        )
        self.firing = self._gauge("alerts_firing", "Alerts of the bridge that fire.", "alertname")

    def _about_the_process(self) -> None:
        self.reload_successful = self._gauge(
            "config_last_reload_successful", "1 if the last load of the config file worked."
        )
        self.reload_time = self._gauge(
            "config_last_reload_success_timestamp_seconds", "When the config file was last loaded with success."
        )
        self.state_written = self._gauge(
            "state_last_write_successful",
            "0 while the state file cannot be written and the exporter goes on from memory.",
        )
        self.shard_index = self._gauge("shard_index", "Which part of the pipelines this process serves, from 0.")
        self.shard_total = self._gauge("shards", "Into how many parts the pipelines are divided.")
        self.loop_delay = self._histogram(
            "event_loop_delay_seconds", "How late the event loop was, ten times a second.", _DELAY_BUCKETS
        )
        self.restarts = self._counter(
            "part_restarts_total", "Times that a part of the exporter failed unexpectedly and began again.", "part"
        )
        build = self._gauge("build_info", "The exporter's version; always 1.", "version", "python_version")
        build.labels(__version__, platform.python_version()).set(1)

    def _about_the_page(self) -> None:
        self.exposition_bytes = self._gauge("exposition_bytes", "Size of the text page before compression.")
        self.exposition_series = self._gauge("exposition_series", "Number of samples on the page.")
        self.render_duration = self._histogram(
            "render_duration_seconds", "How long the page took to put together after a change.", _RENDER_BUCKETS
        )

    def loaded(self) -> None:
        """Note that the config file was loaded."""
        self.reload_successful.set(1)
        self.reload_time.set(time.time())

    def sharded(self, index: int, total: int) -> None:
        """Note which part of the pipelines is served."""
        self.shard_index.set(index)
        self.shard_total.set(total)

    def restarted(self, part: str) -> None:
        """Note that a part of the exporter failed and began again."""
        self.restarts.labels(part).inc()

    def forget(self, source: str) -> None:
        """Drop every series of a source that is no longer read."""
        for metric, (*_, labels) in zip(self._metrics, self.families, strict=True):
            if "source" in labels:
                metric.remove_by_labels({"source": source})

    def alertmanager(self, name: str) -> AlertmanagerMetrics:
        """The counts of one Alertmanager."""
        return AlertmanagerMetrics(self, name)

    def forget_alertmanager(self, name: str) -> None:
        """Drop the series of an Alertmanager that is not sent to any more."""
        for metric in (
            self.notifications, self.notifications_failed, self.notifications_dropped, self.notifications_queue
        ):  # fmt: skip
            metric.remove_by_labels({"alertmanager": name})

    def alerts_firing(self, name: str, count: int) -> None:
        """Note how many alerts of a name fire."""
        self.firing.labels(name).set(count)

    def render(self, format: Format) -> bytes:
        """The text of all of them; OpenMetrics ends with its end mark."""
        if format == "text":
            return generate_latest(self._registry)
        return generate_latest_openmetrics(self._registry)  # type: ignore[no-untyped-call, no-any-return]

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return self._add(Gauge(f"pipeline_exporter_{name}", help, labels, registry=None), name, "gauge", help, labels)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        counter = Counter(f"pipeline_exporter_{name}", help, labels, registry=None)
        return self._add(counter, name, "counter", help, labels)

    def _histogram(self, name: str, help: str, buckets: Sequence[float], *labels: str) -> Histogram:
        histogram = Histogram(f"pipeline_exporter_{name}", help, labels, buckets=buckets, registry=None)
        return self._add(histogram, name, "histogram", help, labels)

    def _add(self, metric: M, name: str, kind: str, help: str, labels: tuple[str, ...]) -> M:
        full = f"pipeline_exporter_{name}"
        self.families.append((full, kind, help, labels))
        self._metrics.append(metric)
        if not self._leave_out(full):
            self._registry.register(metric)
        return metric


class SourceMetrics:
    """What one source and its tasks tell about themselves; it is the ``Observer`` that sources know.

    Every counter child that may ever be is there from the start, at 0: ``increase()`` sees the first failure.
    """

    def __init__(self, own: OwnMetrics, source: str, *, poll_interval: float, dimensions: Sequence[str]) -> None:
        self._own = own
        self._source = source
        own.source_up.labels(source).set(0)
        own.source_pipelines.labels(source).set(0)
        own.poll_interval.labels(source).set(poll_interval)
        for dimension in dimensions:
            own.unknown_status.labels(source, dimension)

    def add_task(self, task: str) -> None:
        """Make the children of a task."""
        for reason in REASONS:
            self._own.failures.labels(self._source, task, reason)

    def request(self, endpoint: str, code: str, size: int) -> None:
        """Count a request."""
        self._own.requests.labels(self._source, endpoint, code).inc()
        self._own.response_bytes.labels(self._source, endpoint).inc(size)

    def received(self, endpoint: str, size: int) -> None:
        """Count bytes of a body that goes on."""
        self._own.response_bytes.labels(self._source, endpoint).inc(size)

    def unknown_status(self, dimension: str) -> None:
        """Count a status that this version does not know."""
        self._own.unknown_status.labels(self._source, dimension).inc()

    def failed(self, task: str, reason: str) -> None:
        """Count a failure of a task or of a part of it."""
        self._own.failures.labels(self._source, task, reason).inc()

    def ran(self, task: str, seconds: float, *, success: bool) -> None:
        """Note the end of a task's run."""
        self._own.durations.labels(self._source, task).observe(seconds)
        if success:
            self._own.last_success.labels(self._source, task).set(time.time())

    def up(self, value: bool) -> None:
        """Note whether the last read of the statuses worked."""
        self._own.source_up.labels(self._source).set(int(value))

    def pipelines(self, count: int) -> None:
        """Note how many pipelines are exported."""
        self._own.source_pipelines.labels(self._source).set(count)


class AlertmanagerMetrics:
    """What is counted of the posts to one Alertmanager; every child is there from the start."""

    def __init__(self, own: OwnMetrics, name: str) -> None:
        self._posted = own.notifications.labels(name)
        self._failed = own.notifications_failed.labels(name)
        self._dropped = own.notifications_dropped.labels(name)
        self._queue = own.notifications_queue.labels(name)

    def posted(self, alerts: int, *, success: bool) -> None:
        """A post with so many alerts ended."""
        self._posted.inc(alerts)
        self._failed.inc(0 if success else alerts)

    def dropped(self, alerts: int) -> None:
        """So many alerts are given up."""
        self._dropped.inc(alerts)

    def queued(self, alerts: int) -> None:
        """So many alerts wait."""
        self._queue.set(alerts)
