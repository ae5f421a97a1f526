"""Decides which alerts about one pipeline should fire now, and remembers which failures have been told."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from exporter.alerts.alert import Subject
from exporter.alerts.memory import Handled, Hold, Kept
from exporter.alerts.past import Episode, last_episode
from exporter.alerts.rules import DEPLOYMENT_ERROR, RULES, Facts, Reason, Rule, past_reason
from exporter.alerts.watch import Watch
from exporter.config import Alerting

_MARGIN_SECONDS = 2.0  # a failure may begin a moment after the time that the poll which showed it is dated
_MOST_HANDLED = 10_000
_MOST_TRIED = 100


class Finding(msgspec.Struct, frozen=True):
    """An alert that should fire, and why."""

    name: str
    severity: str
    facts: Facts
    reason: Reason


class Judge:
    """Asks every rule about a pipeline; ``handled`` remembers the failures that were told."""

    def __init__(self, settings: Alerting, handled: Kept[Subject, Handled], known_from: Kept[str, float]) -> None:
        self.settings = settings
        self._handled = handled
        self._known_from = known_from

    def find(self, watch: Watch, pipeline_id: str, now: float) -> Iterator[Finding]:
        """What should fire for a pipeline now; when to look again is left with ``watch``."""
        facts = self._facts(watch, pipeline_id)
        if facts is None:
            for rule in RULES:
                watch.out_of_sight(pipeline_id, rule.name)
            return
        for rule in RULES:
            reason = rule.find(facts)
            if reason is None:
                watch.out_of_sight(pipeline_id, rule.name)
            elif self._waited(rule, reason, watch, pipeline_id, now):
                yield Finding(rule.name, rule.severity, facts, reason)
        if (episode := self._held(facts, watch, now)) is not None:
            yield Finding(DEPLOYMENT_ERROR, "critical", facts, past_reason(facts, episode))

    @staticmethod
    def _facts(watch: Watch, pipeline_id: str) -> Facts | None:
        known = watch.facts
        pipeline = known.pipelines.get(pipeline_id)
        if pipeline is None:
            return None
        history = known.history.pipelines.get(pipeline_id)
        return Facts(watch.name, pipeline, history, known.failures.get(pipeline_id), known.dimensions)

    def _waited(self, rule: Rule, reason: Reason, watch: Watch, pipeline_id: str, now: float) -> bool:
        """Whether it has lasted long enough: by the control plane's time if that is known, else by first sight."""
        if (wait := rule.wait(self.settings)) <= 0:
            return True
        begun = watch.first_sight(pipeline_id, rule.name, now)
        if reason.since is not None:
            begun = min(begun, reason.since + watch.ahead)
        if now >= begun + wait:
            return True
        watch.look_again(pipeline_id, begun + wait)
        return False

    def _held(self, facts: Facts, watch: Watch, now: float) -> Episode | None:
        """A failure that came and went unseen, for as long as it is held firing."""
        subject = (facts.source, facts.pipeline.id)
        known = self._handled.get(subject)
        if facts.pipeline.error is not None:
            self._seen(subject, known, watch)
            return None
        told_until = max(known.until if known else 0.0, self._known_from.get(facts.source) or 0.0)
        episode = last_episode(facts.history)
        if episode is not None and episode.at > told_until:
            known = Handled(episode.at, Hold(now, episode.at, episode.until))
            self._remember(subject, known, watch)
        return self._still_held(subject, known, watch, now)

    def _still_held(self, subject: Subject, known: Handled | None, watch: Watch, now: float) -> Episode | None:
        if known is None or known.hold is None:
            return None
        ends = known.hold.found_at + self.settings.hold
        if now < ends:
            watch.look_again(subject[1], ends)
        elif subject[1] not in watch.awaiting:
            self._remember(subject, Handled(known.until), watch)
            return None
        return Episode(known.hold.at, known.hold.until)

    def _seen(self, subject: Subject, known: Handled | None, watch: Watch) -> None:
        """The error is there now and fires by itself: nothing that began until now is told again from the history."""
        until = (watch.facts.history.as_of or 0.0) + _MARGIN_SECONDS
        if known is None or known.hold is not None or until > known.until:
            self._remember(subject, Handled(max(until, known.until if known else 0.0)), watch)

    def _remember(self, subject: Subject, handled: Handled, watch: Watch) -> None:
        """Keep it; of pipelines that are gone only so many."""
        self._handled.put(subject, handled)
        tries = _MOST_TRIED if len(self._handled) > _MOST_HANDLED else 0
        for oldest in [key for key, _ in zip(self._handled, range(tries), strict=False)]:
            if oldest[0] == subject[0] and oldest[1] in watch.facts.pipelines:
                self._handled.to_the_end(oldest)
            else:
                self._handled.pop(oldest)
                return
