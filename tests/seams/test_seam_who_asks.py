"""Who asks is said at one door, which anybody may replace, and no address passes it by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from streamer.api.asker import Asker, Connection
from streamer.config.settings import Settings
from streamer.errors import Forbidden, Unauthorized
from support.asking import ways_in
from support.stage import HANDSHAKE, Peer, Stage

#: What is the same for everybody, and what a load balancer asks.
OPEN: Final = frozenset(
    {
        *("/", "/web/{path}", "/client/{path}"),
        *("/healthz", "/readyz", "/api/v1/ws/health"),
        *(
            "/schema",
            "/schema/openapi.json",
            "/schema/asyncapi.json",
            "/schema/events.json",
            "/schema/{path}",
        ),
    }
)
PROJECT: Final = "/api/v1/projects/p1"

#: Each way in: a target, headers, a method and a body.
WAYS: Final = {
    "sse": (f"{PROJECT}/stream", {}, "GET", b""),
    "websocket": (f"{PROJECT}/stream", HANDSHAKE, "GET", b""),
    "poll": (f"{PROJECT}/events?wait=5", {}, "GET", b""),
    "publish": (f"{PROJECT}/events", {"Content-Length": "15"}, "POST", b'{"type":"note"}'),
}

OpenStage = Callable[..., Stage]


@pytest.fixture
def open_stage() -> Iterator[OpenStage]:
    stages: list[Stage] = []

    def opened(**wired: Any) -> Stage:  # noqa: ANN401 - as `Stage` has them
        stages.append(Stage(**wired))
        return stages[-1]

    yield opened
    for stage in stages:
        stage.end()


async def nobody(connection: Connection) -> Asker:
    raise Unauthorized("say who you are")


async def by_cookie(connection: Connection) -> Asker:
    """Names a subject by what the client says in a header that is none of ours."""
    headers = dict(connection.scope["headers"])
    return Asker("somewhere", headers.get(b"x-user", b"").decode())


def answer_to(stage: Stage, target: str, headers: dict[str, str], method: str, body: bytes) -> str:
    peer = Peer(stage, target, headers, method=method, body=body)
    stage.settle()
    stage.settle()
    return peer.take().decode("latin-1")


@pytest.mark.parametrize("way", WAYS)
def test_a_door_from_outside_refuses_on_every_transport(open_stage: OpenStage, way: str) -> None:
    said = answer_to(open_stage(door=nobody), *WAYS[way])
    assert '"code":"unauthorized"' in said
    assert "say who you are" in said
    assert said.startswith("HTTP/1.1 101 " if way == "websocket" else "HTTP/1.1 401 ")


@pytest.mark.parametrize("way", ["sse", "websocket", "poll"])
def test_a_door_from_outside_names_whom_readers_are_counted_for(
    open_stage: OpenStage, way: str
) -> None:
    stage = open_stage(
        door=by_cookie, settings=Settings(send_timeout=5.0, max_connections_per_subject=1)
    )
    target, headers, method, body = WAYS["sse"]
    answer_to(stage, target, {**headers, "X-User": "ann"}, method, body)
    target, headers, method, body = WAYS[way]
    second = answer_to(stage, target, {**headers, "X-User": "ann"}, method, body)
    assert "ann has 1 connections to this process" in second
    other = Peer(stage, target, {**headers, "X-User": "bob"}, method=method, body=body)
    stage.settle()
    stage.settle()
    assert "the most it may" not in other.take().decode("latin-1")


def test_a_door_from_outside_names_whose_publishes_are_counted(open_stage: OpenStage) -> None:
    stage = open_stage(door=by_cookie, settings=Settings(publish_rate=0.1))
    target, headers, method, body = WAYS["publish"]
    answers = [
        answer_to(stage, target, {**headers, "X-User": "ann"}, method, body) for _ in range(2)
    ]
    assert [answer.split(" ", 2)[1] for answer in answers] == ["201", "429"]


def test_a_door_may_look_at_what_is_asked(open_stage: OpenStage) -> None:
    """As access will: it sees the path, and the method."""

    async def only_p1(connection: Connection) -> Asker:
        if connection.scope["path_params"].get("project_id") != "p1":
            raise Forbidden("p1 only")
        return Asker("somewhere", "ann")

    stage = open_stage(door=only_p1)
    assert answer_to(stage, *WAYS["sse"]).startswith("HTTP/1.1 200 ")
    other = answer_to(stage, "/api/v1/projects/p2/stream", {}, "GET", b"")
    assert other.startswith("HTTP/1.1 403 ")


def test_no_address_passes_the_door_by(open_stage: OpenStage) -> None:
    """Whoever adds an address need not know of the door: it stands before it."""
    stage = open_stage(door=nobody)
    let_in, ways = set(), ways_in(stage.app)
    for path, method in ways:
        target = re.sub(r"{[^}]*}", "x", path)
        is_socket = method == "WEBSOCKET"
        headers = HANDSHAKE if is_socket else {"Content-Length": "0"}
        said = answer_to(stage, target, headers, "GET" if is_socket else method, b"")
        # Of an answer to HEAD there is the status alone.
        refused = said.startswith("HTTP/1.1 401 ") or (is_socket and '"unauthorized"' in said)
        if not refused:
            let_in.add(path)
    assert len(ways) > 30
    assert let_in == OPEN
