"""Streams that cannot be had: what each transport says, and how little a loop of clients costs."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack

import httpx
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from streamer.api.farewells import LINGER, MAX_LINGERING_PER_CLIENT
from streamer.events.new_event import new_event
from support.asgi_peer import AsgiPeer
from support.event_source import EventSourceParser, SourceEvent
from support.live import Live, StartLive
from support.readers import publish, websocket
from support.servers import Server
from support.stage import HANDSHAKE, Peer, Stage
from support.waiting import wait_until_blocking

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])
STREAMS = pytest.mark.parametrize(
    "stream",
    ["/api/v1/projects/p/stream", "/api/v1/jobs/j/stream?events=message", "/api/v1/stream?topic=a"],
)


def events_of(answer: httpx.Response) -> list[SourceEvent]:
    """What an EventSource makes of an answer; it must be one that it takes, and whole."""
    answer.read()
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-transform"
    parser = EventSourceParser()
    parser.feed(answer.content)
    assert parser.is_between_events
    return parser.events


def is_told_to_come_back(answer: httpx.Response, code: str) -> str:
    """One ``reconnect``, with a time of its own; returns what it says."""
    (event,) = events_of(answer)
    body = event.body
    assert (body["type"], body["code"]) == ("reconnect", code)
    assert 2000 <= body["retry_ms"] <= 4000
    assert f"retry: {body['retry_ms']}\n" in answer.text
    assert "\nid:" not in answer.text, "it would move the cursor"
    detail: str = body["detail"]
    return detail


@pytest.mark.faults
@PATHS
def test_a_stream_without_a_log_is_told_to_come_back(
    start_live: StartLive, own_server: Server, path: str
) -> None:
    """A 503 would be final for an EventSource; polls and publishes are answered with it."""
    live = start_live(path, redis_url=own_server.url)
    own_server.kill()
    with httpx.Client(base_url=live.url) as client:
        for stream in ("projects/p/stream", "jobs/j/stream?last_event_id=1-0", "stream?topic=a"):
            told = is_told_to_come_back(client.get(f"/api/v1/{stream}"), "log_unavailable")
            assert "Redis" in told
            assert client.head(f"/api/v1/{stream}").status_code == 200
        assert client.get("/api/v1/projects/p/events").status_code == 503
        assert client.get("/api/v1/projects/p/status").status_code == 503
        assert client.post("/api/v1/projects/p/events", json={"type": "x"}).status_code == 503
        own_server.start()

        def is_open() -> bool:
            with client.stream("GET", "/api/v1/projects/p/stream") as answer:
                return "event: connected" in next(answer.iter_lines())

        wait_until_blocking(is_open, "no stream was opened again")


@PATHS
@STREAMS
def test_a_full_server_tells_a_stream_to_come_back(
    start_live: StartLive, path: str, stream: str
) -> None:
    """Over every address of a stream; its connection serves on."""
    live = start_live(path, STREAMER_MAX_CONNECTIONS="1")
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=live.url))
        stack.enter_context(client.stream("GET", "/api/v1/stream?topic=x"))
        answers = [client.get(stream) for _ in range(3)]
        for answer in answers:
            assert "1 readers" in is_told_to_come_back(answer, "too_many_connections")
            named = "events=message" not in stream
            assert ("event: reconnect\n" in answer.text) is named
        addresses = {a.extensions["network_stream"].get_extra_info("client_addr") for a in answers}
        assert len(addresses) == 1
        assert client.head(stream).status_code == 200


@PATHS
def test_a_loop_of_clients_that_are_refused_asks_once_a_second(path: str) -> None:
    """Refused for ever, or finished: the close comes a second after the frame that says so."""
    stage = Stage()  # whose clock this test moves
    last = stage.loop.run(stage.log._log.append(new_event("jobs/j", "completed", {})))
    finished = _Refused(stage, path, f"/api/v1/jobs/j/stream?last_event_id={last}")
    refused = _Refused(stage, path, "/api/v1/jobs/j/stream?last_event_id=x")
    stage.settle()
    stage.loop.advance(LINGER * 0.9)
    stage.settle()
    assert b'"end"' in finished.received
    assert b'"refused"' in refused.received
    assert (finished.close_code, refused.close_code) == (None, None)
    stage.loop.advance(LINGER * 0.2)
    stage.settle()
    assert (finished.close_code, refused.close_code) == (1000, 1008)
    stage.end()


@PATHS
def test_who_leaves_or_says_too_much_is_not_waited_for(path: str) -> None:
    """The server goes with it, in the middle of its second."""
    stage = Stage()  # whose clock stands still
    AsgiPeer(stage, "/healthz", kind="http")
    stage.settle()
    at_rest = asyncio.all_tasks(stage.loop)
    silent, loud = _Refused(stage, path), _Refused(stage, path)
    stage.settle()
    assert (silent.close_code, loud.close_code) == (None, None)
    loud.send("ping", times=30)
    stage.settle()
    stage.settle()
    assert (silent.close_code, loud.close_code) == (None, 1008)
    silent.leave()
    loud.leave()
    stage.settle()
    left = asyncio.all_tasks(stage.loop) - at_rest
    assert not left, "the server waits for a client that has left"
    stage.end()


async def test_a_refused_socket_is_closed_after_its_last_frame(live: Live, project: str) -> None:
    """Over a network, too: the frame is read, and then the close code and its reason."""
    url = f"{live.ws_url}/api/v1/projects/{project}/stream?last_event_id=x"
    async with connect_async(url) as socket:
        assert '"refused"' in str(await socket.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@PATHS
def test_a_flood_of_sockets_that_are_refused_is_bounded(path: str) -> None:
    """Beyond so many of one address at a time, each is closed at once, and told all the same."""
    stage = Stage()  # whose clock stands still
    held = [_Refused(stage, path) for _ in range(MAX_LINGERING_PER_CLIENT)]
    stage.settle()
    late = [_Refused(stage, path) for _ in range(5)]
    stage.settle()
    assert all(peer.was_told for peer in held + late)
    assert not any(peer.close_code for peer in held)
    assert all(peer.close_code == 1008 for peer in late)
    for peer in held:
        peer.leave()
    stage.settle()
    another = _Refused(stage, path)
    stage.settle()
    assert another.was_told
    assert another.close_code is None, "those who left made no room"
    stage.end()


class _Refused:
    """A socket that asks for what it cannot have."""

    def __init__(
        self, stage: Stage, path: str, target: str = "/api/v1/projects/p/stream?last_event_id=x"
    ) -> None:
        self._peer = (
            Peer(stage, target, HANDSHAKE)
            if path == "fast"
            else AsgiPeer(stage, target, kind="websocket")
        )
        self.leave = self._peer.leave

    @property
    def was_told(self) -> bool:
        return b'"refused"' in self.received

    @property
    def close_code(self) -> int | None:
        """Of the close frame (RFC 6455, section 5.5.1); None before it."""
        if isinstance(self._peer, AsgiPeer):
            return self._peer.close_code
        found = re.search(rb"\x88.([\x03-\x0f].)", self.received, re.DOTALL)
        return int.from_bytes(found[1]) if found else None

    @property
    def received(self) -> bytes:
        return self._peer.received if isinstance(self._peer, AsgiPeer) else self._peer.take()

    def send(self, text: str, *, times: int) -> None:
        if isinstance(self._peer, AsgiPeer):
            for _ in range(times):
                self._peer.send_frame(text)
        else:
            self._peer.send_frames(*[text] * times)


def test_a_socket_that_is_refused_holds_up_no_exit(start_live: StartLive) -> None:
    """A drain does not wait for it."""
    live = start_live("fast", STREAMER_DRAIN_SECONDS="0")
    with connect(f"{live.ws_url}/api/v1/projects/p/stream?last_event_id=x") as socket:
        socket.recv()
        live.stop()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=1)


async def test_a_socket_that_finished_is_told_how_its_job_ended(live: Live, project: str) -> None:
    """A resume at or past the terminal event: ``end``, and 1000."""
    async with httpx.AsyncClient(base_url=live.url) as client:
        body = {"topic": f"jobs/{project}", "type": "error", "error": "no"}
        last = (await client.post("/api/v1/events", json=body)).json()["id"]
        path = f"/api/v1/jobs/{project}/stream?last_event_id={last}"
        assert (await client.get(path)).status_code == 204
        project_end = await publish(client, project, "status", status="cancelled")
    async with (
        websocket(live.ws_url, path) as socket,
        websocket(
            live.ws_url,
            f"/api/v1/projects/{project}/stream?until=end&last_event_id={project_end}",
        ) as of_project,
    ):
        await asyncio.gather(socket.is_closed(), of_project.is_closed())
        topic = f"jobs/{project}"
        assert socket.bodies == [
            {"type": "end", "topic": topic, "reason": "failed", "remaining": 0}
        ]
        assert [body["reason"] for body in of_project.bodies] == ["cancelled"]


async def test_a_socket_of_several_jobs_that_finished_is_told_of_each(
    live: Live, project: str
) -> None:
    """In the order in which they were asked for, as while it was open."""
    topics = [f"jobs/{project}-{n}" for n in range(2)]
    last = ""
    async with httpx.AsyncClient(base_url=live.url) as client:
        for topic in topics:
            body = {"topic": topic, "type": "completed"}
            last = (await client.post("/api/v1/events", json=body)).json()["id"]
    path = f"/api/v1/stream?topic={topics[0]}&topic={topics[1]}&last_event_id={last}"
    async with websocket(live.ws_url, path) as socket:
        assert (await socket.is_closed())[0] == 1000
        assert socket.bodies == [
            {"type": "end", "topic": topic, "reason": "completed", "remaining": remaining}
            for topic, remaining in zip(topics, (1, 0), strict=True)
        ]
