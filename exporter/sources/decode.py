"""Decoding of answers: typed, and one bad element never costs the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from exporter.errors import BadResponse
from exporter.gradually import gradually

T = TypeVar("T")

_MOST = 2**63 - 1


class Identity(msgspec.Struct, frozen=True):
    """The least that can be known of an element that cannot be read."""

    id: str | None = None


def decode(body: bytes | msgspec.Raw, kind: type[T], endpoint: str) -> T:
    """Decode a whole body. Raises BadResponse, which names the endpoint and never a value."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadResponse(f"{endpoint}: the JSON has another shape than the API documents") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadResponse(f"{endpoint}: the body is not JSON") from error


def decode_list(body: bytes | msgspec.Raw, kind: type[T], endpoint: str) -> tuple[list[T], list[Identity]]:
    """Decode an array; elements of another shape come second, known by their id at most.

    Raises BadResponse if it is no array, or if it has elements and none can be read.
    """
    try:
        return msgspec.json.decode(body, type=list[kind]), []  # type: ignore[valid-type]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    return _parted([_decoded(one, kind) for one in decode(body, list[msgspec.Raw], endpoint)], endpoint)


class ListDecoder(Generic[T]):
    """Decodes an array again and again, like ``decode_list``; an element that did not change stays the same object.

    An element is compared, byte for byte, with the one at its place in the array before: a tenth of decoding it.
    """

    def __init__(self, kind: type[T], endpoint: str) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._raw: list[msgspec.Raw] = []
        self._decoded: list[T | Identity] = []

    async def decode(self, body: bytes) -> tuple[list[T], list[Identity]]:
        """The elements, and second those of another shape. Raises BadResponse as ``decode_list`` does."""
        raw = decode(body, list[msgspec.Raw], self._endpoint)
        same = [one == before for one, before in zip(raw, self._raw, strict=False)]
        same += [False] * (len(raw) - len(same))
        fresh = iter(await gradually(self._one, (one for one, known in zip(raw, same, strict=True) if not known)))
        found = [self._decoded[at] if known else next(fresh) for at, known in enumerate(same)]
        self._raw, self._decoded = raw, found
        return _parted(found, self._endpoint)

    def _one(self, raw: msgspec.Raw) -> T | Identity:
        return _decoded(raw, self._kind)


def counted(raw: object) -> int | None:
    """A number of things; None for what is none: JSON has numbers so long that no reader of metrics takes them."""
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= _MOST else None


def _decoded(element: msgspec.Raw, kind: type[T]) -> T | Identity:
    try:
        return msgspec.json.decode(element, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _identity(element)


def _parted(elements: Iterable[T | Identity], endpoint: str) -> tuple[list[T], list[Identity]]:
    good: list[T] = []
    bad: list[Identity] = []
    for one in elements:
        if isinstance(one, Identity):
            bad.append(one)
        else:
            good.append(one)
    if bad and not good:
        raise BadResponse(f"{endpoint}: no element has the shape that the API documents")
    return good, bad


def _identity(element: msgspec.Raw) -> Identity:
    try:
        return msgspec.json.decode(element, type=Identity)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Identity()
