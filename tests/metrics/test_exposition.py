"""A finished page on the wire: in pieces, and as one gzip stream that everybody can read."""

from __future__ import annotations

import gzip
import zlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.exposition import CONTENT_TYPES, Body, FamilyBody, Packed, Piece, deflate, gzip_stream, pack
from exporter.metrics.text import FORMATS, Format, Header


def body(*families: tuple[str, list[bytes]]) -> Body:
    """Counters with these texts."""
    found = tuple(FamilyBody(Header(name, "counter", "Help."), tuple(in_pieces(texts))) for name, texts in families)
    return Body(found, sum(len(texts) for _, texts in families))


def in_pieces(texts: list[bytes]) -> list[Piece]:
    """Pieces of 256 texts."""
    return [Piece(texts[start : start + 256]) for start in range(0, len(texts), 256)]


LONG = body(("a_total", [b'a_total{n="%d"} 1\n' % n for n in range(1000)]), ("b_total", [b"b_total 2\n"]))


def packed(body: Body, format: Format) -> list[Packed]:
    """Every piece, compressed."""
    return [piece.packed() for piece in body.pieces(format)]


def unpack(stream: bytes) -> dict[str, bytes]:
    """What each of the usual decoders makes of a gzip stream; zlib's says so if anything follows the member."""
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    by_zlib = member.decompress(stream) + member.flush()
    assert (member.eof, member.unused_data) == (True, b"")
    response = httpx.Response(200, headers={"content-encoding": "gzip"}, content=stream)
    return {"gzip": gzip.decompress(stream), "zlib": by_zlib, "httpx": response.content}


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("text", b"# HELP b_total Help.\n# TYPE b_total counter\nb_total 2\nb_total 3\n"),
        ("openmetrics", b"# HELP b Help.\n# TYPE b counter\nb_total 2\nb_total 3\n"),
    ],
)
def test_a_body_in_both_formats(format: Format, text: bytes) -> None:
    """Header, then samples; the length is known beforehand."""
    small = body(("b_total", [b"b_total 2\n", b"b_total 3\n"]))
    assert b"".join(small.texts(format)) == text
    assert small.size(format) == len(text)


@pytest.mark.parametrize("format", FORMATS)
def test_a_large_body_comes_in_pieces(format: Format) -> None:
    """No piece is more than a few hundred lines, none is empty, and together they have the size that was told."""
    pieces = list(LONG.texts(format))
    assert all(0 < piece.count(b"\n") <= 256 for piece in pieces)
    assert len(pieces) == 2 + 4 + 1
    assert sum(map(len, pieces)) == LONG.size(format)
    assert b"".join(pieces).count(b"a_total{") == 1000


def test_an_empty_body_is_nothing() -> None:
    """Without families there is no text."""
    assert list(Body((), 0).texts("text")) == []
    assert Body((), 0).size("text") == 0


@pytest.mark.parametrize("format", FORMATS)
def test_the_gzip_stream_is_one_member(format: Format) -> None:
    """gzip, zlib and httpx all find the page and the end that was added to it, and nothing behind."""
    stream = b"".join(gzip_stream(deflate(packed(LONG, format)), b"# EOF\n"))
    plain = b"".join(LONG.texts(format)) + b"# EOF\n"
    assert unpack(stream) == {"gzip": plain, "zlib": plain, "httpx": plain}
    assert len(stream) < len(plain) / 4


def test_a_compressed_page_takes_many_ends() -> None:
    """The same page is compressed once and sent with a fresh end each time."""
    start = deflate(packed(LONG, "text"))
    plain = b"".join(LONG.texts("text"))
    for end in (b"first\n", b"", b"second\n" * 1000):
        assert gzip.decompress(b"".join(gzip_stream(start, end))) == plain + end


@given(pieces=st.lists(st.binary(max_size=2000), max_size=8), end=st.binary(max_size=200))
def test_any_bytes_survive(pieces: list[bytes], end: bytes) -> None:
    """Whatever the pieces are, empty ones among them, every decoder gives them back."""
    stream = b"".join(gzip_stream(deflate(map(pack, pieces)), end))
    assert set(unpack(stream).values()) == {b"".join(pieces) + end}


def test_a_piece_is_compressed_once() -> None:
    """The next page takes over what did not change, compressed as it is."""
    kept, changed = Piece([b"a 1\n"]), Piece([b"b 1\n"])
    header = Header("a", "gauge", "Help.")
    before = packed(Body((FamilyBody(header, (kept, changed)),), 2), "text")
    after = packed(Body((FamilyBody(header, (kept, Piece([b"b 2\n"]))),), 2), "text")
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, False]


def test_content_types_name_the_version() -> None:
    """The media types that Prometheus asks for, with the versions that are served."""
    assert CONTENT_TYPES == {
        "text": "text/plain; version=0.0.4; charset=utf-8",
        "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
