"""The CRC-32 and the length of bytes that come in pieces, of which nobody has all."""

from __future__ import annotations

import zlib
from array import array
from functools import lru_cache
from typing import Final, NamedTuple

#: CRC-32 (RFC 1952, section 8): its polynomial with the bits in reverse, and X to the 8.
_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31
_BYTE: Final = _ONE >> 8
#: Squarings after which a power is what it was: X to 2 ** 32 is X.
_PERIOD: Final = 32


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
    squared = 0
    while size and crc:
        if size & 1:
            low, second, third, high = _step(squared % _PERIOD)
            crc = (
                low[crc & 0xFF]
                ^ second[crc >> 8 & 0xFF]
                ^ third[crc >> 16 & 0xFF]
                ^ high[crc >> 24]
            )
        size >>= 1
        squared += 1
    return crc


@lru_cache(maxsize=_PERIOD)
def _step(squared: int) -> tuple[array[int], ...]:
    """What 2 ** `squared` bytes make of each value of each byte of a CRC, the lowest first.

    A reader that joins or leaves those in step needs some ten of these steps, for a length that
    nobody else has: bit by bit that takes a quarter of a millisecond, and so four microseconds.
    """
    power = _power(squared)
    tables = []
    for byte in range(4):
        table = array("I", [0])
        for bit in range(8):
            one = _product(1 << 8 * byte + bit, power)
            table.extend([value ^ one for value in table])
        tables.append(table)
    return tuple(tables)


@lru_cache(maxsize=_PERIOD)
def _power(squared: int) -> int:
    """X to the bits of 2 ** `squared` bytes, modulo the polynomial."""
    if not squared:
        return _BYTE
    root = _power(squared - 1)
    return _product(root, root)


def _product(a: int, b: int) -> int:
    """That of two polynomials, modulo the one of the CRC."""
    product = 0
    while a:
        if a & _ONE:
            product ^= b
        a = a << 1 & 0xFFFFFFFF
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product
