"""A body that may take longer than others: a file, which is kept as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Request

from ..hub.writer import EXTENSION

#: Where it is kept, in the scope of a request, that its body was read to its end.
_READ: Final = "streamer.body_read"
#: And that the client left before.
_CUT_OFF: Final = "streamer.body_cut_off"
#: How a request says that it has a body (RFC 9112, section 6).
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


async def long_body(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield the body as it comes; it ends early where the client is gone."""
    extensions: Any = request.scope.get("extensions") or {}
    # Our own server has a clock for bodies; this one may take longer, at a pace.
    if (take := getattr(extensions.get(EXTENSION), "take_long_body", None)) is not None:
        take()
    scope: Any = request.scope
    while True:
        message: Any = await request.receive()
        if message["type"] != "http.request":
            scope[_CUT_OFF] = True
            return
        if body := message.get("body"):
            yield body
        if not message.get("more_body"):
            scope[_READ] = True
            return


def is_cut_off(request: Request[Any, Any, Any]) -> bool:
    """Whether the client left before its `long_body` was whole."""
    scope: Any = request.scope
    return _CUT_OFF in scope


def closing(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The field of an answer that comes before the body is read, for one may follow.

    A browser sends all of it before it looks at the answer, gigabytes to be thrown away.
    A connection that is closed lets it see the answer, or continue, at once.
    """
    scope: Any = request.scope
    framing = {name: value for name, value in scope["headers"] if name in _FRAMING}
    follows = _READ not in scope and framing not in ({}, {b"content-length": b"0"})
    # HTTP/2 has no such field (RFC 9113, section 8.2.2), and other ways.
    return {"Connection": "close"} if follows and scope["http_version"].startswith("1") else {}
