"""How large a request may be, and how long each part of it may take."""

from __future__ import annotations

from typing import Final

import msgspec

#: Frames that a WebSocket client may send at once, such as its subscriptions.
FRAME_BURST: Final = 200


class RequestLimits(msgspec.Struct, frozen=True):
    """Bounds of what one connection may ask of the server process.

    Attributes:
        head_bytes: of a request's URL and headers, and of a body's trailers.
        head_seconds: from the first byte (of a new connection: from its beginning)
            until the head is whole.
        body_seconds: from the head until the body is whole.
        take_seconds: for which a client may take none of what is sent to it.
        silence_seconds: for which a WebSocket client may send nothing at all, not
            even the pong to a ping.
        frames_per_second: frames of any kind that one WebSocket may send, in the
            long run.
    """

    head_bytes: int = 32 * 1024
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    take_seconds: float = 30.0
    silence_seconds: float = 60.0
    frames_per_second: float = 20.0
