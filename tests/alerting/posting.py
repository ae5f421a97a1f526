"""One sender of alerts by itself, with the exporter's real counters."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from exporter.alerts.alert import Labels, Notice
from exporter.alerts.alertmanager import Alertmanager, name_of
from exporter.alerts.queue import Queue
from exporter.config import AlertmanagerConfig
from exporter.config.units import Interval, Url
from exporter.metrics.own import OwnMetrics
from tests.e2e.harness import Page

BEGIN = 1_700_000_000.0


def notice(name: str, *, message: str = "", end: float | None = None) -> Notice:
    """A notice about an alert with this name."""
    return Notice((("alertname", name),), {"error_message": message}, "http://exporter/", BEGIN, end)


class Sender:
    """A running sender, what it heard, and what was counted."""

    def __init__(self, url: str, *, linger: float, keys: dict[str, Any]) -> None:
        self.config = AlertmanagerConfig(url=Url(url), **{"timeout": Interval(1), **keys})
        self.own = OwnMetrics()
        self.accepted: list[Labels] = []
        self.queue = Queue(linger=linger)
        counts = self.own.alertmanager(name_of(self.config))
        self.manager = Alertmanager(
            self.config, self.queue, counts, lease=240.0, accepted=lambda one, at: self.accepted.append(one.labels)
        )

    def put(self, *notices: Notice) -> None:
        """Send these."""
        self.manager.put(notices)

    def counted(self, what: str) -> float | None:
        """A value of ``pipeline_exporter_notifications_…`` for this Alertmanager."""
        page = Page(self.own.render("text").decode())
        return page.value(f"pipeline_exporter_notifications_{what}", alertmanager=name_of(self.config))


@contextlib.asynccontextmanager
async def sending_to(url: str, *, linger: float = 0.0, **keys: Any) -> AsyncIterator[Sender]:
    """A sender with these keys of the config."""
    sender = Sender(url, linger=linger, keys=keys)
    sender.manager.start()
    try:
        yield sender
    finally:
        await sender.manager.aclose()
