"""Decoding of answers: typed, and one bad element never costs the others."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from exporter.errors import BadResponse

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
    good, bad = _one_by_one(decode(body, list[msgspec.Raw], endpoint), kind)
    if bad and not good:
        raise BadResponse(f"{endpoint}: no element has the shape that the API documents")
    return good, bad


def counted(raw: object) -> int | None:
    """A number of things; None for what is none: JSON has numbers so long that no reader of metrics takes them."""
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= _MOST else None


def _one_by_one(elements: list[msgspec.Raw], kind: type[T]) -> tuple[list[T], list[Identity]]:
    good: list[T] = []
    bad: list[Identity] = []
    for element in elements:
        try:
            good.append(msgspec.json.decode(element, type=kind))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            bad.append(_identity(element))
    return good, bad


def _identity(element: msgspec.Raw) -> Identity:
    try:
        return msgspec.json.decode(element, type=Identity)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Identity()
