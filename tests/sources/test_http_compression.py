"""Compressed bodies that go on: what the server flushed is read at once, and no body is larger than it may be."""

from __future__ import annotations

import random
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.http.failures import decoded

LIMIT = 64 * 1024


class Chunks(httpx.AsyncByteStream):
    """A body in chunks, and how many of them were asked for."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.given += 1
            yield chunk


def content(seed: int, size: int, *, repeats: bool) -> bytes:
    """Bytes that can be compressed very well, or not at all."""
    one = random.Random(seed)
    return (one.randbytes(50) * (size // 50 + 1))[:size] if repeats else one.randbytes(size)


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 400_000), st.booleans()), min_size=1, max_size=4),
    wbits=st.sampled_from([31, 15]),
)
async def test_what_was_flushed_is_read_at_once(pieces: list[tuple[int, bool]], wbits: int) -> None:
    """All of a piece is there before the next chunk is asked for, in parts that are not too large."""
    compressor = zlib.compressobj(wbits=wbits)
    bodies = [content(seed, size, repeats=repeats) for seed, (size, repeats) in enumerate(pieces)]
    chunks = [compressor.compress(body) + compressor.flush(zlib.Z_SYNC_FLUSH) for body in bodies]
    stream = Chunks([*chunks, compressor.flush()])
    response = httpx.Response(200, headers={"content-encoding": "gzip" if wbits == 31 else "deflate"}, stream=stream)
    read = [b""] * (len(chunks) + 1)
    async for part in decoded(response, LIMIT):
        assert len(part) <= LIMIT
        read[stream.given - 1] += part
    assert read == [*bodies, b""]


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, 4 * LIMIT, 10_000_000])
async def test_parts_are_small(size: int) -> None:
    """However well a body is compressed, it comes in parts of the size allowed."""
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Chunks([zlib.compress(bytes(size))]))
    sizes = [len(part) async for part in decoded(response, LIMIT)]
    assert max(sizes) <= LIMIT
    assert sum(sizes) == size
