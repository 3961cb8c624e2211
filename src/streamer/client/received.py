"""What a client is given: one event of a stream."""

from __future__ import annotations

from typing import Any

import msgspec


class Received(msgspec.Struct, frozen=True):
    """One event, or one control event, as it came over the wire.

    Attributes:
        type: what happened. The wire's ``failed`` is ``error`` again here.
        body: one line of JSON, an object, in exactly the bytes that were sent.
        id: the reader's position once it has seen this; None if it has none,
            as an ephemeral event.
    """

    type: str
    body: bytes
    id: str | None = None

    def fields(self) -> dict[str, Any]:
        """Decode the body.

        Raises:
            msgspec.DecodeError: the sender was not a Streamer server.
        """
        return msgspec.json.decode(self.body, type=dict[str, Any])
