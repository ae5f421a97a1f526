"""Backward cursor paging: `last` and an opaque `before`, in both shapes the API answers with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from exporter.demo.calyptia.errors import BadArgument
from exporter.demo.calyptia.wire import Entry

_CURSOR_PREFIX = "seq:"


class Window(NamedTuple):
    """What a request asks for: at most `last` entries (0: no limit) older than the place `before`."""

    last: int
    before: int | None


class Page(NamedTuple):
    """The JSON of the entries, and the cursor to the next page."""

    entries: list[bytes]
    cursor: str | None

    def array(self) -> bytes:
        """Give the entries as a JSON array."""
        return b"[" + b",".join(self.entries) + b"]"


def window(query: Mapping[str, str]) -> Window:
    """Read `last` and `before` of a query; raises BadArgument."""
    last = query.get("last", "0")
    if not last.isdecimal():
        raise BadArgument("invalid last")
    before = query.get("before")
    return Window(int(last), None if before is None else decode_cursor(before))


def cut(newest_first: Iterable[Entry[Any]], wanted: Window) -> Page:
    """Take the wanted entries; a full page has a cursor even when nothing is left behind it."""
    older = (entry for entry in newest_first if wanted.before is None or entry.seq < wanted.before)
    taken = list(islice(older, wanted.last or None))
    full = bool(wanted.last) and len(taken) == wanted.last
    return Page([entry.encoded() for entry in taken], encode_cursor(taken[-1].seq) if full else None)


def link_header(path: str, page: Page, *, before: str | None) -> str | None:
    """Give the Link header as the server writes it: relative, several links, the limit forgotten."""
    if page.cursor is None:
        return None
    self_link = path if before is None else f"{path}?before={before}"
    return f'<{self_link}>; rel="self", <{path}?before={page.cursor}>; rel="next"'


def encode_cursor(seq: int) -> str:
    """Make an opaque cursor."""
    return base64.urlsafe_b64encode(f"{_CURSOR_PREFIX}{seq}".encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> int:
    """Read a cursor of ours back; raises BadArgument."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix(_CURSOR_PREFIX))
    except (binascii.Error, ValueError) as exc:
        raise BadArgument("invalid cursor") from exc
