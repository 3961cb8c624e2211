"""Bytes of an event stream to events, whatever the pieces they arrive in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .received import Received

#: Event names that differ from the type: an EventSource fires `error` itself.
_TYPES: Final = {"failed": "error"}
_BOM: Final = b"\xef\xbb\xbf"


class Frames:
    """Parse an event stream (WHATWG HTML, 9.2.6 "Interpreting an event stream").

    One for each connection: what a cut left unfinished must not be completed by
    the next connection's first bytes. ``retry_ms`` is the last ``retry:``.
    """

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self._rest = b""
        self._started = False
        self._data: list[bytes] = []
        self._type = ""
        self._id: str | None = None

    def feed(self, received: bytes) -> Iterator[Received]:
        """Yield every event that `received` completes."""
        self._rest += received
        if not self._started and len(self._rest) >= len(_BOM):
            self._rest = self._rest.removeprefix(_BOM)
            self._started = True
        lines = self._rest.splitlines(keepends=True)
        # A "\r" at the very end may be the first half of "\r\n".
        self._rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            event = self._line(line.rstrip(b"\r\n"))
            if event is not None:
                yield event

    def _line(self, line: bytes) -> Received | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._type = value.decode(errors="replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode(errors="replace")
            case b"retry" if value.isdigit():
                self.retry_ms = int(value)
            case _:  # a comment, or a field of the future
                pass
        return None

    def _dispatch(self) -> Received | None:
        data, event_type, event_id = self._data, self._type, self._id
        self._data, self._type, self._id = [], "", None
        if not data:
            return None
        shown = _TYPES.get(event_type, event_type) or "message"
        return Received(shown, b"\n".join(data), event_id)
