"""Which part of all pipelines a process serves: a stable function of a pipeline's identity, with no coordinator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

import msgspec

_MULTIPLIER = 2862933555777941757
_MASK = 2**64 - 1


class Shard(msgspec.Struct, frozen=True):
    """One of ``total`` parts, counted from 0."""

    index: int = 0
    total: int = 1

    def owns(self, identity: str) -> bool:
        """Whether a pipeline belongs to this part."""
        return self.total == 1 or part_of(identity, self.total) == self.index


@lru_cache(maxsize=2**17)
def part_of(identity: str, total: int) -> int:
    """The part that a pipeline belongs to, from 0 to ``total`` - 1.

    A jump consistent hash (Lamping and Veach, 2014): with one part more, one pipeline in ``total`` + 1 moves, all of
    them to the new part.
    """
    key = int.from_bytes(blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    part, following = 0, 0
    while following < total:
        part = following
        key = (key * _MULTIPLIER + 1) & _MASK
        following = int((part + 1) * (2**31 / ((key >> 33) + 1)))
    return part


def ordinal(environ: Mapping[str, str]) -> int | None:
    """The number of a pod of a StatefulSet, from ``POD_NAME`` (``pipeline-exporter-3``); None if there is none."""
    match = re.search(r"-(\d{1,6})$", environ.get("POD_NAME", ""))
    return int(match[1]) if match else None
