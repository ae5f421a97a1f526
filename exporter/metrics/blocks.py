"""The text of every family for the objects of a source, in blocks: a change makes the pieces of its block anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from exporter.metrics.exposition import Piece
from exporter.metrics.family import Family

V = TypeVar("V")

_OBJECTS = 128  # as few as let compression find what repeats


class _Block:
    """Some objects: their texts by family, and the pieces made of them since they last changed."""

    def __init__(self, families: Sequence[str]) -> None:
        self.texts: dict[str, dict[str, bytes]] = {family: {} for family in families}
        self.pieces: dict[str, Piece] = {}
        self.keys: set[str] = set()

    def put(self, family: str, key: str, new: bytes) -> int:
        """Take in the text of an object; by how many lines there are more."""
        texts = self.texts[family]
        old = texts.get(key, b"")
        if new == old:
            return 0
        if new:
            texts[key] = new
        else:
            del texts[key]
        self.pieces.pop(family, None)
        return new.count(b"\n") - old.count(b"\n")

    def piece(self, family: str) -> Piece | None:
        """The lines of a family; None if there is none."""
        texts = self.texts[family]
        if not texts:
            return None
        if family not in self.pieces:
            self.pieces[family] = Piece(texts.values())
        return self.pieces[family]


class Texts(Generic[V]):
    """The texts of one source's objects. ``series`` is the number of their lines."""

    def __init__(self, families: Sequence[Family[V]]) -> None:
        self._families = families
        self._names = [family.name for family in families]
        self._blocks: list[_Block] = []
        self._block_of: dict[str, _Block] = {}
        self._with_room: list[_Block] = []
        self.series = 0

    def put(self, key: str, shared: str, view: V) -> None:
        """Render one object anew."""
        block = self._block_of.get(key) or self._place(key)
        for family in self._families:
            self.series += block.put(family.name, key, family.read(family.name, shared, view).encode())

    def drop(self, key: str) -> None:
        """Forget one object."""
        block = self._block_of.pop(key, None)
        if block is None:
            return
        for name in self._names:
            self.series += block.put(name, key, b"")
        if len(block.keys) == _OBJECTS:
            self._with_room.append(block)
        block.keys.discard(key)

    def pieces(self, family: str) -> list[Piece]:
        """The lines of one family."""
        if family not in self._names:
            return []
        return [piece for block in self._blocks if (piece := block.piece(family)) is not None]

    def _place(self, key: str) -> _Block:
        """A block for a new object: one with room, or a new one."""
        if not self._with_room:
            self._with_room.append(block := _Block(self._names))
            self._blocks.append(block)
        block = self._block_of[key] = self._with_room[-1]
        block.keys.add(key)
        if len(block.keys) == _OBJECTS:
            self._with_room.pop()
        return block
