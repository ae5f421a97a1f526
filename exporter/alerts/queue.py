"""What one Alertmanager is still to be told: each alert once, in its newest form, and nothing twice for no reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import msgspec

from exporter.alerts.alert import Labels, Notice

MOST = 10_000
BATCH = 256

_MOST_FAILURES = 10


class Outgoing(msgspec.Struct, frozen=True):
    """A notice on its way, said as ``firing`` or as over."""

    notice: Notice
    firing: bool


class Accepted(msgspec.Struct, frozen=True):
    """Which firing the Alertmanager knows of, by when it began, and since when it does."""

    starts_at: float
    at: float


class Deferred(msgspec.Struct):
    """How often an alert may still fail alone while others go through, and what had gone through when it last did."""

    left: int
    successes: int


class Queue:
    """Pending notices of one Alertmanager, at most ``most``.

    An alert that is over before this Alertmanager heard of it is told as firing first, and as over ``linger``
    seconds after that was taken in: an Alertmanager tells nobody of an alert that it saw only as resolved. Too many:
    the oldest of those that it knows to be firing go first, then those it does not know, resolved ones last.
    """

    def __init__(self, *, linger: float, most: int = MOST) -> None:
        self.linger = linger
        self._most = most
        self._accepted: dict[Labels, Accepted] = {}
        self._refused: dict[Labels, None] = {}
        self._deferred: dict[Labels, Deferred] = {}
        self._successes = 0
        self._news: dict[Labels, Notice] = {}
        self._ends: dict[Labels, Notice] = {}
        self._resends: dict[Labels, Notice] = {}

    def __len__(self) -> int:
        return len(self._news) + len(self._ends) + len(self._resends)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self) >= self._most

    def knows(self, labels: Labels, starts_at: float, at: float) -> None:
        """The Alertmanager took in this firing at that time, in an earlier life of ours."""
        self._accepted[labels] = Accepted(starts_at, at)

    def put(self, notice: Notice) -> int:
        """Take in a notice in place of an older one about the same alert; how many had to be dropped."""
        place = self._place(notice)
        for other in (self._news, self._ends, self._resends):
            if other is not place:
                other.pop(notice.labels, None)
        place[notice.labels] = notice
        dropped = 0
        while len(self) > self._most:
            crowded = self._resends or self._news or self._ends
            del crowded[next(iter(crowded))]
            dropped += 1
        return dropped

    def forget_all_but(self, known: Iterable[Labels]) -> None:
        """Of other alerts than these nobody will speak again."""
        keep = {*known, *self._ends}
        for memory in (self._accepted, self._refused, self._deferred):
            for labels in memory.keys() - keep:
                memory.pop(labels)

    def take(self, now: float, most: int = BATCH) -> list[Outgoing]:
        """What to say next, at most so much; it stays until ``done``.

        What was deferred comes after all else, and what was refused before goes alone.
        """
        doubtful = self._deferred.keys() | self._refused.keys()
        fine = (out for out in self._ready(now) if out.notice.labels not in doubtful)
        return list(islice(fine, most)) or self._take_deferred(now, most) or list(islice(self._ready(now), 1))

    def _take_deferred(self, now: float, most: int) -> list[Outgoing]:
        ready = {out.notice.labels: out for out in self._ready(now)} if self._deferred else {}
        return list(islice((ready[labels] for labels in self._deferred if labels in ready), most))

    def next_at(self, now: float) -> float | None:
        """When there will be something to say if nothing new comes; None: never."""
        if next(self._ready(now), None) is not None:
            return now
        known = (self._told(notice) for notice in self._ends.values())
        return min((accepted.at + self.linger for accepted in known if accepted), default=None)

    def done(self, batch: Sequence[Outgoing], now: float) -> list[Notice]:
        """These were taken in; the ones among them that it had not known to fire, or that are frozen."""
        first: list[Notice] = []
        self._successes += 1
        for out in batch:
            notice = out.notice
            self._refused.pop(notice.labels, None)
            self._deferred.pop(notice.labels, None)
            is_first = out.firing and self._told(notice) is None
            if is_first:
                self._accepted[notice.labels] = Accepted(notice.starts_at, now)
            if is_first or notice.frozen:
                first.append(notice)
            self._remove(out)
        return first

    @property
    def has_deferred(self) -> bool:
        """Whether there is anything that is to wait for all else."""
        return bool(self._deferred)

    def defer(self, batch: Sequence[Outgoing]) -> bool:
        """These could not be said; all else goes first. Whether it is one that should be given up.

        That is one that fails alone, again and again, while others go through between its failures: then it is not
        the Alertmanager that is in trouble.
        """
        waiting = [labels for out in batch if self._has(labels := out.notice.labels)]
        for labels in waiting:
            known = self._deferred.pop(labels, None)
            self._deferred[labels] = known or Deferred(self._patience(labels), self._successes)
        return len(batch) == len(waiting) == 1 and self._fails_alone(self._deferred[waiting[0]])

    def _fails_alone(self, one: Deferred) -> bool:
        if one.successes != self._successes:
            one.successes = self._successes
            one.left -= 1
        return one.left < 0

    def _patience(self, labels: Labels) -> int:
        return 0 if labels in self._refused else _MOST_FAILURES

    def _has(self, labels: Labels) -> bool:
        return any(labels in place for place in (self._news, self._ends, self._resends))

    def refuse(self, out: Outgoing) -> None:
        """This one will never be taken in as it is."""
        self._refused[out.notice.labels] = None
        self._deferred.pop(out.notice.labels, None)
        self._remove(out, drop=True)

    def was_refused(self, labels: Labels) -> bool:
        """Whether an alert was refused the last time."""
        return labels in self._refused

    def _remove(self, out: Outgoing, *, drop: bool = False) -> None:
        """Take away what was said, unless there is something newer; an end that was said as firing is still to come."""
        labels = out.notice.labels
        places = (self._news, self._resends) if out.firing and not drop else (self._news, self._resends, self._ends)
        for place in places:
            if place.get(labels) is out.notice:
                del place[labels]

    def _place(self, notice: Notice) -> dict[Labels, Notice]:
        if notice.ended_at is not None:
            return self._ends
        return self._news if self._told(notice) is None else self._resends

    def _told(self, notice: Notice) -> Accepted | None:
        """Since when the Alertmanager knows this very firing."""
        accepted = self._accepted.get(notice.labels)
        return accepted if accepted and accepted.starts_at == notice.starts_at else None

    def _ready(self, now: float) -> Iterator[Outgoing]:
        """All that may be said now, the most urgent first."""
        news = (Outgoing(notice, True) for notice in self._news.values())
        resends = (Outgoing(notice, True) for notice in self._resends.values())
        return chain(news, self._ready_ends(now), resends)

    def _ready_ends(self, now: float) -> Iterator[Outgoing]:
        for notice in self._ends.values():
            accepted = self._told(notice)
            if accepted is None:
                yield Outgoing(notice, True)
            elif not accepted.at <= now < accepted.at + self.linger:
                yield Outgoing(notice, False)
