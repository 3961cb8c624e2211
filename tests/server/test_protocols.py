"""What the fast path relies on in uvicorn, and how its streams begin and end."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from streamer.hub.writer import EXTENSION
from streamer.server.http1 import FastHttp
from streamer.server.request_protocol import RequestProtocol
from streamer.server.websocket import FastWebSocket
from streamer.wire.sse import NAMED_CHUNKED
from support.live import Live, StartLive
from support.raw_http import answers_in, connect
from support.stage import HANDSHAKE, Peer, Stage
from support.waiting import DEADLINE

PROGRESS = {"type": "progress", "progress": 0.5}


def _config() -> uvicorn.Config:
    async def app(_scope: object, _receive: object, _send: object) -> None: ...

    config = uvicorn.Config(app, http=FastHttp, ws=FastWebSocket)
    config.load()
    return config


@pytest.mark.parametrize(
    "name",
    ["cycle", "scope", "headers", "flow", "parser", "pipeline", "transport"],
)
async def test_uvicorns_http_protocol_still_keeps_what_an_idle_stream_lets_go_of(name: str) -> None:
    """An upgrade of uvicorn that renames it would leave it in every reader's memory."""
    protocol = FastHttp(_config(), ServerState(), {})
    assert hasattr(protocol, name)
    ours = inspect.getsource(FastHttp) + inspect.getsource(RequestProtocol)
    assert re.search(rf"self\.{name}\b", ours), "and we still need it"


async def test_a_connection_begins_as_one_of_uvicorns() -> None:
    """Ours sets by itself what uvicorn's does: what an upgrade adds there would be missing."""
    config, state = _config(), ServerState()
    ours, theirs = FastHttp(config, state, {}), HttpToolsProtocol(config, state, {})
    assert {**vars(ours), "parser": None} == {**vars(theirs), "parser": None}


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            HttpToolsProtocol,
            """on_message_begin on_header on_headers_complete on_body on_message_complete
            data_received on_response_complete pause_writing resume_writing connection_made
            connection_lost shutdown handle_websocket_upgrade _should_upgrade
            _start_asgi_task""",
        ),
        (FlowControl, "pause_writing resume_writing resume_reading"),
    ],
)
def test_uvicorn_still_has_the_methods_we_extend(owner: type, names: str) -> None:
    """An override of a method that is called no more would be silently dead."""
    assert [name for name in names.split() if not hasattr(owner, name)] == []


def test_a_cycle_that_is_complete_is_left_alone_by_uvicorn() -> None:
    """The app returns from a stream that goes on: uvicorn must not close it for that."""
    source = inspect.getsource(RequestResponseCycle.run_asgi)
    assert "not self.response_complete and not self.disconnected" in source
    assert "self.keep_alive = keep_alive" in inspect.getsource(RequestResponseCycle.__init__)


async def test_the_parsers_below_still_keep_what_we_read() -> None:
    """Of uvicorn's cycle and flow control."""
    source = inspect.getsource(RequestResponseCycle)
    for name in ("response_started", "chunked_encoding", "message_event", "disconnected"):
        assert f"self.{name} =" in source
    assert "if self.chunked_encoding is None and" in source, "else HTTP/1.0 would get chunks"
    assert 'self.transport.write(b"".join(content))' in source, "else a head would wait for ever"
    assert "self.write_paused = False" in inspect.getsource(FlowControl)


def test_uvicorn_still_hands_a_websocket_on_with_its_whole_head() -> None:
    """Made as ours is, told of the transport, and given the head in one piece."""
    source = inspect.getsource(HttpToolsProtocol.handle_websocket_upgrade)
    assert "protocol = self.ws_protocol_class(" in source
    assert "protocol.connection_made(self.transport)" in source
    assert 'protocol.data_received(b"".join(output))' in source
    assert "self.transport.set_protocol(protocol)" in source


async def test_an_open_websocket_has_no_dictionary() -> None:
    """An attribute that is no slot would cost every reader hundreds of bytes."""
    protocol = FastWebSocket(_config(), ServerState(), {})
    assert not hasattr(protocol, "__dict__")


# Streams over the wire


def publish(live: Live, project: str, event: dict[str, object]) -> None:
    answer = httpx.post(f"{live.url}/api/v1/projects/{project}/events", json=event)
    assert answer.status_code == httpx.codes.CREATED


async def test_a_connection_serves_its_next_request_after_a_stream_has_ended(
    live_server: Live, project: str
) -> None:
    """The last chunk ends the response, not the connection."""
    publish(live_server, project, PROGRESS)
    publish(live_server, project, {"type": "completed"})
    async with connect(live_server) as client:
        for _ in range(2):
            client.send(
                f"GET /api/v1/projects/{project}/stream?from=earliest&until=end HTTP/1.1\n"
                "Host: localhost\n\n"
            )
            answer = await client.until(b"0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"event: end\n" in answer
        client.send("GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n")
        assert b'{"status":"ok"}' in await client.rest()


async def test_a_request_that_is_sent_into_a_stream_is_answered_after_it(
    live_server: Live, project: str
) -> None:
    """The stream is whole, and goes on as long as it would have."""
    async with connect(live_server) as client:
        client.send(
            f"GET /api/v1/projects/{project}/stream?until=end HTTP/1.1\nHost: localhost\n\n"
        )
        await client.until(b"caught_up")
        client.send("GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n")
        publish(live_server, project, PROGRESS)
        await client.until(b"event: progress\n")
        publish(live_server, project, {"type": "completed"})
        rest = await client.rest()
        assert b"event: end\n" in rest
        stream_end, answer = rest.split(b"\r\n0\r\n\r\n")
        assert b"HTTP/1.1" not in stream_end
        assert answers_in(answer)[0].json() == {"status": "ok"}


async def test_who_sends_too_much_into_a_stream_loses_the_connection_after_it(
    live_server: Live, project: str
) -> None:
    """What would fill our memory is thrown away; the stream is not."""
    async with connect(live_server) as client:
        client.send(
            f"GET /api/v1/projects/{project}/stream?until=end HTTP/1.1\nHost: localhost\n\n"
        )
        await client.until(b"caught_up")
        client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000)
        await client.writer.drain()
        publish(live_server, project, {"type": "completed"})
        rest = await client.rest()
        assert b"event: end\n" in rest
        assert rest.endswith(b"0\r\n\r\n")
        assert b"HTTP/1.1" not in rest


async def test_the_access_log_has_a_stream_like_any_other_answer(
    start_live: StartLive, project: str
) -> None:
    """Its head goes through uvicorn, though its body does not."""
    live = start_live("fast", STREAMER_LOG_LEVEL="debug", STREAMER_LOG_FORMAT="text")
    publish(live, project, {"type": "completed"})
    target = f"/api/v1/projects/{project}/stream?from=earliest&until=end"
    async with httpx.AsyncClient(base_url=live.url) as client:
        assert "event: end" in (await client.get(target)).text
    assert live.program is not None
    live.program.wait_for(re.escape(f'"GET {target} HTTP/1.1" 200'))


@pytest.mark.parametrize(
    ("header", "answer"),
    [(None, b"HTTP/1.1 500 Internal Server Error\r\n"), ((b"a b", b"c"), b"")],
)
async def test_a_stream_that_fails_before_its_head_is_written_is_answered_and_closed(
    header: tuple[bytes, bytes] | None, answer: bytes
) -> None:
    """The head waits for the first events, and none is left waiting for a stream that is none."""

    async def app(scope: Any, _receive: object, send: Any) -> None:  # noqa: ANN401 - ASGI
        writer = scope["extensions"][EXTENSION]
        writer.open(NAMED_CHUNKED, 65536)
        writer.frame()
        if header is None:
            raise RuntimeError("on the way")
        await send({"type": "http.response.start", "status": 200, "headers": [header]})

    config = uvicorn.Config(app, http=FastHttp, ws=FastWebSocket, log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: FastHttp(config, state, {}), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            received = await reader.read()
        writer.close()
    assert received.startswith(answer)
    assert received.count(b"HTTP/1.1") == bool(answer)


def test_the_head_of_a_stream_goes_out_with_its_first_events() -> None:
    """In one packet: it is one call of the system, and one of the reader's."""
    stage, writes = Stage(), list[bytes]()
    peer = Peer(stage, "/api/v1/stream?topic=shared")
    peer.transport.on_write = writes.append
    stage.settle()
    stage.end()
    assert writes[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"event: connected" in writes[0]


def test_the_answer_to_a_websockets_handshake_goes_out_with_its_first_events() -> None:
    """As a stream's head does."""
    stage, writes = Stage(), list[bytes]()
    Peer(stage, "/api/v1/stream?topic=shared", HANDSHAKE)
    stage.settle()
    second = Peer(stage, "/api/v1/stream?topic=shared", HANDSHAKE)
    second.transport.on_write = writes.append
    stage.settle()
    stage.end()
    assert writes[0].startswith(b"HTTP/1.1 101 ")
    for event in (b'"type":"connected"', b'"type":"caught_up"'):
        assert event in writes[0]


class _Sink(asyncio.Transport):
    """Remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:  # noqa: ANN401 - as asyncio has it
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None: ...


async def test_an_answer_to_a_handshake_waits_for_one_turn_and_for_little() -> None:
    """An app that takes its time is not waited for, and much is written through at once."""
    socket, sink = FastWebSocket(_config(), ServerState(), {}), _Sink()
    socket.transport = sink
    socket.accept(b"head;")
    socket.write(b"first;")
    assert sink.written == []
    assert socket.descriptor() is None, "what is held comes first"
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()
    assert sink.written == [b"head;first;"]
    socket.accept(b"head;")
    socket.write(b"x" * 5000)
    socket.write(b"next")
    assert sink.written[1:] == [b"head;" + b"x" * 5000, b"next"]


async def test_a_head_that_never_ends_is_refused(live_server: Live) -> None:
    """The parser itself would take it until the memory is full."""
    async with connect(live_server) as client:
        client.send("GET /healthz HTTP/1.1\n")
        for number in range(33):
            client.send(f"X-Filler-{number}: {'x' * 1024}\n")
        assert (await client.until(b"\r\n")).startswith(b"HTTP/1.1 431 ")


async def test_an_http_connection_keeps_uvicorns_attributes_in_a_dictionary_of_shared_keys() -> (
    None
):
    """Python shares the keys of thirty; with one more, each reader has a kilobyte of its own."""
    protocol = FastHttp(_config(), ServerState(), {})
    assert len(vars(protocol)) <= 28, "with `url` and one to spare"
    assert sys.getsizeof(vars(protocol)) < 500
