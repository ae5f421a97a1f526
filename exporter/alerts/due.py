"""When an alert is said, and how: as something that is known, or as the last that was known of a source."""

from __future__ import annotations

from exporter.alerts.alert import Alert
from exporter.alerts.rules import UNREACHABLE
from exporter.alerts.watch import Watch
from exporter.config import Alerting


def is_due(alert: Alert, watch: Watch | None, settings: Alerting, now: float) -> bool:
    """Whether an alert was not sent for a resend interval; a clock that was set back delays nothing.

    ``watch`` is the source of an alert about a pipeline. Nothing is said of a pipeline that is still to be looked at.
    That a source cannot be read any more is said at once. Only who can read it repeats that something is over, or that
    the source can be read: another exporter may know better.
    """
    if watch is not None and watch.is_waiting(alert.subject[1]):
        return False
    if alert.sent_at is None or (_is_frozen(alert, watch) and not alert.frozen):
        return True
    if 0 <= now - alert.sent_at < settings.resend_interval:
        return False
    if alert.ended_at is None:
        return True
    is_certain = alert.name != UNREACHABLE and (watch is None or watch.readable)
    return is_certain and now - alert.ended_at <= settings.resolved_retention


def hand_out(alert: Alert, watch: Watch | None, now: float) -> bool:
    """Note that an alert is sent now; whether that ends its being frozen, which is to be written down."""
    alert.sent_at = now
    alert.frozen = _is_frozen(alert, watch)
    thaws = bool(alert.frozen_at) and not alert.frozen
    if thaws:
        alert.frozen_at.clear()
    return thaws


def _is_frozen(alert: Alert, watch: Watch | None) -> bool:
    return alert.fires and watch is not None and not watch.readable
