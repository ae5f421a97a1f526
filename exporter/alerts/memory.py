"""What the bridge must not forget when the process ends: alerts, and which failures were told already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
import structlog

from exporter.alerts.alert import Alert, Labels, Subject

log = structlog.get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")

Row: TypeAlias = tuple[str, str, bytes | None]
"""A kind, a key, and what is to be kept under it; None: nothing any more."""


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """A failure found in the history when it was over: when we found it, and from when until when it lasted."""

    found_at: float
    at: float
    until: float


class Handled(msgspec.Struct, frozen=True, array_like=True):
    """Failures of a pipeline that began at ``until`` or before, by the control plane's clock, need no more telling.

    ``hold`` is the one that is being told.
    """

    until: float
    hold: Hold | None = None


class Kept(Generic[K, V]):
    """Values by key that notice what is put in and taken out, so that no more than that is written."""

    def __init__(self, kind: str, key: Any, value: Any) -> None:  # noqa: ANN401
        self.kind = kind
        self._key = key
        self._value = value
        self._values: dict[K, V] = {}
        self._changed: dict[K, None] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def get(self, key: K) -> V | None:
        """The value of a key."""
        return self._values.get(key)

    def values(self) -> Iterable[V]:
        """All of them."""
        return self._values.values()

    def put(self, key: K, value: V) -> None:
        """Keep a value, or note that it changed."""
        self._values[key] = value
        self._changed[key] = None

    def pop(self, key: K) -> None:
        """Keep it no more."""
        if self._values.pop(key, None) is not None:
            self._changed[key] = None

    def to_the_end(self, key: K) -> None:
        """Make it the youngest."""
        self._values[key] = self._values.pop(key)

    def changes(self) -> list[Row]:
        """What is to be written since the last time."""
        changed, self._changed = self._changed, {}
        return [(self.kind, msgspec.json.encode(key).decode(), self._encoded(key)) for key in changed]

    def restore(self, key: str, value: bytes) -> None:
        """Take in what was written. Raises msgspec.MsgspecError."""
        decoded = msgspec.msgpack.decode(value, type=self._value)
        self._values[msgspec.json.decode(key, type=self._key)] = decoded

    def _encoded(self, key: K) -> bytes | None:
        value: Any = self._values.get(key)
        if value is None:
            return None
        return msgspec.msgpack.encode(value.kept() if isinstance(value, Alert) else value)


class Memory:
    """All that is kept: alerts by their labels, handled failures by pipeline, and since when each source is watched."""

    def __init__(self) -> None:
        self.alerts: Kept[Labels, Alert] = Kept("alert", Labels, Alert)
        self.handled: Kept[Subject, Handled] = Kept("handled", Subject, Handled)
        self.known_from: Kept[str, float] = Kept("source", str, float)

    @property
    def _all(self) -> tuple[Kept[Any, Any], ...]:
        return (self.alerts, self.handled, self.known_from)

    def changes(self) -> list[Row]:
        """Rows to write."""
        return [row for kept in self._all for row in kept.changes()]

    def restore(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Take in rows that were written; one that cannot be read is left out and told in the log."""
        by_kind = {kept.kind: kept for kept in self._all}
        for kind, key, value in rows:
            try:
                by_kind[kind].restore(key, value)
            except (KeyError, msgspec.MsgspecError) as error:
                log.error("a row of the state file about alerts cannot be read", kind=kind, err=str(error))

    def clear(self) -> None:
        """Forget everything."""
        for kept in self._all:
            for key in list(kept):
                kept.pop(key)
