"""The content coding ``gzip`` (RFC 1952): raw deflate (RFC 1951), flushed to whole bytes.

A block of deflate refers to what the reader has, wherever that came from. So a window needs no
words to begin or to end: a new compressor refers to nothing.
"""

from __future__ import annotations

import zlib
from typing import Final

from .checksum import Sum
from .coding import Window

#: Of a window: 32 KiB, which takes 256 KiB of memory.
_LEVEL: Final = 6
#: Of what is compressed by itself: it needs no more to look back, and is made in 2 µs, not 60.
_SMALL_WINDOW: Final = 13
_SMALL_MEMORY: Final = 6


class Gzip:
    """The coding of every client that has one."""

    name: Final = "gzip"
    #: No name, no time, of an unknown system (RFC 1952, section 2.3).
    head: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    enter: Final = b""
    leave: Final = b""

    def window(self) -> Window:
        """A compressor of 32 KiB."""
        return _Window(zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)

    def alone(self, data: bytes) -> bytes:
        """`data` in blocks of its own."""
        return self.passing().compress(data)

    def passing(self) -> Window:
        """A compressor that is not kept; what it makes first refers to nothing."""
        return _Window(_SMALL_WINDOW, _SMALL_MEMORY)

    def end(self, plain: Sum) -> bytes:
        """An empty last block, and the trailer."""
        size = plain.size & 0xFFFFFFFF
        return b"\x03\x00" + plain.crc.to_bytes(4, "little") + size.to_bytes(4, "little")


class _Window:
    __slots__ = ("_compressor",)

    def __init__(self, bits: int, memory: int) -> None:
        self._compressor: Final = zlib.compressobj(_LEVEL, zlib.DEFLATED, -bits, memory)

    def compress(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)


GZIP: Final = Gzip()
