"""Plain handlers, answered before the framework: by its own routes, without the rest of it.

For each request the framework resolves dependencies, parses what a handler's arguments ask for,
and turns what it returns into a response. A handler that is `PLAIN` wants none of that: it is
given the request, reads it by itself, and returns an ASGI app. So it is called here, as the
framework would call it, and what it raises is answered by the same functions. Whatever is not
plain, and whatever has no route, is the framework's.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils import normalize_path

from ..hub.writer import offered_writer
from .problems import answer_to

#: For the ``opt`` of handlers that need nothing of the framework: coroutine functions of a
#: ``request`` alone, which return an ASGI app. They have no guards, middleware or hooks but
#: ``before_request``.
PLAIN: Final = {"plain": True}

#: How the addresses of streams end: of all reads, those alone are plain.
_STREAMS: Final = "/stream"


class Front:
    """An ASGI app around the framework."""

    def __init__(self, litestar: Litestar) -> None:
        self._framework: Final[ASGIApp] = litestar.asgi_handler
        self._find: Final = litestar.asgi_router.handle_routing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what a plain handler is for; hand all else over, untouched."""
        handler = self._plain(scope)
        if handler is None:
            await self._framework(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer: ASGIApp
        try:
            before: Any = handler.resolve_before_request()
            await before(request)
            answer = await handler.fn(request)
            if isinstance(answer, Response):
                answer = answer.to_asgi_response(app=None, request=request)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has an answer
            answer = answer_to(request, error, handler.resolve_exception_handlers())
        await answer(scope, receive, send)

    def _plain(self, scope: Any) -> HTTPRouteHandler | None:  # noqa: ANN401 - an ASGI scope
        """The plain handler that `scope` is for, which then is named in it as the router does."""
        path, method = scope["path"], scope.get("method")
        # A stream on a server that is not ours has its own ways to fail, after it has begun.
        if method != "POST" and not (
            method == "GET" and path.endswith(_STREAMS) and offered_writer(scope) is not None
        ):
            return None
        if root_path := scope.get("root_path", ""):
            path = path.split(root_path, maxsplit=1)[-1]
        try:
            route = self._find(path=normalize_path(path), method=method)
        except HTTPException:
            return None
        _, handler, found, parameters, template = route
        if not isinstance(handler, HTTPRouteHandler) or "plain" not in handler.opt:
            return None
        scope["route_handler"] = handler
        scope["path"], scope["path_params"], scope["path_template"] = found, parameters, template
        return handler
