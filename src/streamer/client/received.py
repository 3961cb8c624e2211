"""One frame of a stream, as it came over the wire."""

from __future__ import annotations

import msgspec


class Received(msgspec.Struct, frozen=True):
    """One frame.

    Attributes:
        type: its name there, if it has one. The wire's ``failed`` is ``error`` again here.
        body: the JSON of the event, in exactly the bytes that were sent.
        id: its ``id:``; None if it has none.
    """

    type: str
    body: bytes
    id: str | None = None
