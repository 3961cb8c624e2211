"""Readers of a content coding: real decompressors, fed whatever is written as it is written."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from streamer.wire.coded import Coded
from streamer.wire.coding import Coding
from streamer.wire.deflated import Deflated
from streamer.wire.gzip import GZIP
from streamer.wire.websocket import FRAMES, Lines
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


class MessageDecoder:
    """A WebSocket's client that has agreed to permessage-deflate, as `websockets` is one.

    Attributes:
        compressed: how many messages were.
    """

    is_whole = True

    def __init__(self) -> None:
        self._reader = StreamReader()
        self._inflating = PerMessageDeflate(
            remote_no_context_takeover=False,
            local_no_context_takeover=True,
            remote_max_window_bits=15,
            local_max_window_bits=15,
        )
        self.compressed = 0

    def feed(self, data: bytes) -> bytes:
        """The messages as lines; of other frames nothing."""
        self._reader.feed_data(data)
        lines = b""
        while self._reader.buffer:
            self.compressed += bool(self._reader.buffer[0] & 0x40)
            parsing = Frame.parse(self._reader.read_exact, mask=False, extensions=[self._inflating])
            try:
                next(parsing)
            except StopIteration as parsed:
                frame: Frame = parsed.value
            else:
                raise AssertionError("a buffer ends within a frame")
            if frame.opcode is Opcode.TEXT:
                lines += bytes(frame.data) + b"\n"
        return lines


_DECODERS: Final[Mapping[str, Callable[[], Decoder]]] = {
    "gzip": _GzipDecoder,
    "zstd": _ZstdDecoder,
    "deflate": MessageDecoder,
}


def decoder_of(coding: str) -> Decoder:
    """A new one, of ``gzip`` or ``zstd``, or of the messages of a WebSocket."""
    return _DECODERS[coding]()


class BeatingLines(Lines):
    """Lines, and an empty one to show that one lives."""

    heartbeat = b"\n"


def coded_lines(
    clock: Callable[[], float], most: int = 256, at_least: float = 5.0
) -> dict[str, Coded | Deflated]:
    """A form of each coding, and of messages, which share so many windows."""
    windows = Windows(clock, most, at_least=at_least)
    plain = BeatingLines()
    return {
        **{name: Coded(plain, coding, windows) for name, coding in CODINGS.items()},
        "deflate": Deflated(FRAMES, windows),
    }


class CodedWriter(FakeWriter):
    """A fake writer behind which a decompressor reads."""

    def __init__(self, form: Coded | Deflated, *, high_water: int = 1 << 20) -> None:
        super().__init__(high_water=high_water, form=form)
        self._decoder = decoder_of(form.coding.name if isinstance(form, Coded) else "deflate")
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
