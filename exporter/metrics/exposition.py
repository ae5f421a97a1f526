"""A finished page as bytes on the wire: in pieces, and compressed, in both formats.

A piece that did not change is the same object on the next page and is not compressed again: a gzip stream is put
together from compressed pieces, each of which ends on a byte boundary and refers to nothing before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec

from exporter.metrics.checksum import combine, shift_by
from exporter.metrics.text import Format, Header

CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 1  # a third of level 6's time for a tenth more bytes


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A compressed text, ending on a byte boundary; its checksum, and what shifts another one by its length."""

    data: bytes
    crc: int
    size: int
    shift: int


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

    def pieces(self, format: Format) -> Iterator[bytes]:
        """The text, a few hundred objects at a time, so that nobody ever holds a copy of all of it."""
        for family in self.families:
            yield family.header.render(format)
            for piece in family.pieces:
                yield piece.text()

    def size(self, format: Format) -> int:
        """Length of the text in bytes."""
        samples = sum(piece.size for family in self.families for piece in family.pieces)
        return samples + sum(len(family.header.render(format)) for family in self.families)

    def packed(self, format: Format) -> Iterator[Packed]:
        """The text compressed piece by piece."""
        for family in self.families:
            yield _pack_header(family.header.render(format))
            for piece in family.pieces:
                yield piece.packed()


class Deflated(msgspec.Struct, frozen=True):
    """A page compressed as the beginning of a gzip stream, to which a fresh end is added on each request."""

    data: bytes
    crc: int
    size: int


def pack(text: bytes) -> Packed:
    """Compress a text on its own. Meant for a thread: zlib lets the loop run."""
    compress = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = compress.compress(text) + compress.flush(zlib.Z_FULL_FLUSH)
    return Packed(data, zlib.crc32(text), len(text), shift_by(len(text)))


@lru_cache(maxsize=1024)
def _pack_header(text: bytes) -> Packed:
    return pack(text)


def deflate(packed: Iterable[Packed]) -> Deflated:
    """Put compressed texts together, in order."""
    data: list[bytes] = []
    crc = size = 0
    for one in packed:
        data.append(one.data)
        crc = combine(crc, one.crc, one.shift)
        size += one.size
    return Deflated(b"".join(data), crc, size)


def gzip_stream(start: Deflated, end: bytes) -> Sequence[bytes]:
    """One gzip member (RFC 1952) that holds the page and the end."""
    compress = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    last = compress.compress(end) + compress.flush(zlib.Z_FINISH)
    crc = zlib.crc32(end, start.crc)
    size = (start.size + len(end)) & 0xFFFFFFFF
    return (_GZIP_HEADER, start.data, last + crc.to_bytes(4, "little") + size.to_bytes(4, "little"))
