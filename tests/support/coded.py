"""Readers of a content coding: real decompressors, fed whatever is written as it is written."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from streamer.wire.coded import Coded
from streamer.wire.coding import Coding
from streamer.wire.gzip import GZIP
from streamer.wire.websocket import Lines
from streamer.wire.windows import Windows
from streamer.wire.zstd import ZSTD

from .writers import FakeWriter

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor
else:
    from backports.zstd import ZstdDecompressor

CODINGS: Final[Mapping[str, Coding]] = {"gzip": GZIP, "zstd": ZSTD}


class Decoder(Protocol):
    """What a client has."""

    def feed(self, data: bytes) -> bytes:
        """Take what came; return what can be read now."""

    @property
    def is_whole(self) -> bool:
        """Whether the body may end here."""


class _GzipDecoder:
    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> bytes:
        assert not self._decompressor.eof or not data, "something follows the trailer"
        return self._decompressor.decompress(data)

    @property
    def is_whole(self) -> bool:
        # Its checksum was compared when it came.
        return self._decompressor.eof and not self._decompressor.unused_data


class _ZstdDecoder:
    def __init__(self) -> None:
        self._decompressor: ZstdDecompressor | None = None

    def feed(self, data: bytes) -> bytes:
        plain = b""
        while data:
            if self._decompressor is None:
                self._decompressor = ZstdDecompressor()
            plain += self._decompressor.decompress(data)
            data = b""
            if self._decompressor.eof:
                data, self._decompressor = self._decompressor.unused_data, None
        return plain

    @property
    def is_whole(self) -> bool:
        return self._decompressor is None


def decoder_of(coding: str) -> Decoder:
    """A new one, of ``gzip`` or ``zstd``."""
    return _GzipDecoder() if coding == "gzip" else _ZstdDecoder()


class BeatingLines(Lines):
    """Lines, and an empty one to show that one lives."""

    heartbeat = b"\n"


def coded_lines(
    clock: Callable[[], float], most: int = 256, at_least: float = 5.0
) -> dict[str, Coded]:
    """A form of each coding, which share so many windows."""
    windows = Windows(clock, most, at_least=at_least)
    plain = BeatingLines()
    return {name: Coded(plain, coding, windows) for name, coding in CODINGS.items()}


class CodedWriter(FakeWriter):
    """A fake writer behind which a decompressor reads."""

    def __init__(self, form: Coded, *, high_water: int = 1 << 20) -> None:
        super().__init__(high_water=high_water, form=form)
        self._decoder = decoder_of(form.coding.name)
        self.coded = 0

    def write(self, buffer: bytes) -> None:
        assert self.closed is None, f"written after the end: {buffer!r}"
        if self.lost:
            return
        self.coded += len(buffer)
        plain = self._decoder.feed(buffer)
        assert plain.endswith(b"\n") or not plain, f"a part of a line: {plain!r}"
        lines = [line for line in plain.split(b"\n") if line]
        if lines:
            super().write(b"\n".join(lines) + b"\n")

    def close(self, code: int, reason: str) -> None:
        super().close(code, reason)
        assert self._decoder.is_whole, "a body ended that has no end"
