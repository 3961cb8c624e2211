"""Routers whose handlers are read once for a process, however many apps have them.

The framework reads a handler's signature when an app is given it, and keeps what it found in
that app's copy. It is the same for all of them, so here it is read before the copies are made. And
for each address the framework makes a handler of ``OPTIONS``, which it reads like any other;
those were half of all. No such request comes to it (`guard` answers them): one is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self, TypeVar

from litestar import HttpMethod, Request, Response, Router
from litestar import route as handles
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import BeforeRequestHookHandler, ControllerRouterHandler, ExceptionHandlersMap
from litestar.utils import join_paths

from .methods import methods_at

_Handler = TypeVar("_Handler", bound=BaseRouteHandler)

#: Where a handler of the framework keeps what was found, by a name that is its own.
_FOUND: Final = "_parsed_fn_signature"
#: What a handler may take that is of no app.
_CONNECTION: Final = frozenset({"request", "socket"})


@handles("/", http_method=[HttpMethod.OPTIONS], include_in_schema=False)
async def _methods(request: Request[Any, Any, Any]) -> Response[None]:
    """Say which methods the address has, as the framework does."""
    allowed = ", ".join(methods_at(request.app, request.scope))
    return Response(None, status_code=204, headers={"Allow": allowed})


class Routes(Router):
    """A router that is made for one app.

    The framework copies each that it is given, with all that it holds, unless it is told not to.
    """

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        """Add a handler, or a router, as the framework does; return the routes of it."""
        if isinstance(value, WebsocketRouteHandler):
            return super().register(_copy(value))
        if not isinstance(value, HTTPRouteHandler):
            return super().register(value)
        handler = _copy(value)
        handler.owner = self
        return [self._route(join_paths([self.path, path]), handler) for path in handler.paths]

    def _route(self, path: str, handler: HTTPRouteHandler) -> HTTPRoute:
        """Add `handler` to what there is at `path`; a route is what it is made with."""
        for place, known in enumerate(self.routes):
            if isinstance(known, HTTPRoute) and known.path == path:
                handlers = [handler, *known.route_handlers]
                self.routes[place] = route = HTTPRoute(path=path, route_handlers=handlers)
                return route
        options = _copy(_methods)
        options.owner = self
        route = HTTPRoute(path=path, route_handlers=[handler, options])
        self.routes.append(route)
        return route

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class RoutesOfEach(Router):
    """What a router of each app is made of: in itself there are no routes."""

    def __init__(
        self,
        path: str,
        *,
        route_handlers: Sequence[ControllerRouterHandler],
        before_request: BeforeRequestHookHandler | None = None,
        exception_handlers: ExceptionHandlersMap | None = None,
    ) -> None:
        self._made = partial(
            Routes,
            path,
            route_handlers=route_handlers,
            before_request=before_request,
            exception_handlers=exception_handlers,
        )
        super().__init__(path, route_handlers=())

    def __deepcopy__(self, _memo: object) -> Routes:
        return self._made()


def _copy(handler: _Handler) -> _Handler:
    """A copy of `handler` for one app, in which is what the framework found when it read it.

    What it found is the app's own, too: the framework adds the parameters of an address that a
    handler does not name, for OpenAPI. Of what takes a connection alone it makes a model that is
    the same in every app; of others there are the dependencies in it.
    """
    if not hasattr(handler, _FOUND):  # of a framework that keeps it elsewhere: it reads each copy
        return copy(handler)
    found = handler.parsed_fn_signature
    if found.parameters.keys() <= _CONNECTION:
        _ = handler.signature_model
    copied = copy(handler)
    setattr(copied, _FOUND, replace(found, parameters={**found.parameters}))
    return copied
