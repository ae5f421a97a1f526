"""What the platform noted beside a pipeline's events, each note counted once, also one that was added later."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable

import msgspec

from exporter.history.identity import digest
from exporter.model import Event, Note

_MOST_IDS = 10_000
_MOST_RECENT = 20


class SavedNotes(msgspec.Struct, array_like=True):
    """Notes as they are kept in a file."""

    counts: list[tuple[str, str, int]]
    recent: list[Note]
    ids: list[int]


class Notes:
    """Notes counted by (origin, reason), and the newest ones for people to read.

    A note is known by its event and what it says; the same one twice beside one event counts twice.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.recent: list[Note] = []
        self.ids: array[int] = array("Q")

    def saved(self) -> SavedNotes:
        """All of it, as a value."""
        return SavedNotes([(*key, count) for key, count in self.counts.items()], list(self.recent), self.ids.tolist())

    @classmethod
    def restored(cls, saved: SavedNotes) -> Notes:
        """The notes that were saved."""
        notes = cls()
        notes.counts = {(origin, reason): count for origin, reason, count in saved.counts}
        notes.recent = saved.recent
        notes.ids = array("Q", saved.ids)
        return notes

    def fold(self, event: Event, counts: Callable[[float], bool]) -> None:
        """Take in the notes of an event; ``counts`` tells of a time whether what happened then is counted."""
        known = set(self.ids)
        for key, note in zip(_keys(event), event.notes, strict=True):
            if key not in known:
                self.ids.append(key)
                self._take(note, counted=counts(max(event.at, note.at or event.at)))
        del self.ids[:-_MOST_IDS]

    def _take(self, note: Note, *, counted: bool) -> None:
        self.recent.append(note)
        del self.recent[:-_MOST_RECENT]
        if counted:
            key = (note.origin, note.reason)
            self.counts[key] = self.counts.get(key, 0) + 1


def _keys(event: Event) -> list[int]:
    """What each note is known by: the event, what it says, and the how manieth such one it is."""
    seen: Counter[Note] = Counter()
    keys = []
    for note in event.notes:
        seen[note] += 1
        text = (event.id, note.origin, note.reason, repr(note.at), note.message, str(seen[note]))
        keys.append(digest("\0".join(text)))
    return keys
