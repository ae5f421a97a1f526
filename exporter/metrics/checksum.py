"""CRC-32 of texts one after another, from the CRC of each: what zlib calls combining, without reading a byte again.

A CRC is a polynomial over GF(2); that of ``a + b`` is that of ``a`` shifted by the length of ``b``, plus that of
``b`` (RFC 1952, section 8, has the polynomial).
"""

from __future__ import annotations

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


def combine(first: int, second: int, shift: int) -> int:
    """The CRC of two texts; ``shift`` is ``shift_by`` the length of the second."""
    return _multiply(shift, first) ^ second


def shift_by(length: int) -> int:
    """What shifts a CRC by so many bytes: x to the power of 8 times ``length``, modulo the polynomial."""
    product, place = _ONE, 0
    while length:
        length, byte = divmod(length, 256)
        product = _multiply(_shift_by_byte(byte, place), product)
        place += 1
    return product


@lru_cache(maxsize=1024)
def _shift_by_byte(byte: int, place: int) -> int:
    """The same for one byte of a length: most pieces share two of the three."""
    product, bit = _ONE, 3 + 8 * place
    while byte:
        if byte & 1:
            product = _multiply(_SQUARES[bit % 32], product)
        byte >>= 1
        bit += 1
    return product


def _multiply(a: int, b: int) -> int:
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


def _squares() -> tuple[int, ...]:
    """x to the power of 2 to the power of n; the order of x is 2^32 - 1, so 32 of them are all."""
    found = [_ONE >> 1]
    while len(found) < 32:
        found.append(_multiply(found[-1], found[-1]))
    return tuple(found)


_SQUARES = _squares()
