"""A body of several events, one in each line (NDJSON)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from litestar import Request

from ..errors import BatchTooLarge, InvalidJSON, InvalidRequest
from ..publishing.publisher import MAX_BATCH

#: The type of such a body. It has no parameters; those that are given are not looked at.
NDJSON: Final = "application/x-ndjson"
#: Bytes of one: as many as a worker's publisher appends at once.
MAX_BYTES: Final = 1024 * 1024

_TYPE: Final = NDJSON.encode()
_SPACE: Final = b" \t\r"


def is_batch(scope: Any) -> bool:  # noqa: ANN401 - an ASGI scope
    """Whether `scope` has such a body."""
    given = (value for name, value in scope["headers"] if name == b"content-type")
    value: bytes = next(given, b"")
    return len(value) >= len(_TYPE) and value.partition(b";")[0].strip().lower() == _TYPE


async def read_lines(request: Request[Any, Any, Any]) -> list[tuple[int, bytes]]:
    """Read the body: its lines with their numbers, from 1; those that are empty are left out.

    Raises:
        BatchTooLarge: it is over `MAX_BYTES` bytes, unread where that was announced; or has
            over `MAX_BATCH` events.
        InvalidJSON: it has none.
        InvalidRequest: the client left before it was whole.
    """
    body = await _read(request)
    lines = [(number, line) for number, line in _numbered(body) if line]
    if not lines:
        raise InvalidJSON("the body has no events; it must have one in each line")
    if len(lines) > MAX_BATCH:
        raise BatchTooLarge(f"the body has {len(lines)} events; it may have {MAX_BATCH}")
    return lines


def _numbered(body: bytes) -> Iterator[tuple[int, bytes]]:
    return enumerate((line.strip(_SPACE) for line in body.split(b"\n")), start=1)


async def _read(request: Request[Any, Any, Any]) -> bytes:
    announced = [v for name, v in request.scope["headers"] if name == b"content-length"]
    if any(value.isdigit() and int(value) > MAX_BYTES for value in announced):
        raise _too_long()
    body = bytearray()
    while True:
        message: Any = await request.receive()
        if message["type"] != "http.request":
            raise InvalidRequest("the body is not whole: the client left")
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise _too_long()
        if not message.get("more_body"):
            return bytes(body)


def _too_long() -> BatchTooLarge:
    return BatchTooLarge(f"the body is too large; it may have {MAX_BYTES} bytes")
