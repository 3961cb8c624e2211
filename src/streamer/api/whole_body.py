"""A body that is read as a whole, and mostly comes so."""

from __future__ import annotations

from typing import Any

from litestar import Request


async def whole_body(request: Request[Any, Any, Any]) -> bytes:
    """Return the body, as ``request.body()`` does; where it came in one piece, for much less.

    Raises:
        HTTPException: 413, it is larger than the app takes: unread, where its length was
            announced; 500, the client left before it was whole.
    """
    most = request.app.request_max_body_size
    if isinstance(most, int) and _is_announced(request.scope, most):
        first: Any = await request.receive()
        body: bytes = first.get("body", b"")
        if first["type"] == "http.request" and not first.get("more_body") and len(body) <= most:
            return body
        request.receive = _Again(first, request.receive)
    return await request.body()


def _is_announced(scope: Any, most: int) -> bool:  # noqa: ANN401 - an ASGI scope
    """Whether `scope` says that at most so many bytes follow."""
    announced = [value for name, value in scope["headers"] if name == b"content-length"]
    return len(announced) == 1 and announced[0].isdigit() and int(announced[0]) <= most


class _Again:
    """Receives one message that was received before, then all others."""

    def __init__(self, message: Any, receive: Any) -> None:  # noqa: ANN401 - as of ASGI
        self._message = message
        self._receive = receive

    async def __call__(self) -> Any:  # noqa: ANN401
        message, self._message = self._message, None
        return await self._receive() if message is None else message
