"""What a WebSocket's client sends, read frame by frame (RFC 6455, section 5; RFC 7692)."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

#: Opcodes (RFC 6455, section 11.8).
_CONTINUATION: Final = 0x0
_TEXT: Final = 0x1
_CLOSE: Final = 0x8
_PING: Final = 0x9
_PONG: Final = 0xA
_DATA: Final = frozenset({_CONTINUATION, _TEXT, 0x2})
_KNOWN: Final = _DATA | {_CLOSE, _PING, _PONG}

_FIN: Final = 0x80
_RSV1: Final = 0x40
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
#: Bytes of a frame's head before its length and its mask, and those of the mask.
_HEAD: Final = 2
_MASK: Final = 4
#: Lengths that say that the length follows, in two or in eight bytes; a control frame has neither.
_MEDIUM: Final = 126
_LONG: Final = 127

#: What a compressed message leaves out at its end (RFC 7692, section 7.2.2).
_FLUSHED: Final = b"\x00\x00\xff\xff"
#: Any window that a client may have agreed to, as zlib writes "raw".
_ANY_WINDOW: Final = -zlib.MAX_WBITS

PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
NOT_UTF8: Final = 1007
TOO_BIG: Final = 1009
#: Close codes that a peer may send (RFC 6455, section 7.4, and the registry it founds).
_SENT: Final = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class Violation(Exception):
    """A client has sent what no client may.

    Attributes:
        code: the close code that answers it (RFC 6455, section 7.4.1).
        reason: what was wrong, for the close frame and the log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code: Final = code
        self.reason: Final = reason


class Message(msgspec.Struct, frozen=True, gc=False):
    """A whole message: a text, or bytes."""

    data: str | bytes


class Part(msgspec.Struct, frozen=True, gc=False):
    """A fragment of a message of which more is to come."""


class PingFrame(msgspec.Struct, frozen=True, gc=False):
    """Asks for a pong with the same `payload`."""

    payload: bytes


class PongFrame(msgspec.Struct, frozen=True, gc=False):
    """A sign of life."""


class CloseFrame(msgspec.Struct, frozen=True, gc=False):
    """The client sends nothing more. Without a code of its own, `code` is 1005."""

    code: int
    reason: str


Received = Message | Part | PingFrame | PongFrame | CloseFrame


class ClientFrames:
    """Reads frames of one client.

    It holds the bytes of a frame that is not whole, and the fragments of a message that is
    not. Between messages it is empty, and may be thrown away.

    A length in more bytes than it needs is taken as it was meant.

    Args:
        limit: bytes of one message, as it was before it was compressed, too.
        may_deflate: whether the client may compress messages, each by itself
            (``client_no_context_takeover``).
    """

    __slots__ = ("_bytes", "_is_deflated", "_limit", "_may_deflate", "_message", "_opcode")

    def __init__(self, limit: int, *, may_deflate: bool = False) -> None:
        self._limit = limit
        self._may_deflate = may_deflate
        self._bytes = bytearray()
        # Of the message that is not whole, while there is one.
        self._message: bytearray | None = None
        self._opcode = _TEXT
        self._is_deflated = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for more."""
        return not self._bytes and self._message is None

    @property
    def holds_bytes(self) -> bool:
        """Whether `next` might find a frame."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._bytes += data

    def next(self) -> Received | None:
        """Take the next frame out of what came; None if it is not whole.

        Raises:
            Violation: it is none. Nothing after it can be read.
        """
        data = self._bytes
        if len(data) < _HEAD:
            return None
        first, second = data[0], data[1]
        self._check(first, second)
        size, start = second & ~_MASKED, _HEAD
        if size >= _MEDIUM:
            start += 2 if size == _MEDIUM else 8
            if len(data) < start:
                return None
            size = int.from_bytes(data[_HEAD:start])
            if size >> 63:
                raise Violation(PROTOCOL_ERROR, "a length of a frame is negative")
        opcode = first & 0x0F
        # Before it has come: it never need be held.
        if opcode in _DATA and size + len(self._message or b"") > self._limit:
            raise self._too_big()
        end = start + _MASK + size
        if len(data) < end:
            return None
        payload = unmasked(data[start + _MASK : end], data[start : start + _MASK])
        del data[:end]
        if opcode in _DATA:
            return self._take_data(first, payload)
        if opcode == _PING:
            return PingFrame(payload)
        return PongFrame() if opcode == _PONG else _close_frame(payload)

    def _check(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if opcode not in _KNOWN:
            raise Violation(PROTOCOL_ERROR, f"a frame has the reserved opcode {opcode}")
        begins = opcode in _DATA and opcode != _CONTINUATION
        if first & _RESERVED & ~(_RSV1 if begins and self._may_deflate else 0):
            raise Violation(PROTOCOL_ERROR, "a frame has a reserved bit that nobody agreed to")
        if not second & _MASKED:
            raise Violation(PROTOCOL_ERROR, "a frame is not masked")
        if opcode not in _DATA and (second & ~_MASKED >= _MEDIUM or not first & _FIN):
            raise Violation(PROTOCOL_ERROR, "a control frame is too long, or in fragments")
        if begins and self._message is not None:
            raise Violation(PROTOCOL_ERROR, "a message begins before another has ended")
        if opcode == _CONTINUATION and self._message is None:
            raise Violation(PROTOCOL_ERROR, "a frame continues no message")

    def _take_data(self, first: int, payload: bytes) -> Message | Part:
        opcode = first & 0x0F
        if opcode != _CONTINUATION:
            self._opcode, self._is_deflated = opcode, bool(first & _RSV1)
            if first & _FIN:
                return self._whole(payload)
            self._message = bytearray()
        assert self._message is not None  # noqa: S101 - by `_check`
        self._message += payload
        if not first & _FIN:
            return Part()
        message, self._message = bytes(self._message), None
        return self._whole(message)

    def _whole(self, message: bytes) -> Message:
        if self._is_deflated:
            message = self._inflated(message)
        if self._opcode != _TEXT:
            return Message(message)
        try:
            return Message(message.decode())
        except UnicodeDecodeError as error:
            raise Violation(NOT_UTF8, "text must be UTF-8") from error

    def _inflated(self, message: bytes) -> bytes:
        """`message` as it was; no more of it than is allowed is ever in memory."""
        try:
            inflated = zlib.decompressobj(wbits=_ANY_WINDOW).decompress(
                message + _FLUSHED, self._limit + 1
            )
        except zlib.error as error:
            raise Violation(PROTOCOL_ERROR, "a message is not compressed as it says") from error
        if len(inflated) > self._limit:
            raise self._too_big()
        return inflated

    def _too_big(self) -> Violation:
        return Violation(TOO_BIG, f"a message is over {self._limit} bytes")


def unmasked(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """`payload` without its `mask` of four bytes, or with it (RFC 6455, section 5.3)."""
    size = len(payload)
    masks = mask * (size // _MASK) + mask[: size % _MASK]
    # One number: the loop over its digits is in C.
    return (int.from_bytes(payload) ^ int.from_bytes(masks)).to_bytes(size)


def _close_frame(payload: bytes) -> CloseFrame:
    if not payload:
        return CloseFrame(NO_CODE, "")
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or code not in _SENT:
        raise Violation(PROTOCOL_ERROR, "a close frame has no code that may be sent")
    try:
        return CloseFrame(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        raise Violation(NOT_UTF8, "the reason of a close frame must be UTF-8") from error
