"""Server-sent events (WHATWG HTML, section 9.2): frames as bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..events.control import Control
from ..events.cursor import Cursor
from ..events.event import Event

#: Response headers of every SSE stream. `no-transform` keeps Traefik and Caddy
#: from holding back a sparse stream to compress it, `X-Accel-Buffering` nginx.
HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

#: A comment without the blank line: with one, four clients see an empty event.
HEARTBEAT: Final = b":\n"

#: What ends a chunked HTTP/1.1 body (RFC 9112, section 7.1).
LAST_CHUNK: Final = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """`data` as one HTTP/1.1 chunk (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Sse:
    """Events as SSE frames.

    Args:
        named: write ``event:``, so that listeners can choose types. Without it,
            one ``onmessage`` sees everything.
        chunked: wrap each buffer as an HTTP/1.1 chunk, for writing straight to
            a transport.
    """

    def __init__(self, *, named: bool = True, chunked: bool = False) -> None:
        self._named = named
        self._chunked = chunked
        # The frame of an event does not depend on `chunked`: both share it.
        self.name = "sse" if named else "sse-unnamed"
        # There are few types, and a line of one is asked for with every control event.
        self._event_line = lru_cache(maxsize=256)(self._line_of)
        self.heartbeat = self.wrap(HEARTBEAT)

    def event(self, event: Event) -> bytes:
        """``event``, ``data`` and ``id`` of one event; no ``id`` if ephemeral."""
        return b"%bdata: %b\n%b\n" % (
            self._event_line(event.type),
            event.body,
            _id_line(event.id),
        )

    def control(self, control: Control) -> bytes:
        """One control event; ``retry`` stands in a frame that has data, never alone."""
        retry = b"" if control.retry_ms is None else b"retry: %d\n" % control.retry_ms
        return b"%b%bdata: %b\n%b\n" % (
            self._event_line(control.type),
            retry,
            control.body(),
            _id_line(control.id),
        )

    def wrap(self, frames: bytes) -> bytes:
        """`frames` as they are, or as one chunk."""
        return chunk(frames) if self._chunked else frames

    def _line_of(self, event_type: str) -> bytes:
        if not self._named:
            return b""
        # A browser fires its own "error" event for a lost connection.
        name = "failed" if event_type == "error" else event_type
        return b"event: %b\n" % name.encode("ascii")


def _id_line(event_id: Cursor | None) -> bytes:
    """The last line of a frame.

    Three clients move their cursor as soon as they read it, where WHATWG HTML
    9.2.6 says to wait for the empty line: a connection that is cut before the
    data would cost them that event.
    """
    return b"" if event_id is None else b"id: %d-%d\n" % event_id


NAMED: Final = Sse(named=True)
UNNAMED: Final = Sse(named=False)
NAMED_CHUNKED: Final = Sse(named=True, chunked=True)
UNNAMED_CHUNKED: Final = Sse(named=False, chunked=True)
