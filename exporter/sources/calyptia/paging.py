"""Backward paging in the two shapes of the Cloud API, and when it ends."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Generic, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from exporter.sources.calyptia.wire import Listed
from exporter.sources.decode import Identity, decode, decode_list
from exporter.sources.http import Answer, Params

_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_NEXT = re.compile(r"""(?:^|[;\s])rel\s*=\s*["']?[^"';,]*\bnext\b""", re.IGNORECASE)
_LONGEST_CURSOR = 4096


class Identified(Protocol):
    """Something with an id of its own."""

    @property
    def id(self) -> str:
        """The id."""


T = TypeVar("T", bound=Identified)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page: elements, those that cannot be read, the cursor to the next page, and the size of the whole list.

    ``more`` says that there is a page behind it.
    """

    items: list[T]
    unreadable: list[Identity]
    cursor: str | None
    total: int | None
    asked_at: float
    more: bool = False


async def read_pages(
    read: Callable[[Params], Awaitable[Answer]], parse: Callable[[Answer], Page[T]], sizes: Iterable[int]
) -> AsyncIterator[Page[T]]:
    """Read page after page, newest first; ``sizes`` says how many elements each is asked for.

    The end is a page without cursor, an empty or short one, one that brings nothing new, a cursor seen before, or
    the end of ``sizes``; only in the last case the last page has ``more``. Of a Link header only the cursor is
    taken; its URL is never followed. Raises SourceError.
    """
    seen: set[str] = set()
    cursors: set[str] = set()
    cursor: str | None = None
    for size in sizes:
        page = parse(await read({"last": size} if cursor is None else {"last": size, "before": cursor}))
        ids = {item.id for item in page.items}
        news = bool(ids - seen)
        seen |= ids
        more = news and page.cursor not in cursors and _has_next(page, size, len(seen))
        yield msgspec.structs.replace(page, more=more)
        if not more or page.cursor is None:
            return
        cursor = page.cursor
        cursors.add(cursor)


def _has_next(page: Page[T], size: int, seen: int) -> bool:
    """Whether there is a next page; a short one has, if the server says that the whole list is longer."""
    if page.cursor is None:
        return False
    is_full = len(page.items) + len(page.unreadable) >= size
    return is_full or (page.total is not None and seen < page.total)


def body_page(kind: type[T], endpoint: str) -> Callable[[Answer], Page[T]]:
    """Reads pages of the shape ``{items, endCursor, count}``."""
    return partial(_body_page, kind, endpoint)


def link_page(kind: type[T], endpoint: str) -> Callable[[Answer], Page[T]]:
    """Reads pages that are bare arrays, with the cursor in a Link header."""
    return partial(_link_page, kind, endpoint)


def _body_page(kind: type[T], endpoint: str, answer: Answer) -> Page[T]:
    listed = decode(answer.body, Listed, endpoint)
    items, unreadable = _elements(listed.items, kind, endpoint)
    return Page(items, unreadable, _bounded(listed.end_cursor), listed.count, answer.asked_at)


def _link_page(kind: type[T], endpoint: str, answer: Answer) -> Page[T]:
    items, unreadable = _elements(answer.body, kind, endpoint)
    return Page(items, unreadable, _bounded(next_cursor(answer.headers.get("link"))), None, answer.asked_at)


def _elements(body: bytes | msgspec.Raw, kind: type[T], endpoint: str) -> tuple[list[T], list[Identity]]:
    """The elements of an array; null is how Go writes one that was never made."""
    if bytes(memoryview(body)[:5]).strip() == b"null":
        return [], []
    return decode_list(body, kind, endpoint)


def next_cursor(header: str | None) -> str | None:
    """The ``before`` of the link to the next page in a Link header (RFC 8288); nothing else of it is used.

    >>> next_cursor('</x>; rel="self", </x?before=abc>; rel="next"')
    'abc'
    """
    for target, params in _LINK.findall(header or ""):
        if _NEXT.search(params):
            return _before(target)
    return None


def _before(target: str) -> str | None:
    try:
        found = parse_qs(urlsplit(target).query).get("before")
    except ValueError:
        return None
    return found[0] if found else None


def _bounded(cursor: str | None) -> str | None:
    return cursor if cursor and len(cursor) <= _LONGEST_CURSOR else None
