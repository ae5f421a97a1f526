"""Ids as numbers: enough to know one again, little enough to keep thousands."""

from __future__ import annotations

from hashlib import blake2b

_UUID_LENGTH = 36
_BYTES = 16
_LARGEST = 2**128 - 1


def digest(text: str) -> int:
    """Eight bytes for ``text``; the chance that two of 1,000 texts agree is below 1 in 10^13."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def ordered(text: str) -> int:
    """Sixteen bytes for an id, in the ids' own order: a UUID's value (RFC 9562), or the bytes of a short text.

    Longer ids get a number without order.
    """
    if len(text) == _UUID_LENGTH:
        try:
            return int(text.replace("-", ""), 16) & _LARGEST
        except ValueError:
            pass
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > _BYTES:
        raw = blake2b(raw, digest_size=_BYTES).digest()
    return int.from_bytes(raw.ljust(_BYTES, b"\0"), "big")
