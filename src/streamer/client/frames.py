"""Bytes of an event stream to events, whatever the pieces they arrive in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .received import Received

#: Event names that differ from the type: an EventSource fires `error` itself.
_TYPES: Final = {"failed": "error"}
_BOM: Final = b"\xef\xbb\xbf"
#: Bytes that one event may have: a server that ends no line must not fill our memory.
#: Ours sends none above 16 MiB, but for what it knows of many topics in `connected`.
LARGEST_FRAME: Final = 64 * 1024 * 1024
#: Digits of a ``retry:`` that are read: eleven days of milliseconds.
_LONGEST_RETRY: Final = 9


class FrameTooLarge(Exception):
    """An event of more than `LARGEST_FRAME` bytes; it is not read further."""


class Frames:
    """Parse an event stream (WHATWG HTML, 9.2.6 "Interpreting an event stream").

    One for each connection: what a cut left unfinished must not be completed by
    the next connection's first bytes. ``retry_ms`` is the last ``retry:``.
    """

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        self._rest = b""
        self._started = False
        self._after_cr = False
        self._size = 0
        self._data: list[bytes] = []
        self._type = ""
        self._id: str | None = None

    def feed(self, received: bytes) -> Iterator[Received]:
        """Yield every event that `received` completes.

        Raises:
            FrameTooLarge: an event, or a line, does not end.
        """
        for line in self._lines(received):
            self._size += len(line)
            event = self._line(line)
            if event is not None:
                yield event
        if self._size + len(self._rest) > LARGEST_FRAME:
            raise FrameTooLarge(f"an event of more than {LARGEST_FRAME} bytes")

    def _lines(self, received: bytes) -> list[bytes]:
        """The lines that `received` completes, which end in LF, CR LF or CR."""
        data = self._rest + received
        if not self._started:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data = data.removeprefix(_BOM)
            self._started = True
        if self._after_cr and data:
            # The line was over with its CR, for nobody knows when more comes.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        lines = data.splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        self._after_cr = self._after_cr or data.endswith(b"\r")
        return [line.rstrip(b"\r\n") for line in lines]

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
            case b"retry" if value.isdigit() and len(value) <= _LONGEST_RETRY:
                self.retry_ms = int(value)
            case _:  # a comment, or a field of the future
                pass
        return None

    def _dispatch(self) -> Received | None:
        data, event_type, event_id = self._data, self._type, self._id
        self._data, self._type, self._id, self._size = [], "", None, 0
        if not data:
            return None
        shown = _TYPES.get(event_type, event_type) or "message"
        return Received(shown, b"\n".join(data), event_id)
