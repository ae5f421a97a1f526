"""Keeps what should fire firing: levels, not edges. Pure of I/O; the time comes in as an argument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from exporter.alerts import explain
from exporter.alerts.alert import Alert, Labels, Notice, Subject, make_labels
from exporter.alerts.due import hand_out, is_due
from exporter.alerts.explain import Places
from exporter.alerts.judge import Finding, Judge
from exporter.alerts.memory import Memory
from exporter.alerts.rules import ALERTS, UNREACHABLE, WATCHDOG
from exporter.alerts.watch import Watch
from exporter.config import Alerting
from exporter.model import Fact, FailureRead, HistoryRead
from exporter.store import Change, SourceFacts

_LEAST_FIRING_SECONDS = 45.0
_MOST_AT_ONCE = 256
_MOST_RESOLVED = 10_000
_BRIDGE: Subject = ("", "")
_URGENT = ("error_code", "error_message")


def linger(settings: Alerting) -> float:
    """Seconds that an alert fires at least: more than an Alertmanager waits before it tells of a group (group_wait)."""
    return min(float(settings.hold), _LEAST_FIRING_SECONDS)


class Failure(msgspec.Struct, frozen=True):
    """An error while a pipeline was looked at; ``is_first`` of a row."""

    subject: Subject
    error: Exception
    is_first: bool


class Engine:
    """What fires, and what was resolved not long ago.

    ``receivers`` are the Alertmanagers' addresses. Nothing is decided about the pipelines of a source that cannot be
    read: their alerts stay as they are, which is said once, with a long lease.
    """

    def __init__(self, settings: Alerting, places: Places, receivers: Sequence[str], memory: Memory) -> None:
        self._settings = settings
        self._places = places
        self._receivers = tuple(receivers)
        self._memory = memory
        self._alerts = memory.alerts
        self._judge = Judge(settings, memory.handled, memory.known_from)
        self._watched: dict[str, Watch] = {}
        self._firing: dict[Subject, dict[Labels, None]] = {}
        self._undecided: set[Subject] = set()
        self._failures: list[Failure] = []
        for alert in list(self._alerts.values()):
            self._adopt(alert)

    @property
    def busy(self) -> bool:
        """Whether there is more to decide than one step takes."""
        return any(watch.busy for watch in self._watched.values())

    def firing(self) -> Counter[str]:
        """How many alerts of each name fire."""
        return Counter(alert.name for alert in self._alerts.values() if alert.fires)

    def about(self, source: str, pipeline_id: str) -> list[Alert]:
        """The alerts that fire for a pipeline."""
        labels = self._firing.get((source, pipeline_id), ())
        return [alert for key in labels if (alert := self._alerts.get(key)) is not None]

    def all(self) -> list[Alert]:
        """Every alert, also those that were resolved not long ago."""
        return list(self._alerts.values())

    # What is told to the engine

    def watch(self, facts: SourceFacts) -> None:
        """A source is read from now on, or by a new reader."""
        held = [pipeline for source, pipeline in self._firing if source == facts.name]
        self._watched[str(facts.name)] = Watch(facts, awaiting=held)

    def unwatch(self, source: str) -> None:
        """A source is not read any more: its alerts end."""
        source = str(source)  # of a plain type, which encoders know
        self._watched.pop(source, None)
        self._undecided = {subject for subject in self._undecided if subject[0] != source}
        self._memory.known_from.pop(source)
        for subject in [subject for subject in self._memory.handled if subject[0] == source]:
            self._memory.handled.pop(subject)

    def note(self, source: str, fact: Fact, change: Change) -> None:
        """A fact of a source and what it changed."""
        if (watch := self._watched.get(source)) is None:
            return
        watch.look_at(change.changed)
        watch.look_at(change.removed)
        if isinstance(fact, FailureRead):
            watch.look_at((fact.pipeline_id,))
        elif isinstance(fact, HistoryRead):
            watch.history_read(fact.pipeline_id)

    def ended(self, source: str, task: str, now: float, *, success: bool, why: str = "") -> None:
        """A task of a source ended, with a reason if it failed."""
        watch = self._watched.get(source)
        if watch is None:
            return
        if task == "history" and success:
            watch.history_read(None)
        if task == "poll" and watch.polled(success=success, why=why, now=now):
            self._confirm(watch)

    def _confirm(self, watch: Watch) -> None:
        """After the first good poll everything is looked at, what was remembered too."""
        source = watch.name
        watch.look_at(watch.facts.pipelines)
        watch.look_at([pipeline for known, pipeline in self._firing if known == source and pipeline])
        if self._memory.known_from.get(source) is None:
            self._memory.known_from.put(source, watch.facts.history.as_of or 0.0)

    def configure(self, settings: Alerting, places: Places, receivers: Sequence[str], now: float) -> None:
        """Other settings from now on; what fires goes on firing."""
        before, self._settings, self._places = self._settings, settings, places
        self._judge.settings = settings
        self._receivers = tuple(receivers)
        for alert in list(self._alerts.values()):
            self._adopt(alert)
        if settings.external_labels != before.external_labels:
            self._rename(before.external_labels, now)
        for watch in self._watched.values():
            watch.look_at(watch.facts.pipelines)

    def accepted(self, receiver: str, notice: Notice, at: float) -> None:
        """An Alertmanager took in an alert as firing for the first time, or as frozen."""
        alert = self._alerts.get(notice.labels)
        if alert is None or alert.starts_at != notice.starts_at or receiver not in alert.told:
            return
        if alert.told[receiver] is None:
            alert.told[receiver] = at
        if notice.frozen:
            alert.frozen_at[receiver] = at
        self._alerts.put(alert.labels, alert)

    # What the engine tells

    def step(self, now: float) -> list[Alert]:
        """Decide what is to be decided; the alerts that are to be sent now."""
        self._decide_bridge(now)
        for watch in self._watched.values():
            self._decide_source(watch, now)
            for pipeline in watch.take(now, _MOST_AT_ONCE):
                self._try(watch, (watch.name, pipeline), now)
        for subject in [subject for subject in self._firing if subject[0] and subject[0] not in self._watched]:
            self._keep_only((), subject, None, now)
        self._retire(now)
        return self._due(now)

    def next_at(self, now: float) -> float | None:
        """When there will be something to decide if nothing changes; None: never."""
        times = (at for watch in self._watched.values() for at in watch.times(self._settings.unreachable_for))
        return min((at for at in times if at > now), default=None)

    def failures(self) -> list[Failure]:
        """What could not be decided since this was asked last."""
        failures, self._failures = self._failures, []
        return failures

    def _try(self, watch: Watch, subject: Subject, now: float) -> None:
        """Decide about a pipeline; where that fails its alerts stay as they are, and it is tried again later."""
        try:
            self._decide(watch, subject, now)
            self._undecided.discard(subject)
        except Exception as error:
            self._failures.append(Failure(subject, error, is_first=subject not in self._undecided))
            self._undecided.add(subject)
            watch.look_again(subject[1], now + self._settings.resend_interval)

    def _decide(self, watch: Watch, subject: Subject, now: float) -> None:
        found = {self._labels_of(finding): finding for finding in self._judge.find(watch, subject[1], now)}
        for labels, finding in found.items():
            told = explain.of_pipeline(finding.name, finding.facts, finding.reason, self._places)
            self._fire(finding.name, subject, labels, told, now)
        self._keep_only(found, subject, watch, now)

    def _decide_bridge(self, now: float) -> None:
        labels = self._labels(WATCHDOG)
        self._fire(WATCHDOG, _BRIDGE, labels, explain.of_watchdog(WATCHDOG, self._places), now)
        self._keep_only((labels,), _BRIDGE, None, now)

    def _decide_source(self, watch: Watch, now: float) -> None:
        source = watch.name
        subject = (source, "")
        labels = self._labels(UNREACHABLE, source=source)
        since = watch.unread_since
        if since is not None and now >= since + self._settings.unreachable_for:
            told = explain.of_source(UNREACHABLE, source, watch.why, since, self._places)
            self._fire(UNREACHABLE, subject, labels, told, now)
            self._keep_only((labels,), subject, None, now)
        elif watch.readable and subject in self._firing:
            self._keep_only((), subject, None, now)

    def _labels_of(self, finding: Finding) -> Labels:
        pipeline = finding.facts.pipeline
        return self._labels(
            finding.name, source=finding.facts.source, pipeline=pipeline.id, pipeline_name=pipeline.name
        )

    def _labels(self, name: str, **more: str) -> Labels:
        return make_labels(self._settings.external_labels, alertname=name, severity=ALERTS[name], **more)

    def _fire(self, name: str, subject: Subject, labels: Labels, told: dict[str, str], now: float) -> None:
        """Begin to fire, or go on; a reason that became known is sent at once, other news with the next resend."""
        alert = self._alerts.get(labels)
        url = told.get("pipeline_url", f"{self._places.exporter}/")
        if alert is None or not alert.fires:
            receivers: dict[str, float | None] = dict.fromkeys(self._receivers)
            self._begin(Alert(name, subject, labels, told, url, now, receivers))
        elif told != alert.annotations:
            is_urgent = any(told.get(key) != alert.annotations.get(key) for key in _URGENT)
            alert.annotations, alert.url = told, url
            if is_urgent:
                alert.sent_at = None
                self._alerts.put(labels, alert)

    def _begin(self, alert: Alert) -> None:
        self._alerts.put(alert.labels, alert)
        self._firing.setdefault(alert.subject, {})[alert.labels] = None

    def _keep_only(self, wanted: Iterable[Labels], subject: Subject, watch: Watch | None, now: float) -> None:
        """End what should not fire any more; not before it has fired for as long as it must."""
        for labels in self._firing.get(subject, {}).keys() - set(wanted):
            alert = self._alerts.get(labels)
            ready = alert.starts_at + linger(self._settings) if alert else now
            if alert is not None and alert.starts_at <= now < ready:
                if watch is not None:
                    watch.look_again(subject[1], ready)
            else:
                self._end(labels, subject, now)

    def _end(self, labels: Labels, subject: Subject, now: float) -> None:
        firing = self._firing[subject]
        del firing[labels]
        if not firing:
            del self._firing[subject]
        if (alert := self._alerts.get(labels)) is not None:
            alert.ended_at = max(now, alert.starts_at)
            alert.sent_at = None
            self._alerts.put(labels, alert)

    def _due(self, now: float) -> list[Alert]:
        """What is to be said now."""
        found = [alert for alert in self._alerts.values() if is_due(alert, self._watch_of(alert), self._settings, now)]
        for alert in found:
            if hand_out(alert, self._watch_of(alert), now):
                self._alerts.put(alert.labels, alert)
        return found

    def _watch_of(self, alert: Alert) -> Watch | None:
        """The source of an alert about a pipeline; None if it is about something else, or not read any more."""
        source, pipeline = alert.subject
        return self._watched.get(source) if pipeline else None

    def _retire(self, now: float) -> None:
        """Forget what was resolved long ago, unless an Alertmanager has not heard of it; at most so many are kept."""
        ended = [alert for alert in self._alerts.values() if alert.ended_at is not None]
        if not ended:
            return
        ended.sort(key=lambda alert: alert.ended_at or 0.0, reverse=True)
        for place, alert in enumerate(ended):
            is_old = now - (alert.ended_at or 0.0) > self._settings.resolved_retention
            if place >= _MOST_RESOLVED or (is_old and None not in alert.told.values()):
                self._alerts.pop(alert.labels)

    def _adopt(self, alert: Alert) -> None:
        """Take over an alert for the present receivers: one that fires is told to the new ones, a resolved one not."""
        told = {url: alert.told.get(url) for url in self._receivers if alert.fires or url in alert.told}
        if told.keys() - alert.told.keys():
            alert.sent_at = None
        alert.told = told
        if alert.fires:
            self._firing.setdefault(alert.subject, {})[alert.labels] = None

    def _rename(self, before: dict[str, str], now: float) -> None:
        """Other external labels: Alertmanager knows the alerts by them, so the old ones end and new ones begin."""
        for alert in [alert for alert in self._alerts.values() if alert.fires]:
            own = {name: value for name, value in alert.labels if name not in before}
            labels = make_labels(self._settings.external_labels, **own)
            self._end(alert.labels, alert.subject, now)
            fresh: dict[str, float | None] = dict.fromkeys(self._receivers)
            self._begin(Alert(alert.name, alert.subject, labels, alert.annotations, alert.url, alert.starts_at, fresh))
