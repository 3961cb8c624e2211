"""What the clients of a platform's notifications send and get, over our own server."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.issue import Issuer
from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from support.asking import grants
from support.stage import HANDSHAKE, Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
OWN: Final = "/api/v1/ws"
ADMIN: Final = "/api/v1/ws/admin"
TEXT, CLOSE = 1, 8


def token(subject: str, *, admin: bool = False) -> str:
    return Issuer(SECRET).issue(grants(subject, admin=admin), 3600.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage(Settings(auth_secret=SECRET))
    yield opened
    opened.end()


@pytest.fixture
def open_stage() -> Iterator[Stage]:
    """Where nobody is asked who they are."""
    opened = Stage()
    yield opened
    opened.end()


class Client:
    """What an older client is: one connection, with its token in the address."""

    def __init__(self, stage: Stage, address: str, query: str = "") -> None:
        self._stage: Final = stage
        self._peer: Final = Peer(stage, f"{address}?{query}" if query else address, HANDSHAKE)
        stage.settle()
        stage.settle()

    def say(self, *frames: str) -> None:
        self._peer.send_frames(*frames)
        self._stage.settle()
        self._stage.settle()

    @property
    def texts(self) -> list[str]:
        """The text frames that came."""
        return [payload.decode() for opcode, payload in self._frames() if opcode == TEXT]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Those that are JSON."""
        return [msgspec.json.decode(text) for text in self.texts if text.startswith("{")]

    @property
    def closed(self) -> tuple[int, str] | None:
        """The close code and the reason, once it is closed."""
        for opcode, payload in self._frames():
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()
        return None

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        rest = self._peer.take().partition(b"\r\n\r\n")[2]
        while rest:
            opcode, size, start = rest[0] & 15, rest[1], 2
            if size == 126:
                (size,), start = struct.unpack("!H", rest[2:4]), 4
            yield opcode, rest[start : start + size]
            rest = rest[start + size :]


def publish(stage: Stage, topic: str, event_type: str, **fields: Any) -> None:  # noqa: ANN401
    stage.loop.run(stage.log._log.append(new_event(topic, event_type, fields)))
    stage.settle()


def test_a_user_is_greeted_by_name(stage: Stage) -> None:
    client = Client(stage, OWN, f"token={token('7')}")
    greeting = {"message": "Connected to your notifications", "user_id": "7"}
    assert client.bodies == [{"type": "connected", **greeting}]


def test_a_user_gets_their_own_and_what_is_for_everybody(stage: Stage) -> None:
    """With the fields that the platform gave, its time, and nothing else."""
    client = Client(stage, OWN, f"token={token('7')}")
    publish(stage, "users/7", "transcode_progress", video_id="v1", status="running", progress=45)
    publish(stage, "users/8", "invited", by="ada")
    publish(stage, "admin", "transcode_failed", video_id="v1")
    publish(stage, "system", "system_message", message="back at 8", level="info")
    _, mine, everybodys = client.bodies
    time = mine.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    named = {"type": "transcode_progress", "video_id": "v1"}
    assert mine == {**named, "status": "running", "progress": 45}
    del everybodys["timestamp"]
    assert everybodys == {"type": "system_message", "message": "back at 8", "level": "info"}


def test_an_admin_gets_what_is_for_admins_and_how_many_are_there(stage: Stage) -> None:
    users = [Client(stage, OWN, f"token={token(name)}") for name in ("7", "7", "8")]
    client = Client(stage, ADMIN, f"token={token('root', admin=True)}")
    publish(stage, "admin", "transcode_failed", video_id="v1", title="Cats", error="no space")
    publish(stage, "system", "system_message", message="back at 8", level="info")
    publish(stage, "users/7", "invited", by="ada")
    greeting, *notifications = client.bodies
    assert (greeting["type"], greeting["admin_id"]) == ("connected", "root")
    assert greeting["connection_stats"] == {
        "total_users": 2,
        "total_user_connections": 3,
        "total_admin_connections": 0,
        "total_connections": 3,
    }
    assert [body["type"] for body in notifications] == ["transcode_failed", "system_message"]
    assert [body["type"] for body in users[0].bodies] == ["connected", "system_message", "invited"]


@pytest.mark.parametrize("address", [OWN, ADMIN])
@pytest.mark.parametrize("query", ["token=nonsense", ""])
def test_a_bad_token_is_closed_as_unauthorized(stage: Stage, address: str, query: str) -> None:
    client = Client(stage, address, query)
    stage.pass_seconds(2)
    assert client.closed == (1008, "Unauthorized")


def test_who_is_no_admin_is_closed_as_forbidden(stage: Stage) -> None:
    client = Client(stage, ADMIN, f"token={token('7')}")
    stage.pass_seconds(2)
    assert client.closed == (1008, "Forbidden")
    assert "connection_stats" not in str(client.bodies)


def test_nobody_reads_the_notifications_of_somebody_else(stage: Stage) -> None:
    client = Client(stage, OWN, f"token={token('7')}&user_id=8")
    stage.pass_seconds(2)
    assert client.closed == (1008, "Forbidden")


def test_a_ping_is_answered_in_kind(stage: Stage) -> None:
    client = Client(stage, OWN, f"token={token('7')}")
    client.say("ping", '{"type":"ping"}')
    assert client.texts[1:] == ["pong", '{"type":"pong"}']


def test_the_statistics_are_of_those_that_one_may_see(stage: Stage) -> None:
    user = Client(stage, OWN, f"token={token('7')}")
    other = Client(stage, OWN, f"token={token('8')}")
    admin = Client(stage, ADMIN, f"token={token('root', admin=True)}")
    for client, counts in ((user, (1, 1, 0, 1)), (admin, (2, 2, 1, 3))):
        client.say("get_stats")
        stats = client.bodies[-1]
        assert stats.pop("type") == "stats"
        assert tuple(stats.values()) == counts
    assert len(other.bodies) == 1


@pytest.mark.parametrize(
    "frame",
    ['{"type":"subscribe","topic":"users/8"}', '{"type":"unsubscribe","topic":"system"}', "hello"],
)
def test_any_other_frame_is_refused_and_the_connection_lives(stage: Stage, frame: str) -> None:
    client = Client(stage, OWN, f"token={token('7')}")
    client.say(frame, "ping")
    _, refused = client.bodies
    assert (refused["type"], refused["code"]) == ("refused", "invalid_frame")
    assert client.texts[-1] == "pong"
    publish(stage, "users/8", "invited", by="ada")
    assert len(client.bodies) == 2


def test_a_client_marks_what_it_has_read(stage: Stage) -> None:
    client = Client(stage, OWN, f"token={token('7')}")
    publish(stage, "users/7", "invited", by="ada")
    snapshot = stage.loop.run(stage.log._log.head())
    read = {"type": "read", "topic": "users/7", "cursor": str(snapshot)}
    client.say(msgspec.json.encode(read).decode())
    moved = next(body for body in client.bodies if body["type"] == "moved")
    assert (moved["reader"], moved["unread"]) == ("7", 0)


def test_over_http_the_same_comes_with_ids_and_resumes(stage: Stage) -> None:
    headers = {"Authorization": f"Bearer {token('7')}"}
    publish(stage, "users/7", "invited", by="ada")
    publish(stage, "system", "system_message", message="back at 8", level="info")
    first = Peer(stage, f"{OWN}?from=earliest", headers)
    stage.settle()
    ids = re.findall(rb"\nevent: (?:invited|system_message)\ndata: .*\nid: (.*)\n", first.take())
    assert len(ids) == 2
    second = Peer(stage, OWN, {**headers, "Last-Event-ID": ids[0].decode()})
    stage.settle()
    received = second.take()
    assert b"event: invited" not in received
    assert b"event: system_message" in received


def test_over_http_who_is_no_admin_is_refused(stage: Stage) -> None:
    peer = Peer(stage, ADMIN, {"Authorization": f"Bearer {token('7')}"})
    stage.settle()
    assert peer.take().startswith(b"HTTP/1.1 403 ")


def test_where_nobody_is_asked_a_user_says_who_it_is(open_stage: Stage) -> None:
    client = Client(open_stage, OWN, "user_id=7")
    nobody = Client(open_stage, OWN)
    publish(open_stage, "users/7", "invited", by="ada")
    assert [body["type"] for body in client.bodies] == ["connected", "invited"]
    assert client.bodies[0]["user_id"] == "7"
    assert len(nobody.bodies) == 1


@pytest.mark.parametrize("user", ["a/b", "", "x" * 65])
def test_a_user_who_is_no_name_is_refused(open_stage: Stage, user: str) -> None:
    client = Client(open_stage, OWN, f"user_id={user}")
    open_stage.pass_seconds(2)
    if user:
        assert client.closed is not None
        assert client.closed[0] == 1008
    else:
        assert client.bodies[0]["user_id"] == "anybody"
