"""A notification, as the platform's clients read it; pure."""

from __future__ import annotations

from typing import Final

import msgspec

from ...events.control import Control
from ...events.cursor import timestamp_of
from ...events.event import Event
from ...events.json_line import encode_line
from ...wire.websocket import text_frame

#: An empty pong, which nobody asked for and nobody sees (RFC 6455, section 5.5.3): what is
#: sent where there is nothing to say, for a buffer of nothing is none.
_NOTHING: Final = b"\x8a\x00"
#: Controls that an older client has no word for, and no use either.
_UNSAID: Final = frozenset({"caught_up", "end"})


def body_of(event: Event) -> bytes:
    """The publisher's fields, the type and the time: of no topic and without an id."""
    fields = msgspec.json.decode(event.fields)
    time = {} if event.id is None else {"timestamp": timestamp_of(event.id.ms)}
    return encode_line({"type": event.type, **fields, **time})


def body_of_control(control: Control) -> bytes | None:
    """What is sent of a control event; None is nothing."""
    if control.type in _UNSAID:
        return None
    if control.type == "connected":
        greeting = control.fields.get("greeting", {})
        return encode_line({"type": "connected", **greeting})
    if control.type == "pong" and control.fields.get("as_text"):
        return b"pong"  # in kind: whoever asks in plain text compares with it
    return control.body()


class NotificationFrames:
    """Notifications as WebSocket frames, for writing straight to a transport."""

    name = "notification-frames"
    heartbeat = b"\x89\x00"  # an empty ping, which every client answers unasked

    def event(self, event: Event) -> bytes:
        """One text frame."""
        return text_frame(body_of(event))

    def control(self, control: Control) -> bytes:
        """One text frame, or nothing."""
        body = body_of_control(control)
        return _NOTHING if body is None else text_frame(body)

    def wrap(self, frames: bytes) -> bytes:
        """Frames follow one another as they are."""
        return frames


class NotificationLines:
    """The same as lines, each to be sent as a text frame by whoever frames them."""

    name = "notification-lines"
    heartbeat = b""  # the server that frames also pings

    def event(self, event: Event) -> bytes:
        """One line."""
        return body_of(event) + b"\n"

    def control(self, control: Control) -> bytes:
        """One line, or nothing."""
        body = body_of_control(control)
        return b"" if body is None else body + b"\n"

    def wrap(self, frames: bytes) -> bytes:
        """Lines follow one another as they are."""
        return frames


FRAMES: Final = NotificationFrames()
LINES: Final = NotificationLines()
