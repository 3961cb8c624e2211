"""A notification, as the platform's clients read it; pure."""

from __future__ import annotations

from typing import Final

import msgspec

from ...events.control import Control
from ...events.cursor import timestamp_of
from ...events.event import Event
from ...events.json_line import encode_line
from ...wire.bodies import BodyFrames, BodyLines

#: Controls that an older client has no word for, and no use either.
_UNSAID: Final = frozenset({"caught_up", "end"})


def bodies_of(event: Event) -> tuple[bytes, ...]:
    """The publisher's fields, the type and the time: of no topic and without an id."""
    fields = msgspec.json.decode(event.fields)
    time = {} if event.id is None else {"timestamp": timestamp_of(event.id.ms)}
    return (encode_line({"type": event.type, **fields, **time}),)


def bodies_of_control(control: Control) -> tuple[bytes, ...]:
    """What is sent of a control event."""
    if control.type in _UNSAID:
        return ()
    if control.type == "connected":
        greeting = control.fields.get("greeting", {})
        return (encode_line({"type": "connected", **greeting}),)
    if control.type == "pong" and control.fields.get("as_text"):
        return (b"pong",)  # in kind: whoever asks in plain text compares with it
    return (control.body(),)


FRAMES: Final = BodyFrames("notification-frames", bodies_of, bodies_of_control)
LINES: Final = BodyLines("notification-lines", bodies_of, bodies_of_control)
