"""The text of every family for the objects of a source, in pieces: a change makes the pieces anew that it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from exporter.metrics.exposition import Piece
from exporter.metrics.family import Family
from exporter.metrics.slots import Slots

V = TypeVar("V")

_PIECE_BYTES = 32 * 1024  # enough for compression to find what repeats, little enough to be compressed again
_FEWEST, _MOST = 4, 128


class _Shelf:
    """The texts of one family by object, in groups of neighbours, and the piece made of each since it last changed."""

    def __init__(self) -> None:
        self._per_group = 0
        self._groups: list[dict[str, bytes]] = []
        self._pieces: list[Piece | None] = []

    def put(self, slot: int, key: str, new: bytes) -> int:
        """Take in the text of the object in a slot; by how many lines there are more."""
        if not self._per_group:
            if not new:
                return 0
            self._per_group = min(_MOST, max(_FEWEST, _PIECE_BYTES // len(new)))
        group = slot // self._per_group
        while group >= len(self._groups):
            self._groups.append({})
            self._pieces.append(None)
        texts = self._groups[group]
        old = texts.get(key, b"")
        if new == old:
            return 0
        if new:
            texts[key] = new
        else:
            del texts[key]
        self._pieces[group] = None
        return new.count(b"\n") - old.count(b"\n")

    def pieces(self) -> list[Piece]:
        """All lines."""
        for group, piece in enumerate(self._pieces):
            if piece is None:
                self._pieces[group] = Piece(self._groups[group].values())
        return [piece for piece in self._pieces if piece is not None and piece.size]


class Texts(Generic[V]):
    """The texts of one source's objects. ``series`` is the number of their lines.

    Each object has a slot, the same in every family.
    """

    def __init__(self, families: Sequence[Family[V]]) -> None:
        self._families = families
        self._shelves = {family.name: _Shelf() for family in families}
        self._slots = Slots()
        self.series = 0

    def put(self, key: str, shared: str, view: V) -> None:
        """Render one object anew."""
        slot = self._slots.take(key)
        for family in self._families:
            text = family.read(family.name, shared, view).encode()
            self.series += self._shelves[family.name].put(slot, key, text)

    def drop(self, key: str) -> None:
        """Forget one object."""
        if (slot := self._slots.leave(key)) is not None:
            for shelf in self._shelves.values():
                self.series += shelf.put(slot, key, b"")

    def pieces(self, family: str) -> list[Piece]:
        """The lines of one family."""
        shelf = self._shelves.get(family)
        return shelf.pieces() if shelf else []
