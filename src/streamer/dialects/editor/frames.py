"""What the editor's page sends; pure."""

from __future__ import annotations

from typing import Final

import msgspec

from ...errors import InvalidFrame
from ...events.cursor import Cursor
from ...wire.websocket import Ping, Token, parse_command


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", frozen=True, rename="camel"):
    """Adds a video: from `last_event_id` on, else from its last known state."""

    video_id: str
    last_event_id: str | None = None

    def cursor(self) -> Cursor | None:
        """Where to resume the video; raises `InvalidCursor`."""
        # A page that keeps it in a variable sends it empty before the first event.
        return Cursor.parse(self.last_event_id) if self.last_event_id else None


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", frozen=True, rename="camel"):
    """Takes a video off the connection."""

    video_id: str


Frame = Subscribe | Unsubscribe | Ping | Token

_decoder: Final[msgspec.json.Decoder[Subscribe | Unsubscribe | Ping]] = msgspec.json.Decoder(
    Subscribe | Unsubscribe | Ping
)
_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ALLOWED: Final = (
    "allowed are the text ping, and JSON objects of the type ping, subscribe "
    "(videoId, lastEventId), unsubscribe (videoId) and token (token)"
)


def parse_frame(text: str | bytes) -> Frame:
    """Read one inbound frame.

    Raises:
        InvalidFrame: it is binary, no JSON object, or nothing that is understood.
    """
    if isinstance(text, bytes):
        raise InvalidFrame(f"the frame is binary; {_ALLOWED}")
    if text == "ping":
        return Ping()
    try:
        if _parts.decode(text).get("type") == msgspec.Raw(b'"token"'):
            command = parse_command(text)
            assert isinstance(command, Token)  # noqa: S101 - its type says so
            return command
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidFrame(f"the frame is not understood: {error}; {_ALLOWED}") from error
