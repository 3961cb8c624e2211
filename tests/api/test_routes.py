"""Apps of ours cost what is of each of them: their handlers are read once for a process."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.utils.signature import ParsedSignature

from streamer.api import routes
from streamer.api.routes import _FOUND, Routes, RoutesOfEach
from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog


@get("/things/{name:str}")
async def one_thing(request: Request[Any, Any, Any]) -> str:
    """One of them."""
    return str(request.path_params["name"])


@post("/things/{name:str}")
async def change_thing(request: Request[Any, Any, Any]) -> str:
    """Something else of it."""
    return f"{request.path_params['name']} changed"


@websocket("/things")
async def listen(socket: WebSocket[Any, Any, Any]) -> None:
    """Never called."""


def _app() -> Litestar:
    of_each = RoutesOfEach("/of-each", route_handlers=[one_thing])
    return Litestar([Routes("/api", route_handlers=[one_thing, listen, change_thing, of_each])])


async def test_a_router_of_ours_routes_as_the_frameworks_does() -> None:
    transport = httpx.ASGITransport(app=_app())  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/api/things/a")).text == "a"
        assert (await client.post("/api/things/a")).text == "a changed"
        assert (await client.get("/api/of-each/things/b")).text == "b"
        assert (
            await client.post("/api/of-each/things/b")
        ).status_code == httpx.codes.METHOD_NOT_ALLOWED


async def test_every_address_says_its_methods_by_one_handler() -> None:
    app = _app()
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.options("/api/things/a")
    assert answer.status_code == httpx.codes.NO_CONTENT
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    answering = {
        route.route_handler_map["OPTIONS"][0].fn
        for route in app.routes
        if isinstance(route, HTTPRoute) and "things" in route.path
    }
    assert len(answering) == 1


def test_a_second_app_reads_no_handler_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    # It rests on this of the framework: a handler keeps what it has found, in its copies, too.
    assert hasattr(one_thing, _FOUND)
    create_app(Settings(), MemoryEventLog())
    read = []
    from_fn = ParsedSignature.from_fn.__func__  # type: ignore[attr-defined]

    def reading(cls: Any, fn: Any, namespace: Any) -> Any:  # noqa: ANN401 - as the framework's
        read.append(fn.__qualname__)
        return from_fn(cls, fn, namespace)

    monkeypatch.setattr(ParsedSignature, "from_fn", classmethod(reading))
    create_app(Settings(), MemoryEventLog())
    ours = [
        name for name in read if not name.startswith(("_given", "OpenAPIPlugin", "handle_schema"))
    ]
    assert ours == []


def test_a_framework_that_keeps_elsewhere_what_it_found_reads_each_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @get("/unread")
    async def unread(request: Request[Any, Any, Any]) -> str:
        return request.url.path

    monkeypatch.setattr(routes, "_FOUND", "_found_elsewhere")
    (route,) = Routes("/", route_handlers=[unread]).routes
    assert isinstance(route, HTTPRoute)
    assert getattr(route.route_handlers[0], _FOUND) is Empty


def test_what_openapi_adds_to_the_handlers_of_an_app_is_in_no_other() -> None:
    # The framework adds the parameters of an address that a handler does not name.
    assert create_app(Settings(), MemoryEventLog()).openapi_schema.paths
    named = {
        name
        for route in create_app(Settings(), MemoryEventLog()).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for name in handler.parsed_fn_signature.parameters
        if "stream_project" in str(handler)
    }
    assert named == {"request"}


def test_apps_share_no_handler() -> None:
    apps = [create_app(Settings(), MemoryEventLog()) for _ in range(2)]
    handlers = [
        {
            id(handler)
            for route in app.routes
            for handler in (
                route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
            )
        }
        for app in apps
    ]
    assert not handlers[0] & handlers[1]


def test_no_handler_is_given_two_that_the_framework_would_await_in_tasks_of_their_own() -> None:
    several = [
        str(handler)
        for route in create_app(Settings(), MemoryEventLog()).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if len(handler.parsed_fn_signature.parameters.keys() & handler.resolve_dependencies()) > 1
    ]
    assert several == []
