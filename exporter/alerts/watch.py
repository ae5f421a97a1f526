"""A source as the engine sees it: its facts, whether it can be read, and which of its pipelines to look at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from exporter.store import SourceFacts


class Watch:
    """What is known of the reading of a source.

    ``readable`` says that the last poll was good; until the first one it is not, and nothing is decided about its
    pipelines. ``unread_since`` is when it was first found to fail (None: it does not, or was not tried). ``ahead``
    is how many seconds our clock is ahead of the control plane's. ``awaiting`` has the pipelines whose history is
    to be read before what was held from it may end.
    """

    def __init__(self, facts: SourceFacts, *, awaiting: Iterable[str] = ()) -> None:
        self.facts = facts
        self.name = str(facts.name)  # of a plain type, which encoders know
        self.readable = False
        self.unread_since: float | None = None
        self.why = ""
        self.ahead = 0.0
        self.awaiting = set(awaiting)
        self._confirmed = False
        self._dirty: dict[str, None] = {}
        self._due: dict[str, float] = {}
        self._sights: dict[tuple[str, str], float] = {}

    @property
    def busy(self) -> bool:
        """Whether there are pipelines to look at now."""
        return self.readable and bool(self._dirty)

    def is_waiting(self, pipeline: str) -> bool:
        """Whether a pipeline is still to be looked at, or the source to be tried for the first time."""
        return pipeline in self._dirty if self.readable else self.unread_since is None

    def look_at(self, pipelines: Iterable[str]) -> None:
        """These pipelines changed."""
        self._dirty.update(dict.fromkeys(pipelines))

    def look_again(self, pipeline: str, at: float) -> None:
        """Look at a pipeline at this time, whatever happens."""
        self._due[pipeline] = min(at, self._due.get(pipeline, at))

    def times(self, unreachable_for: float) -> Iterator[float]:
        """When to look at pipelines again, and when the source has not been read for so long."""
        yield from self._due.values()
        if self.unread_since is not None:
            yield self.unread_since + unreachable_for

    def take(self, now: float, most: int) -> list[str]:
        """The next pipelines to look at; none while the source cannot be read."""
        if not self.readable:
            return []
        for pipeline in [pipeline for pipeline, at in self._due.items() if at <= now]:
            del self._due[pipeline]
            self._dirty[pipeline] = None
        taken = list(islice(self._dirty, most))
        for pipeline in taken:
            del self._dirty[pipeline]
            self._due.pop(pipeline, None)
        return taken

    def polled(self, *, success: bool, why: str, now: float) -> bool:
        """A poll ended, with a reason if it failed; whether it was the first good one."""
        self.readable = success
        self.why = why
        if not success:
            self.unread_since = now if self.unread_since is None else self.unread_since
            return False
        self.unread_since = None
        self.ahead = now - (self.facts.history.as_of or now)
        first, self._confirmed = not self._confirmed, True
        return first

    def history_read(self, pipeline: str | None) -> None:
        """The history of a pipeline was read; None: of all that were waiting for it."""
        if pipeline is None and self._confirmed:
            self.look_at(self.awaiting)
            self.awaiting.clear()
        elif pipeline is not None:
            self.awaiting.discard(pipeline)

    def first_sight(self, pipeline: str, name: str, now: float) -> float:
        """When we first saw what an alert of this name waits for."""
        return self._sights.setdefault((pipeline, name), now)

    def out_of_sight(self, pipeline: str, name: str) -> None:
        """It is not there any more."""
        self._sights.pop((pipeline, name), None)
