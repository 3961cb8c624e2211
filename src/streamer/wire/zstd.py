"""The content coding ``zstd`` (RFC 8878): a window is a frame, whose blocks are flushed.

A body is any number of frames. Nothing may stand within one but its blocks: who leaves a
window is written an empty last block, and who enters one that others have open, and that is
about to end, an empty frame that is open as well.
"""

from __future__ import annotations

import sys
from typing import Final

from .checksum import Sum

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor
else:
    from backports.zstd import CompressionParameter, ZstdCompressor

_LEVEL: Final = 6
#: 128 KiB: more would be memory, and hardly save a byte.
_WINDOW: Final = 17

#: Of a frame of 128 KiB whose size is not told, without a checksum (section 3.1.1.1).
_FRAME_HEAD: Final = b"\x28\xb5\x2f\xfd\x00" + bytes([(_WINDOW - 10) << 3])
#: The last block of a frame, raw and empty (section 3.1.1.2).
_LAST_BLOCK: Final = b"\x01\x00\x00"


class Zstd:
    """The coding of newer browsers: less work for those who read."""

    name: Final = "zstd"
    head: Final = b""
    enter: Final = _FRAME_HEAD
    leave: Final = _LAST_BLOCK

    def window(self) -> _Window:
        """A compressor of 128 KiB, in a frame of its own."""
        return _Window()

    def alone(self, data: bytes) -> bytes:
        """`data` as a frame."""
        return _ALONE.compress(data, ZstdCompressor.FLUSH_FRAME)

    def end(self, plain: Sum) -> bytes:  # noqa: ARG002 - a body of frames ends anywhere
        """Nothing."""
        return b""


_OPTIONS: Final[dict[int, int]] = {
    CompressionParameter.compression_level: _LEVEL,
    CompressionParameter.window_log: _WINDOW,
}

#: Makes frames by themselves, behind each of which it begins anew; to make another for each
#: takes twice as long as the frame.
_ALONE: Final = ZstdCompressor(options=_OPTIONS)


class _Window:
    __slots__ = ("_compressor",)

    def __init__(self) -> None:
        self._compressor: Final = ZstdCompressor(options=_OPTIONS)

    def compress(self, data: bytes) -> bytes:
        return self._compressor.compress(data, ZstdCompressor.FLUSH_BLOCK)


ZSTD: Final = Zstd()
