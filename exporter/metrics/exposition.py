"""A finished page as bytes on the wire: in pieces, and compressed, in both formats.

A piece that did not change is the same object on the next page and is not compressed again: a gzip stream is put
together from compressed pieces, each of which ends on a byte boundary and refers to nothing before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
from isal import isal_zlib

from exporter.metrics.text import Format, Header

CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 1  # ISA-L's: four times as fast as zlib's level 1, and no longer


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A compressed text, ending on a byte boundary; the checksum and the length of the text."""

    data: bytes
    crc: int
    size: int


class Piece:
    """The sample lines of one family for some objects: a value, compressed when that is first asked for."""

    __slots__ = ("_packed", "size", "texts")

    def __init__(self, texts: Iterable[bytes]) -> None:
        self.texts = tuple(texts)
        self.size = sum(map(len, self.texts))
        self._packed: Packed | None = None

    def text(self) -> bytes:
        """All of it."""
        return b"".join(self.texts)

    def packed(self) -> Packed:
        """All of it, compressed."""
        if self._packed is None:
            self._packed = pack(self.text())
        return self._packed


class FamilyBody(msgspec.Struct, frozen=True):
    """One family: its header, and its sample lines."""

    header: Header
    pieces: tuple[Piece, ...]


class Body(msgspec.Struct, frozen=True):
    """The pipelines' part of the page; ``series`` is the number of its samples."""

    families: tuple[FamilyBody, ...]
    series: int

    def pieces(self, format: Format) -> Iterator[Piece]:
        """All of it, in order."""
        for family in self.families:
            yield _header_piece(family.header.render(format))
            yield from family.pieces

    def texts(self, format: Format) -> Iterator[bytes]:
        """All of it, piece by piece, so that nobody ever holds a copy of all of it."""
        return map(Piece.text, self.pieces(format))

    def size(self, format: Format) -> int:
        """Length of the text in bytes."""
        return sum(piece.size for piece in self.pieces(format))


class Deflated(msgspec.Struct, frozen=True):
    """A page compressed as the beginning of a gzip stream, to which a fresh end is added on each request."""

    data: bytes
    crc: int
    size: int


def pack(text: bytes) -> Packed:
    """Compress a text on its own."""
    return Packed(_compressed(text, isal_zlib.Z_FULL_FLUSH), isal_zlib.crc32(text), len(text))


def _compressed(text: bytes, flush: int) -> bytes:
    compress = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    return compress.compress(text) + compress.flush(flush)


@lru_cache(maxsize=1024)
def _header_piece(text: bytes) -> Piece:
    return Piece([text])


def deflate(packed: Iterable[Packed]) -> Deflated:
    """Put compressed texts together, in order."""
    data: list[bytes] = []
    crc = size = 0
    for one in packed:
        data.append(one.data)
        crc = isal_zlib.crc32_combine(crc, one.crc, one.size)
        size += one.size
    return Deflated(b"".join(data), crc, size)


def gzip_stream(start: Deflated, end: bytes) -> Sequence[bytes]:
    """One gzip member (RFC 1952) that holds the page and the end."""
    last = _compressed(end, isal_zlib.Z_FINISH)
    crc = isal_zlib.crc32(end, start.crc)
    size = (start.size + len(end)) & 0xFFFFFFFF
    return (_GZIP_HEADER, start.data, last + crc.to_bytes(4, "little") + size.to_bytes(4, "little"))
