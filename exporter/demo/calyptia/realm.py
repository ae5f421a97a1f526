"""What every part of a simulated cloud shares: time, identities, tokens and the record of what happened."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import msgspec

from exporter.demo.calyptia.agenda import Action, Agenda
from exporter.demo.calyptia.journal import Journal
from exporter.demo.calyptia.synthetic import Maker
from exporter.demo.calyptia.wire import Entry

BodyT = TypeVar("BodyT", bound=msgspec.Struct)


class Realm:
    """Time and identity of one project: the same seed and actions give the same ids, tokens and texts.

    `forbidden_queries` holds what clients sent and must not; `requests` counts their requests by path
    template.
    """

    def __init__(self, *, clock: Callable[[], float], seed: int, journal: bool) -> None:
        self.clock = clock
        self.seed = seed
        self.journal = Journal() if journal else None
        self.forbidden_queries: list[str] = []
        self.requests: Counter[str] = Counter()
        self.make = Maker(seed)
        self.project_id = self.make.uuid()
        self.project_token = self.make.project_token(self.project_id)
        self.user_token = self.make.user_token()
        self.planted_secret = self.make.secret()
        self.gone_tokens: set[str] = set()
        self._agenda = Agenda(clock)
        self._seq = itertools.count(1)

    def now(self) -> float:
        """Give the present of this world, unix seconds."""
        return self._agenda.now()

    def at(self, when: float, action: Action) -> None:
        """Have `action` happen at the unix time `when`, which it sees as the present."""
        self._agenda.at(when, action)

    def advance(self, now: float | None = None) -> None:
        """Let everything happen that is due by `now`, by default the clock's present."""
        self._agenda.advance(self.clock() if now is None else now)

    def present(self) -> float:
        """Give the moment of an action: what was due before it has happened by then."""
        self.advance()
        return self.now()

    def entry(self, body: BodyT) -> Entry[BodyT]:
        """Give a body the next place in the order of creation."""
        return Entry(next(self._seq), body)

    def variant(self) -> int:
        """Give the next number by which the form of a time is chosen."""
        return next(self._seq)

    def rotate_token(self, *, gone: bool = True) -> str:
        """Give out a new project token; the old one is answered 410 `token gone`, or without `gone` 401."""
        if gone:
            self.gone_tokens.add(self.project_token)
        self.project_token = self.make.project_token(self.project_id)
        return self.project_token
