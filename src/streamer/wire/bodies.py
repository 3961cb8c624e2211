"""The two forms of a dialect whose clients read JSON texts: frames, and lines to be framed.

Both are made of what the dialect says of an event and of a control event: bodies, each a line
of JSON without its end; there may be none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..events.control import Control
from ..events.event import Event
from .websocket import text_frame

#: An empty pong, which nobody asked for and nobody sees (RFC 6455, section 5.5.3): what is
#: sent where there is nothing to say, for a buffer of nothing is none.
NOTHING: Final = b"\x8a\x00"

EventBodies = Callable[[Event], Iterable[bytes]]
ControlBodies = Callable[[Control], Iterable[bytes]]


class BodyFrames:
    """Bodies as WebSocket frames, for writing straight to a transport.

    Args:
        name: of the form, unlike that of any other.
        of_event: the bodies of an event.
        of_control: those of a control event.
    """

    heartbeat = b"\x89\x00"  # an empty ping, which every client answers unasked

    def __init__(self, name: str, of_event: EventBodies, of_control: ControlBodies) -> None:
        self.name: Final = name
        self._of_event: Final = of_event
        self._of_control: Final = of_control

    def event(self, event: Event) -> bytes:
        """A text frame for each body."""
        return b"".join(map(text_frame, self._of_event(event))) or NOTHING

    def control(self, control: Control) -> bytes:
        """A text frame for each body."""
        return b"".join(map(text_frame, self._of_control(control))) or NOTHING

    def wrap(self, frames: bytes) -> bytes:
        """Frames follow one another as they are."""
        return frames


class BodyLines:
    """The same as lines, each to be sent as a text frame by whoever frames them.

    Args:
        name: as for `BodyFrames`, likewise the others.
    """

    heartbeat = b""  # the server that frames also pings

    def __init__(self, name: str, of_event: EventBodies, of_control: ControlBodies) -> None:
        self.name: Final = name
        self._of_event: Final = of_event
        self._of_control: Final = of_control

    def event(self, event: Event) -> bytes:
        """A line for each body."""
        return b"".join(body + b"\n" for body in self._of_event(event))

    def control(self, control: Control) -> bytes:
        """A line for each body."""
        return b"".join(body + b"\n" for body in self._of_control(control))

    def wrap(self, frames: bytes) -> bytes:
        """Lines follow one another as they are."""
        return frames
