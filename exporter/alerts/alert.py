"""An alert as the engine keeps it, what is sent of it, and the labels by which everybody knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from exporter.alerts.text import clean, rfc3339

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values in the order of the names: what Alertmanager knows an alert by."""

Subject: TypeAlias = tuple[str, str]
"""What an alert is about: a source's name and a pipeline's id, empty where it is about more than that."""

FROZEN_LEASE_SECONDS = 24 * 3600.0
"""For how long an alert whose source cannot be read counts as firing if nothing more is heard of it."""

_RENEWED_SECONDS = 20 * 3600.0
_LONGEST_VALUE = 1024
_NOT_KEPT = frozenset({"log_lines"})


class Notice(msgspec.Struct, frozen=True):
    """What is to be said of an alert: that it fires, or since when it is over.

    ``frozen`` says that it fires as far as is known, because its source cannot be read.
    """

    labels: Labels
    annotations: dict[str, str]
    url: str
    starts_at: float
    ended_at: float | None
    frozen: bool = False

    def posted(self, ends_at: float) -> dict[str, object]:
        """It as Alertmanager's API wants it (v2, ``postableAlert``)."""
        return {
            "labels": dict(self.labels),
            "annotations": self.annotations,
            "startsAt": rfc3339(self.starts_at),
            "endsAt": rfc3339(max(ends_at, self.starts_at)),
            "generatorURL": self.url,
        }


class Alert(msgspec.Struct):
    """An alert from when it began to fire until nobody needs to hear of it any more.

    ``ended_at`` is when it was resolved (None: it fires). ``told`` has the Alertmanagers that are to hear of it and
    when each took it in as firing (None: not yet). ``sent_at`` is when it was last handed to the queues.
    ``frozen`` says that its source could not be read then, ``frozen_at`` which of the Alertmanagers took that in.
    """

    name: str
    subject: Subject
    labels: Labels
    annotations: dict[str, str]
    url: str
    starts_at: float
    told: dict[str, float | None]
    ended_at: float | None = None
    sent_at: float | None = None
    frozen: bool = False
    frozen_at: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def fires(self) -> bool:
        """Whether it is not resolved."""
        return self.ended_at is None

    def notice(self) -> Notice:
        """What is to be said of it now."""
        return Notice(self.labels, self.annotations, self.url, self.starts_at, self.ended_at, self.frozen)

    def is_news_to(self, receiver: str, now: float) -> bool:
        """Whether there is something to say to an Alertmanager.

        Of the end only those hear that were to hear of the beginning. That it is frozen is said once: said again and
        again it would contradict another exporter, which can read the source and says that it is over.
        """
        if not self.fires:
            return receiver in self.told
        at = self.frozen_at.get(receiver) if self.frozen else None
        return at is None or not 0 <= now - at < _RENEWED_SECONDS

    def kept(self) -> Alert:
        """It as it may lie in a file: without lines of a log, and still to be sent."""
        annotations = {name: text for name, text in self.annotations.items() if name not in _NOT_KEPT}
        return msgspec.structs.replace(self, annotations=annotations, sent_at=None)


def make_labels(external: Mapping[str, str], **own: str) -> Labels:
    """The labels of an alert of ours; an empty value is no label, as Alertmanager has it."""
    named = {**external, **own, "via": "bridge"}
    found = ((name, clean(value)[:_LONGEST_VALUE]) for name, value in named.items())
    return tuple(sorted((name, value) for name, value in found if value))
