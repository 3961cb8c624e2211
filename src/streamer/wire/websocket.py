"""WebSocket (RFC 6455): event bodies as text frames, and commands from a client."""

from __future__ import annotations

import re
import struct
from typing import Final

import msgspec

from ..errors import InvalidFrame
from ..events.control import Control
from ..events.cursor import Cursor
from ..events.event import Event
from ..events.topic import check_topic
from .client_frames import NO_CODE

_TEXT: Final = 0x81  # FIN + opcode text, RFC 6455 section 5.2
_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PONG: Final = 0x8A
_SHORT: Final = 125
_MEDIUM: Final = 0xFFFF


def text_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked, unfragmented text frame (RFC 6455, section 5.2)."""
    return frame(_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked, unfragmented binary frame."""
    return frame(_BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    """What answers a ping of `payload` (RFC 6455, section 5.5.3)."""
    return frame(_PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """The last frame (RFC 6455, section 5.5.1); 1005 is a frame without a code."""
    if code == NO_CODE:
        return frame(_CLOSE, b"")
    return frame(_CLOSE, code.to_bytes(2) + reason.encode())


def frame(first: int, payload: bytes) -> bytes:
    """One frame of `payload`, unmasked; `first` is its first byte."""
    size = len(payload)
    if size <= _SHORT:
        return bytes((first, size)) + payload
    if size <= _MEDIUM:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class Frames:
    """Bodies as WebSocket frames, for writing straight to a transport."""

    name = "websocket-frames"
    #: An empty ping (RFC 6455, section 5.5.2): every client answers it unasked.
    heartbeat = b"\x89\x00"

    def event(self, event: Event) -> bytes:
        """One text frame."""
        return text_frame(event.body)

    def control(self, control: Control) -> bytes:
        """One text frame."""
        return text_frame(control.body())

    def wrap(self, frames: bytes) -> bytes:
        """Frames follow one another as they are."""
        return frames


class Lines:
    """Bodies as lines, each to be sent as a text frame by whoever frames them."""

    name = "lines"
    heartbeat = b""  # the server that frames also pings

    def event(self, event: Event) -> bytes:
        """One line."""
        return event.body + b"\n"

    def control(self, control: Control) -> bytes:
        """One line."""
        return control.body() + b"\n"

    def wrap(self, frames: bytes) -> bytes:
        """Lines follow one another as they are."""
        return frames


FRAMES: Final = Frames()
LINES: Final = Lines()


class Ping(msgspec.Struct, tag_field="type", tag="ping", frozen=True):
    """Asks for a ``pong``."""


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", frozen=True):
    """Adds a topic to the connection, from `last_event_id` on, else from now on."""

    topic: str
    last_event_id: str | None = None

    def cursor(self) -> Cursor | None:
        """Where to resume the topic; raises `InvalidCursor`."""
        return None if self.last_event_id is None else Cursor.parse(self.last_event_id)


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", frozen=True):
    """Takes a topic off the connection."""

    topic: str


class Read(msgspec.Struct, tag_field="type", tag="read", frozen=True):
    """Moves the cursor of whoever reads on a topic; `reader` says who where nobody is asked."""

    topic: str
    cursor: str
    reader: str | None = None

    def to(self) -> Cursor:
        """Where it is moved to; raises `InvalidCursor`."""
        return Cursor.parse(self.cursor)


class Token(msgspec.Struct, tag_field="type", tag="token", frozen=True):
    """Replaces the token that the connection was opened with."""

    token: str

    def __repr__(self) -> str:
        """Without it: it may end in a log or a traceback."""
        return "Token(***)"


Command = Ping | Subscribe | Unsubscribe | Read | Token

_decoder: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(Command)
_ALLOWED: Final = (
    "allowed are the text ping, and JSON objects of the type ping, subscribe "
    "(topic, last_event_id), unsubscribe (topic), read (topic, cursor) and token (token)"
)
#: RFC 6750 section 2.1, ``b64token``: any other cannot be sent as a header either.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def parse_command(text: str | bytes) -> Command:
    """Read one inbound frame.

    Raises:
        InvalidFrame: it is binary, no JSON object, or no command.
        InvalidTopic: its topic is malformed.
        InvalidCursor: its last_event_id or its cursor is malformed.
    """
    if isinstance(text, bytes):
        raise InvalidFrame(f"the frame is binary; {_ALLOWED}")
    if text == "ping":
        return Ping()
    try:
        command = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(f"the frame is not understood: {error}; {_ALLOWED}") from error
    if isinstance(command, Subscribe | Unsubscribe | Read):
        check_topic(command.topic)
    if isinstance(command, Token) and _TOKEN.fullmatch(command.token) is None:
        raise InvalidFrame("token must be of the characters A-Z a-z 0-9 . _ ~ + / - and end with =")
    if isinstance(command, Subscribe):
        command.cursor()
    if isinstance(command, Read):
        command.to()
    return command


#: A close frame's payload is 125 bytes, two of them the code.
MAX_REASON_BYTES: Final = 123


def close_reason(text: str) -> str:
    """`text`, cut so that it fits into a close frame (RFC 6455, section 5.5)."""
    return text.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
