"""Plain handlers, answered before the framework: by its own routes, without the rest of it.

For each request the framework resolves dependencies, parses what a handler's arguments ask for,
and turns what it returns into a response. A handler that is `PLAIN` wants none of that: it is
given the request, reads it by itself, and returns an ASGI app. So it is called here, as the
framework would call it, and what it raises is answered by the same functions. Whatever is not
plain, and whatever has no route, is the framework's.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar, Request, Response, WebSocket
from litestar.exceptions import HTTPException, LitestarException, WebSocketException
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils import normalize_path

from ..hub.writer import offered_writer
from .problems import answer_to

#: For the ``opt`` of handlers that need nothing of the framework: coroutine functions of a
#: ``request`` alone, which return an ASGI app; or of a ``socket`` alone. They have no guards,
#: middleware or hooks but ``before_request``.
PLAIN: Final = {"plain": True}

#: The key of the ``opt`` of handlers that are not asked where nothing has to be waited for but
#: the log (`promptly`). Of those that publish what a body says: by what a path names, the topic to
#: publish to, or None where the body says it. Of streams, the topics: by what a path names, by the
#: query, and by how many there may be.
PROMPT: Final = "prompt"

#: How the addresses of streams end: of all reads, those alone are plain.
STREAMS: Final = "/stream"
#: What a WebSocket is closed with whose handler fails, as the framework does.
_FAILED: Final = 4500
_PLAIN_KINDS: Final = (HTTPRouteHandler, WebsocketRouteHandler)

#: Where an error waits for its answer, in the scope of a request whose handler has not run.
_ERROR: Final = "streamer.error"


def let_fail(scope: Any, error: BaseException) -> None:  # noqa: ANN401 - an ASGI scope
    """Have `error` answered, as if the plain handler of `scope` had raised it."""
    scope[_ERROR] = error


def _fail_if_let(scope: Any) -> None:  # noqa: ANN401 - an ASGI scope
    failed: BaseException | None = scope.pop(_ERROR, None)
    if failed is not None:
        raise failed


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
        if isinstance(handler, WebsocketRouteHandler):
            await _serve_socket(handler, scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer: ASGIApp
        try:
            _fail_if_let(scope)
            before: Any = handler.resolve_before_request()
            await before(request)
            answer = await handler.fn(request)
            if isinstance(answer, Response):
                answer = answer.to_asgi_response(app=None, request=request)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has an answer
            answer = answer_to(request, error, handler.resolve_exception_handlers())
        await answer(scope, receive, send)

    def _plain(self, scope: Any) -> HTTPRouteHandler | WebsocketRouteHandler | None:  # noqa: ANN401 - an ASGI scope
        """The plain handler that `scope` is for, which then is named in it as the router does."""
        path, method = scope["path"], scope.get("method")
        # A stream on a server that is not ours has its own ways to fail, after it has begun.
        if method != "POST" and not (
            # That of a WebSocket has no method.
            method in {"GET", None} and path.endswith(STREAMS) and offered_writer(scope) is not None
        ):
            return None
        if root_path := scope.get("root_path", ""):
            path = path.split(root_path, maxsplit=1)[-1]
        try:
            route = self._find(path=normalize_path(path), method=method)
        except HTTPException:
            return None
        _, handler, found, parameters, template = route
        if not isinstance(handler, _PLAIN_KINDS) or "plain" not in handler.opt:
            return None
        scope["route_handler"] = handler
        scope["path"], scope["path_params"], scope["path_template"] = found, parameters, template
        return handler


async def _serve_socket(
    handler: WebsocketRouteHandler, scope: Scope, receive: Receive, send: Send
) -> None:
    """Call `handler`; what it raises closes the WebSocket, as the framework does it."""
    socket: WebSocket[Any, Any, Any] = WebSocket(scope, receive, send)
    try:
        await handler.fn(socket)
    except Exception as error:  # noqa: BLE001 - whatever it is, it has a code
        code, reason = _FAILED, "Internal Server Error"
        if isinstance(error, WebSocketException):
            code, reason = error.code, error.detail
        elif isinstance(error, LitestarException):
            reason = error.detail
        await send({"type": "websocket.close", "code": code, "reason": reason})
