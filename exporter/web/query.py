"""The parameters of a URL as values; what is wrong with one is a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias, TypeVar

import msgspec

from exporter.model import HEALTHS, Health
from exporter.web.picture import RANGES

Q = TypeVar("Q", bound=msgspec.Struct)

AnyHealth: TypeAlias = Health | Literal[""]
AnyError: TypeAlias = Literal["yes", "no", ""]

_LONGEST_TEXT = 200
_MOST_DIGITS = 9
PAUSED = 0
"""The value of ``refresh`` of a page that does not load itself again."""


class Filter(msgspec.Struct, frozen=True):
    """Which pipelines are wanted; what is empty lets all pass.

    ``q`` is a part of the name or the identity; ``error`` tells whether there is an error now, whatever the health.
    """

    q: str = ""
    source: str = ""
    health: AnyHealth = ""
    error: AnyError = ""


class BoardQuery(Filter, frozen=True):
    """What the start page is asked for; ``refresh`` is in seconds."""

    range: str = "auto"
    page: int = 1
    refresh: int = 30


class PipelineQuery(msgspec.Struct, frozen=True):
    """What the page of a pipeline is asked for."""

    range: str = "auto"
    page: int = 1
    refresh: int = 30


class ListQuery(Filter, frozen=True):
    """What the list of pipelines of the API is asked for."""

    page: int = 1
    page_size: int = 100


class EventsQuery(msgspec.Struct, frozen=True):
    """What the events of a pipeline of the API are asked for."""

    limit: int = 1000


def parse(items: Iterable[tuple[str, str]], kind: type[Q]) -> Q:
    """The parameters as a value; one that is empty counts as left out. Raises ValueError with a sentence."""
    known = kind.__struct_fields__
    found: dict[str, object] = {}
    for name, text in items:
        if name not in known:
            raise ValueError(f"There is no parameter {name[:_LONGEST_TEXT]!r} here; known: {', '.join(known)}.")
        if name in found:
            raise ValueError(f"The parameter {name} is given twice; give it once.")
        if text:
            found[name] = _PARSERS[name](name, text)
    return kind(**found)


def _text(name: str, text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{name} is longer than {_LONGEST_TEXT} characters; shorten it.")
    return text


def _one_of(choices: Iterable[str]) -> Callable[[str, str], str]:
    allowed = tuple(choices)

    def parse_choice(name: str, text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{name}={text[:_LONGEST_TEXT]} is not possible; choose from {', '.join(allowed)}.")
        return text

    return parse_choice


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def parse_number(name: str, text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        if not digits or not least <= int(text) <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}.")
        return int(text)

    return parse_number


def _refresh(name: str, text: str) -> int:
    if text == "off":
        return PAUSED
    try:
        return _number(5, 3600)(name, text)
    except ValueError:
        raise ValueError(f"{name} must be off, or a number of seconds from 5 to 3600.") from None


_PARSERS: dict[str, Callable[[str, str], object]] = {
    "q": _text,
    "source": _text,
    "health": _one_of(HEALTHS),
    "error": _one_of(("yes", "no")),
    "range": _one_of(("auto", *RANGES)),
    "page": _number(1, 10**_MOST_DIGITS - 1),
    "page_size": _number(1, 1000),
    "limit": _number(1, 10_000),
    "refresh": _refresh,
}
