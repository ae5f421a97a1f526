"""How answers go wrong: each play is what happens to a request at the proxy."""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, lru_cache, partial
from typing import Any

from tests.faults.proxy import Answer, Exchange, Play

MIB = 2**20
NO_DATE = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
_TIME = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*"')
_NUMBER = re.compile(rb'(?<=":)\d+(?=[,}])')
_LIST = re.compile(r"^/v0/pipelines\?|^/v1/core_instances/[^/]+/pipelines\?")
_MADE_UP = re.compile("made-up-|ffffffff-0000-4000-8000-")
_GONE = {
    False: b'{"error_code": "UnknownPipelineName", "message": "", "details": {}}',
    True: b'{"error": "pipeline not found"}',
}

_KEPT = ("created_at", "createdAt", "deployment_resources_status")

Rows = list[dict[str, Any]]


def saying(status: int, body: bytes = b'{"message": "no"}', **headers: str) -> Play:
    """Always this answer; header names with ``_`` for ``-``."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def play(exchange: Exchange) -> None:
        await exchange.answer(Answer(status, body, {"Content-Type": "application/json", **fields}))

    return play


def asking_to_wait(status: int, seconds: float | None) -> Play:
    """A refusal with the date until which to wait; without seconds one that no calendar has."""

    async def play(exchange: Exchange) -> None:
        until = format_datetime(datetime.fromtimestamp(time.time() + (seconds or 0.0), UTC), usegmt=True)
        await exchange.answer(Answer(status, b"{}", {"Retry-After": NO_DATE if seconds is None else until}))

    return play


def raw(*pieces: bytes) -> Play:
    """These bytes and the end."""

    async def play(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(piece)

    return play


async def reset(exchange: Exchange) -> None:
    """Torn down before a byte of the answer."""
    exchange.reset()


async def reset_in_body(exchange: Exchange) -> None:
    """Torn down in the middle of the body."""
    await _half(exchange)
    await asyncio.sleep(0.05)  # a reset overtakes what was sent before it
    exchange.reset()


async def truncated(exchange: Exchange) -> None:
    """Closed in good order in the middle of the body."""
    await _half(exchange)


async def hung(exchange: Exchange) -> None:
    """Not a byte, until the client goes away."""
    await exchange.left()


async def hung_in_headers(exchange: Exchange) -> None:
    """Half a head, and no more."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await exchange.left()


async def hung_in_body(exchange: Exchange) -> None:
    """Half a body, and no more."""
    await _half(exchange)
    await exchange.left()


async def half_closed(exchange: Exchange) -> None:
    """The server's side of the connection ends, the client's does not."""
    exchange.finish()
    await exchange.left()


async def dripping(exchange: Exchange) -> None:
    """One byte of the body a second."""
    answer = await exchange.ask()
    body = answer.body or b" " * 100
    await exchange.send(Answer(answer.status, body, answer.headers).head())
    for byte in body:
        await exchange.send(bytes([byte]))
        await asyncio.sleep(1)


async def redirect_loop(exchange: Exchange) -> None:
    """Sent back to where the client is."""
    await exchange.answer(Answer(302, b"", {"Location": exchange.request.target}))


def bomb(status: int) -> Play:
    """Two GiB of spaces in two MiB of gzip."""

    async def play(exchange: Exchange) -> None:
        await exchange.send(Answer(status, b"", {"Content-Encoding": "gzip", "Content-Length": ""}).head())
        await exchange.send(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        for _ in range(512):
            await exchange.send(_squeezed_piece())

    return play


async def large(exchange: Exchange) -> None:
    """A body of 200 MiB."""
    await exchange.send(Answer(200, b"", {"Content-Length": str(200 * MIB)}).head())
    for _ in range(200):
        await exchange.send(b" " * MIB)


def changed(change: Callable[[bytes], bytes]) -> Play:
    """The true answer with another body."""

    async def play(exchange: Exchange) -> None:
        answer = await exchange.ask()
        body = change(answer.body) if answer.status == 200 else answer.body
        await exchange.answer(Answer(answer.status, body, answer.headers))

    return play


def headed(**headers: str) -> Play:
    """The true answer with other headers."""
    fields = {name.replace("_", "-").lower(): value for name, value in headers.items()}

    async def play(exchange: Exchange) -> None:
        answer = await exchange.ask()
        await exchange.answer(Answer(answer.status, answer.body, {**answer.headers, **fields}))

    return play


def listing(change: Callable[[Rows], Rows]) -> Play:
    """The true answers, but for the list of pipelines; of pipelines that are made up there is no history."""
    relisted = lru_cache(maxsize=1)(partial(_relisted, change=change))

    async def play(exchange: Exchange) -> None:
        if _MADE_UP.search(exchange.request.target):
            await exchange.answer(Answer(404, _GONE["/v1/" in exchange.request.target]))
            return
        answer = await exchange.ask()
        if _LIST.search(exchange.request.target) and answer.status == 200:
            answer = Answer(200, relisted(answer.body), answer.headers)
        await exchange.answer(answer)

    return play


def in_year(year: str) -> Callable[[bytes], bytes]:
    """A change that sets the year of every time of a body."""
    return lambda body: _TIME.sub(lambda found: b'"' + year.encode() + found[0][5:], body)


def ahead(seconds: float) -> Callable[[bytes], bytes]:
    """A change that moves every time of a body."""

    def moved(found: re.Match[bytes]) -> bytes:
        time = datetime.fromisoformat(found[0].decode().strip('"')) + timedelta(seconds=seconds)
        return f'"{time.isoformat()}"'.encode()

    return lambda body: _TIME.sub(moved, body)


def numbered(text: str) -> Callable[[bytes], bytes]:
    """A change that sets every number of a body to this one."""
    return lambda body: _NUMBER.sub(text.encode(), body)


def crowd(size: int) -> Callable[[Rows], Rows]:
    """A change that makes so many pipelines of those there are, each with an id and a name of its own."""

    def change(rows: Rows) -> Rows:
        kept = {key: value for row in rows[:1] for key, value in row.items() if key in _KEPT}
        made = ({**kept, "id": made_up_id(n), "name": f"made-up-{n}"} for n in range(size - len(rows)))
        return [*rows, *made] if rows else rows

    return change


def made_up_id(number: int) -> str:
    """The id of a pipeline that no server knows."""
    return f"ffffffff-0000-4000-8000-{number:012d}"


def same_name(rows: Rows) -> Rows:
    """All pipelines have the name of the first."""
    return [{**row, "name": rows[0]["name"]} for row in rows]


def same_id(rows: Rows) -> Rows:
    """Every pipeline stands there twice."""
    return [row for row in rows for _ in range(2)]


def none(rows: Rows) -> Rows:
    """No pipeline at all."""
    return []


def one_bad(rows: Rows) -> Rows:
    """The first pipeline has a list where its name should be."""
    return [{**row, "name": [1]} if number == 0 else row for number, row in enumerate(rows)]


async def _half(exchange: Exchange) -> None:
    """The head of a whole answer and half of its body; its length is the one before the cut."""
    answer = await exchange.ask()
    body = answer.body or b" " * 100
    head = Answer(answer.status, body, answer.headers).head()
    await exchange.send(head + body[: len(body) // 2])


def _relisted(body: bytes, change: Callable[[Rows], Rows]) -> bytes:
    found = json.loads(body)
    if isinstance(found, list):
        return json.dumps(change(found)).encode()
    rows = change(found["items"] or [])
    return json.dumps({**found, "items": rows, "count": len(rows), "endCursor": None}).encode()


@cache
def _squeezed_piece() -> bytes:
    """4 MiB of spaces; a full flush ends the piece, so that the next one can be the same."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflate.compress(b" " * 4 * MIB) + deflate.flush(zlib.Z_FULL_FLUSH)
