"""The CRC-32 and the length of bytes that come in pieces, of which nobody has all."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Final, NamedTuple

#: CRC-32 (RFC 1952, section 8): its polynomial with the bits in reverse, and 1 as such.
_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31
#: The bits of a length that a CRC has to be moved by: powers repeat after these.
_PERIOD: Final = (1 << 32) - 1


class Sum(NamedTuple):
    """What a gzip trailer says of the bytes before it.

    Attributes:
        crc: their CRC-32.
        size: how many they are.
    """

    crc: int = 0
    size: int = 0

    def of_more(self, data: bytes) -> Sum:
        """That of the same bytes with `data` behind them."""
        return Sum(zlib.crc32(data, self.crc), self.size + len(data))

    def then(self, other: Sum) -> Sum:
        """That of the same bytes with those of `other` behind them."""
        return Sum(_moved(self.crc, other.size) ^ other.crc, self.size + other.size)

    def since(self, earlier: Sum) -> Sum:
        """That of the last of these bytes, of which the first ones are those of `earlier`."""
        size = self.size - earlier.size
        return Sum(self.crc ^ _moved(earlier.crc, size), size)


def _moved(crc: int, size: int) -> int:
    """What `crc` contributes once `size` bytes have come behind."""
    return _product(crc, _power(size)) if crc else 0


@lru_cache(maxsize=4096)
def _power(size: int) -> int:
    """X to the bits of `size` bytes, modulo the polynomial."""
    exponent, result, square = 8 * size % _PERIOD, _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            result = _product(result, square)
        square = _product(square, square)
        exponent >>= 1
    return result


def _product(a: int, b: int) -> int:
    """That of two polynomials, modulo the one of the CRC."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = a << 1 & 0xFFFFFFFF
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product
