"""Control events: what the server itself reports to a reader."""

from __future__ import annotations

from typing import Any

import msgspec

from .cursor import Cursor
from .json_line import encode_line


class Control(msgspec.Struct, frozen=True):
    """One control event.

    Attributes:
        type: one of `event.CONTROL_TYPES`, or ``error`` for a refusal at the older address.
        fields: the rest of its body, JSON-ready.
        id: the cursor an EventSource shall remember, where the frame moves it.
        retry_ms: milliseconds an EventSource shall wait before it reconnects.
    """

    type: str
    fields: dict[str, Any] = {}
    id: Cursor | None = None
    retry_ms: int | None = None

    def body(self) -> bytes:
        """The flat JSON object, one line, the same on every wire."""
        return encode_line({"type": self.type, **self.fields})
