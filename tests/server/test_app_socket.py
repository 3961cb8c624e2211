"""An ASGI app that knows nothing of writers has a WebSocket as on any other server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamer.hub.writer import EXTENSION
from streamer.server.http1 import FastHttp
from streamer.server.websocket import FastWebSocket

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


@asynccontextmanager
async def serving(
    app: App, http: Callable[..., asyncio.Protocol] = FastHttp, ws: type = FastWebSocket
) -> AsyncIterator[str]:
    """A server of `app`; the address of its WebSocket."""
    config = uvicorn.Config(app, ws=ws, log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: http(config, state, {}), "127.0.0.1", 0
    )
    async with server, asyncio.timeout(20):
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/echo/%C3%A4?a=b"
    assert not state.tasks


async def compressing(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """`echo`, of an app that knows what the server offers."""
    scope["extensions"][EXTENSION].agree_to_deflate()
    await echo(scope, receive, send)


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Say the path, then whatever is said."""
    assert (await receive())["type"] == "websocket.connect"
    offered = scope["subprotocols"]
    accepted = {"type": "websocket.accept", "subprotocol": offered[-1] if offered else None}
    await send({**accepted, "headers": [(b"x-app", b"echo")]})
    await send({"type": "websocket.send", "text": f"{scope['path']}?{scope['query_string']!r}"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4000, "reason": "you said so"})
            continue
        await send({**message, "type": "websocket.send"})


@pytest.mark.parametrize(
    ("http", "ws"), [(HttpToolsProtocol, FastWebSocket), (FastHttp, WebSocketsSansIOProtocol)]
)
async def test_each_protocol_is_served_beside_one_of_uvicorns(
    http: Callable[..., asyncio.Protocol], ws: type
) -> None:
    """Then the handshake goes from one to the other as bytes."""
    async with serving(echo, http, ws) as url, connect(url, subprotocols=["a", "b"]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "b"
        assert await socket.recv() == "/echo/ä?b'a=b'"
        await socket.send("hello")
        assert await socket.recv() == "hello"


@pytest.mark.parametrize("app", [echo, compressing])
async def test_an_app_accepts_receives_sends_and_closes(app: App) -> None:
    """Texts and bytes, in order, however many come at once; compressed if it says so."""
    async with serving(app) as url, connect(url, subprotocols=["a", "b"]) as socket:  # type: ignore[list-item]
        assert socket.response is not None
        assert socket.response.headers["x-app"] == "echo"
        assert socket.subprotocol == "b"
        assert bool(socket.protocol.extensions) == (app is compressing)
        assert await socket.recv() == "/echo/ä?b'a=b'"
        said: list[str | bytes] = ["a", b"b", "", "ä" * 200, b"\xff" * 70_000, "z"]
        for message in said:
            await socket.send(message)
        assert [await socket.recv() for _ in said] == said
        await socket.send(["in ", "fragments"])
        assert await socket.recv() == "in fragments"
        await socket.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "you said so")


async def test_an_app_is_told_how_its_client_has_left() -> None:
    """Once and for ever, and nothing can be sent to it then."""
    ends = list[object]()

    async def app(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        ends.extend([await receive(), await receive()])
        try:
            await send({"type": "websocket.send", "text": "are you there?"})
        except ClientDisconnected as error:
            ends.append(error)
            raise

    async with serving(app) as url:
        async with connect(url) as socket:
            await socket.close(4001, "enough")
        assert socket.close_code == 4001, "it is said again"
    left = {"type": "websocket.disconnect", "code": 4001, "reason": "enough"}
    assert ends[:2] == [left, left]
    assert isinstance(ends[2], ClientDisconnected)


async def refused(app: App) -> tuple[int, bytes]:
    async with serving(app) as url:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(url):
                pass
        return caught.value.response.status_code, bytes(caught.value.response.body or b"")


async def test_an_app_may_decline() -> None:
    async def closes(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def answers(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        head = {"status": 418, "headers": [(b"content-type", b"text/plain")]}
        await send({"type": "websocket.http.response.start", **head})
        await send({"type": "websocket.http.response.body", "body": b"tea", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"pot"})

    assert await refused(closes) == (403, b"")
    assert await refused(answers) == (418, b"teapot")


async def test_an_app_that_fails_or_forgets_is_answered_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails(_scope: object, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("on the way")

    async def forgets(_scope: object, _receive: Receive, _send: Send) -> None: ...

    assert await refused(fails) == (500, b"Internal Server Error")
    assert await refused(forgets) == (500, b"Internal Server Error")
    assert "Exception in ASGI application" in caplog.text
    assert "without completing handshake" in caplog.text


async def test_an_app_that_returns_ends_its_connection() -> None:
    async def app(_scope: object, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    async with serving(app) as url, connect(url) as socket:
        await wait_closed(socket)


async def wait_closed(socket: ClientConnection) -> None:
    with pytest.raises(ConnectionClosed):
        await socket.recv()


@pytest.mark.parametrize(
    "messages",
    [
        ["websocket.send"],
        ["websocket.accept", "websocket.accept"],
        ["websocket.accept", "http.response.start"],
        ["websocket.accept", "websocket.close", "websocket.send"],
        ["websocket.http.response.start", "websocket.accept"],
    ],
)
async def test_what_an_app_sends_at_the_wrong_time_is_an_error_of_its(messages: list[str]) -> None:
    errors = list[Exception]()

    async def app(_scope: object, receive: Receive, send: Send) -> None:
        await receive()
        try:
            for kind in messages:
                await send({"type": kind, "text": "", "status": 200})
        except RuntimeError as error:
            errors.append(error)

    async with serving(app) as url:
        try:
            async with connect(url) as socket:
                await wait_closed(socket)
        except InvalidStatus:
            pass
    assert messages[-1] in str(errors)
