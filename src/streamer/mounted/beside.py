"""Two ASGI apps at one address, for a host that can mount none."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Litestar
from litestar.types import Receive, Scope, Send

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Beside:
    """An ASGI app: `inner` below a prefix, `outer` everywhere else.

    The lifespan is that of `inner`: Django's handler, for one, refuses to have any.

    Args:
        inner: is given paths that begin with the prefix, and it as its ``root_path``.
        outer: an ASGI app, which is given everything else as it is.
        at: the prefix.

    Raises:
        ValueError: `at` is none.
    """

    def __init__(self, inner: Litestar, outer: Any, at: str) -> None:  # noqa: ANN401 - an ASGI app of any framework
        if not _PREFIX.fullmatch(at):
            raise ValueError(f'at is {at!r}; it must begin with a slash and end without: "/live"')
        self._inner: Final = inner
        self._outer: Final = outer
        self._at: Final = at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one WebSocket, or the lifespan."""
        kind: str = scope["type"]
        if kind == "lifespan":
            await self._inner(scope, receive, send)
            return
        # A path has its root_path in it (ASGI 3.0), where a server or a host has set one.
        root = scope.get("root_path", "") + self._at
        path = scope["path"]
        if path != root and not path.startswith(f"{root}/"):
            await self._outer(scope, receive, send)
            return
        below: Any = {**scope, "root_path": root}
        await self._inner(below, receive, send)
