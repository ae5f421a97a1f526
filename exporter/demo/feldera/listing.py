"""The list of all pipelines as bytes: rows are encoded when they change, chunks compressed when a row in them does."""

from __future__ import annotations

import struct
import zlib

import msgspec

from exporter.demo.feldera import wire
from exporter.demo.feldera.ledger import Ledger

_ROWS_PER_CHUNK = 64
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_EMPTY_LAST_BLOCK = b"\x03\x00"


class Listing:
    """The encoded answer for one selector, kept until the ledger changes, plain and gzipped."""

    def __init__(self, ledger: Ledger, selector: str) -> None:
        self._ledger = ledger
        self._selector = selector
        self._revision = -1
        self._rows: dict[str, tuple[int, bytes]] = {}
        self._chunks: list[tuple[bytes, bytes]] = []
        self._plain = b""
        self._gzipped: bytes | None = None

    def plain(self) -> bytes:
        """The JSON array."""
        if self._revision != self._ledger.revision:
            self._revision = self._ledger.revision
            self._encode()
            self._plain = b"[" + b",".join(encoded for _, encoded in self._rows.values()) + b"]"
            self._gzipped = None
        return self._plain

    def gzipped(self) -> bytes:
        """The same as one gzip member made of independently compressed chunks."""
        plain = self.plain()
        if self._gzipped is None:
            self._compress()
            trailer = struct.pack("<II", zlib.crc32(plain), len(plain) & 0xFFFFFFFF)
            middle = b"".join(deflated for _, deflated in self._chunks)
            self._gzipped = _GZIP_HEADER + middle + _deflated(b"]") + _EMPTY_LAST_BLOCK + trailer
        return self._gzipped

    def _encode(self) -> None:
        known, self._rows = self._rows, {}
        for row in self._ledger.rows.values():
            entry = known.get(row.id)
            if entry is None or entry[0] != row.revision:
                entry = row.revision, msgspec.json.encode(wire.pipeline(row, self._selector))
            self._rows[row.id] = entry

    def _compress(self) -> None:
        known, self._chunks = dict(self._chunks), []
        for chunk in self._plain_chunks():
            deflated = known.get(chunk)
            self._chunks.append((chunk, _deflated(chunk) if deflated is None else deflated))

    def _plain_chunks(self) -> list[bytes]:
        """The array without its end, in pieces of so many rows, each with the bracket or comma before it."""
        rows = [encoded for _, encoded in self._rows.values()]
        starts = range(0, len(rows), _ROWS_PER_CHUNK)
        pieces = [b",".join(rows[start : start + _ROWS_PER_CHUNK]) for start in starts] or [b""]
        return [(b"," if index else b"[") + piece for index, piece in enumerate(pieces)]


def _deflated(data: bytes) -> bytes:
    """Raw deflate blocks that end on a byte and refer to nothing before them."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
