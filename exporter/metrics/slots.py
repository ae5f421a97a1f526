"""Numbers for objects: small, without gaps for long, so that neighbours can be kept together."""

from __future__ import annotations


class Slots:
    """The slot of each object; one that is free is taken first."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._free: list[int] = []

    def take(self, key: str) -> int:
        """The slot of an object, which it has from now on."""
        slot = self._of.get(key)
        if slot is None:
            slot = self._of[key] = self._free.pop() if self._free else len(self._of)
        return slot

    def leave(self, key: str) -> int | None:
        """The slot that an object had, which is free now; None if it had none."""
        slot = self._of.pop(key, None)
        if slot is not None:
            self._free.append(slot)
        return slot
