"""What the clients of a chat send and get, over our own server."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.config.settings import Settings
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from support.asking import ClosedStage
from support.stage import HANDSHAKE, Peer, Stage

CHAT: Final = "chats/42"
URL: Final = "/ws/chat/42/"
TEXT, CLOSE = 1, 8

ADA: Final = Grants("7", name="Ada", subscribe=Patterns([CHAT]), publish=Patterns([CHAT]))
READER: Final = Grants("8", name="Bob", subscribe=Patterns([CHAT]))
OTHER: Final = Grants("9", subscribe=Patterns(["chats/43"]), publish=Patterns(["chats/43"]))


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Where nobody is asked who they are."""
    opened = Stage(Settings(send_timeout=5.0))
    yield opened
    faults = list(opened.loop.faults)
    opened.end()
    assert faults == []


@pytest.fixture
def closed_stage() -> Iterator[ClosedStage]:
    opened = ClosedStage(ADA, READER, OTHER)
    yield opened
    opened.end()


class Client:
    """What an older client is: one connection, which says who it is in the address."""

    def __init__(self, stage: Stage, query: str = "username=Ada", address: str = URL) -> None:
        self._stage: Final = stage
        self.peer: Final = Peer(stage, f"{address}?{query}" if query else address, {**HANDSHAKE})
        self._rest()

    def say(self, *frames: object) -> None:
        texts = [f if isinstance(f, str) else msgspec.json.encode(f).decode() for f in frames]
        self.peer.send_frames(*texts)
        self._rest()

    def leave(self) -> None:
        self.peer.leave()
        self._rest()

    def _rest(self) -> None:
        for _ in range(4):
            self._stage.settle()

    @property
    def texts(self) -> list[str]:
        """The text frames that came."""
        return [payload.decode() for opcode, payload in self._frames() if opcode == TEXT]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Those that are JSON."""
        return [msgspec.json.decode(text) for text in self.texts if text.startswith("{")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["type"] == kind]

    @property
    def closed(self) -> tuple[int, str] | None:
        """The close code and the reason, once it is closed."""
        for opcode, payload in self._frames():
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()
        return None

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        rest = self.peer.take().partition(b"\r\n\r\n")[2]
        while rest:
            opcode, size, start = rest[0] & 15, rest[1], 2
            if size == 126:
                (size,), start = struct.unpack("!H", rest[2:4]), 4
            yield opcode, rest[start : start + size]
            rest = rest[start + size :]


def publish(stage: Stage, event_type: str, **fields: Any) -> str:  # noqa: ANN401
    id_ = stage.loop.run(stage.log._log.append(new_event(CHAT, event_type, fields)))
    for _ in range(3):
        stage.settle()
    return str(id_)


def kept(stage: Stage) -> list[dict[str, Any]]:
    page = stage.loop.run(stage.log._log.read([CHAT], ORIGIN, 1000))
    return [msgspec.json.decode(event.body) for event in page.events]


def get(stage: Stage, target: str) -> tuple[int, Any]:
    peer = Peer(stage, target)
    for _ in range(3):
        stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest)


@pytest.mark.parametrize("address", [URL, URL.rstrip("/")])
def test_the_connection_is_first_with_who_is_there(stage: Stage, address: str) -> None:
    Client(stage, "user_id=8&username=Bob")
    client = Client(stage, "user_id=7&username=Ada", address)
    assert client.bodies == [
        {
            "type": "connection",
            "message": "Connected to chat 42",
            "session_id": "42",
            "user": "7",
            "username": "Ada",
            "users": ["Ada", "Bob"],
        }
    ]


def test_who_says_not_who_they_are_is_anybody(stage: Stage) -> None:
    assert Client(stage, "").bodies[0]["username"] == "anybody"


def test_a_message_reaches_all_and_whoever_said_it(stage: Stage) -> None:
    ada, bob = Client(stage, "user_id=7&username=Ada"), Client(stage, "username=Bob")
    ada.say({"message": "hello"})
    (said,) = bob.of("message")
    assert ada.of("message") == [said]
    (event,) = [body for body in kept(stage) if body["type"] == "message"]
    assert said == {
        "type": "message",
        "message": "hello",
        "is_user": True,
        "username": "Ada",
        "user": "7",
        "messageId": event["id"],
        "id": event["id"],
        "timestamp": event["timestamp"],
    }


@pytest.mark.parametrize(
    ("given", "kept_as"),
    [
        ({"url": "/files/cat.png", "name": "cat"}, {"url": "/files/cat.png", "name": "cat"}),
        ("/files/cat.png", {"url": "/files/cat.png", "name": "cat.png"}),
        (
            {"id": 7, "url": "https://a.example/b/?c", "size": 5, "type": "x"},
            {"url": "https://a.example/b/?c", "name": "file", "size": 5},
        ),
    ],
)
def test_a_message_has_files(stage: Stage, given: object, kept_as: dict[str, Any]) -> None:
    """As an older client knows of them: fields that are not known here are left out."""
    client = Client(stage)
    client.say({"message": "", "attachments": [given], "replyTo": "7-0", "is_user": False})
    (said,) = client.of("message")
    assert said["attachments"] == [kept_as]
    assert (said["replyTo"], said["is_user"]) == ("7-0", True)


def test_who_comes_and_leaves_is_told(stage: Stage) -> None:
    ada = Client(stage)
    bob = Client(stage, "username=Bob")
    bob.leave()
    told = [(b["type"], b["username"]) for b in ada.bodies[1:]]
    assert told == [("user_join", "Bob"), ("user_leave", "Bob")]


def test_typing_is_seen_and_ends(stage: Stage) -> None:
    ada, bob = Client(stage), Client(stage, "username=Bob")
    ada.say({"type": "typing", "isTyping": True})
    ada.say({"type": "typing", "isTyping": False})
    ada.say({"type": "typing", "isTyping": True}, {"message": "x"})
    assert [(b["username"], b["isTyping"]) for b in bob.of("typing")] == [
        ("Ada", True),
        ("Ada", False),
    ] * 2


def test_a_receipt_is_seen_and_moves_the_cursor(stage: Stage) -> None:
    ada, bob = Client(stage), Client(stage, "user_id=8&username=Bob")
    ada.say({"message": "hello"})
    (said,) = bob.of("message")
    bob.say({"type": "read_receipt", "messageId": said["messageId"]})
    assert ada.of("read_receipt") == [
        {"type": "read_receipt", "messageId": said["messageId"], "username": "Bob"}
    ]
    status, state = get(stage, "/api/v1/topics/chats/42/cursor?reader=8")
    assert (status, state["unread"]) == (200, 0)


def test_a_reaction_is_seen(stage: Stage) -> None:
    ada = Client(stage)
    ada.say({"type": "reaction", "messageId": "7-0", "reaction": "👍"})
    (said,) = ada.of("reaction")
    assert (said["messageId"], said["reaction"], said["added"]) == ("7-0", "👍", True)


def test_an_answer_comes_in_chunks_and_whole(stage: Stage) -> None:
    """Of a second attempt no chunk does: this client knows no word for what is void."""
    client = Client(stage)
    publish(stage, "ai_chunk", answer="a", chunk="He", attempt=1)
    publish(stage, "ai_reset", answer="a", attempt=2)
    publish(stage, "ai_chunk", answer="a", chunk="Hello", attempt=2)
    whole = publish(stage, "ai_complete", answer="a", message="Hello", is_user=False, attempt=2)
    _, chunk, complete = client.bodies
    assert (chunk["type"], chunk["chunk"]) == ("ai_chunk", "He")
    assert complete["type"] == "ai_complete"
    named = {name: complete[name] for name in ("message", "is_user", "messageId")}
    assert named == {"message": "Hello", "is_user": False, "messageId": whole}


def test_a_long_answer_comes_as_a_message_for_each_segment(stage: Stage) -> None:
    client = Client(stage)
    first = publish(stage, "ai_segment", answer="a", message="one ", segment=1, attempt=1)
    last = publish(stage, "ai_complete", answer="a", message="two", is_user=False, segment=2)
    said = [(body["message"], body["messageId"]) for body in client.of("ai_complete")]
    assert said == [("one ", first), ("two", last)]


def test_an_answer_that_failed_is_an_error_and_one_that_was_stopped_is_what_was_said(
    stage: Stage,
) -> None:
    client = Client(stage)
    publish(stage, "ai_failed", answer="a", error="the model is away", reason="error")
    publish(stage, "ai_failed", answer="b", error="stopped", reason="cancelled", message="He")
    _, failed, stopped = client.bodies
    assert (failed["type"], failed["message"]) == ("error", "the model is away")
    assert (stopped["type"], stopped["message"]) == ("ai_complete", "He")


def test_what_it_has_no_word_for_is_not_sent(stage: Stage) -> None:
    client = Client(stage)
    publish(stage, "note", text="x")
    assert len(client.texts) == 1


def test_a_ping_is_answered_in_kind(stage: Stage) -> None:
    client = Client(stage)
    client.say("ping", {"type": "ping"})
    assert client.texts[1:] == ["pong", '{"type":"pong"}']


@pytest.mark.parametrize(
    "frame",
    [
        "hello",
        "[]",
        '"ping"',
        "{",
        {},
        {"message": ""},
        {"message": 7},
        {"message": "x", "attachments": "cat.png"},
        {"message": "x", "attachments": [{"url": "javascript:alert(1)"}]},
        {"message": "x", "attachments": [{"url": "http://["}, 7]},
        {"message": "x", "replyTo": "the first"},
        {"type": "typing", "isTyping": "yes"},
        {"type": "read_receipt"},
        {"type": "read_receipt", "messageId": "now"},
        {"type": "read_receipt", "messageId": "99999999999999-0"},
        {"type": "reaction", "messageId": "7-0", "reaction": "a b"},
        {"type": "subscribe", "topic": "users/8"},
        {"type": ["message"], "message": "x"},
        {"type": "user_join", "username": "Bob"},
        {"type": "token", "token": "a b"},
    ],
    ids=str,
)
def test_a_frame_that_is_none_is_named_and_the_connection_lives(
    stage: Stage, frame: object
) -> None:
    client = Client(stage)
    client.say(frame, "ping")
    (error,) = client.of("error")
    assert error["message"] == error["error"]
    assert error["code"].startswith("invalid_")
    assert client.texts[-1] == "pong"
    assert [body["type"] for body in kept(stage)] == ["user_join"]


def test_what_was_said_is_listed(stage: Stage) -> None:
    client = Client(stage)
    client.say(*({"message": f"m{number}"} for number in range(3)))
    whole = publish(stage, "ai_complete", answer="a", message="Hello", is_user=False)
    status, first = get(stage, "/ws/chat/42/messages?limit=2")
    assert status == 200
    assert [body["message"] for body in first["messages"]] == ["Hello", "m2"]
    assert first["messages"][0]["messageId"] == whole
    _, rest = get(stage, f"/ws/chat/42/messages?limit=5&before={first['next']}")
    assert [(b["message"], b["username"]) for b in rest["messages"]] == [
        ("m1", "Ada"),
        ("m0", "Ada"),
    ]
    assert rest["next"] is None
    assert get(stage, "/ws/chat/42/messages?limit=0")[0] == 400


def test_over_http_the_same_comes_with_ids_and_resumes(stage: Stage) -> None:
    """And whoever reads it is there."""
    first = Peer(stage, f"{URL}?username=Bob")
    for _ in range(3):
        stage.settle()
    ada = Client(stage)
    ada.say({"message": "m0"}, {"message": "m1"})
    assert ada.bodies[0]["users"] == ["Ada", "Bob"]
    ids = re.findall(rb"\nevent: message\ndata: .*\nid: (.*)\n", first.take())
    assert len(ids) == 2
    second = Peer(stage, f"{URL}?username=Bob", {"Last-Event-ID": ids[0].decode()})
    for _ in range(3):
        stage.settle()
    assert second.take().count(b'"message":"m1"') == 1
    assert b'"message":"m0"' not in second.take()


def test_a_client_that_comes_back_resumes(stage: Stage) -> None:
    ada = Client(stage)
    ada.say({"message": "m0"}, {"message": "m1"})
    first = ada.of("message")[0]["messageId"]
    again = Client(stage, f"username=Bob&last_event_id={first}")
    assert [body["message"] for body in again.of("message")] == ["m1"]


# Who asks


def closed_client(stage: ClosedStage, token: str | None, query: str = "") -> Client:
    given = f"token={token}&{query}" if token else query
    client = Client(stage, given.strip("&"))
    stage.pass_seconds(2)
    return client


def test_the_token_says_who_it_is(closed_stage: ClosedStage) -> None:
    client = closed_client(closed_stage, "7")
    client.say({"message": "hello"})
    assert client.bodies[0]["username"] == "Ada"
    (said,) = client.of("message")
    assert (said["user"], said["username"]) == ("7", "Ada")


@pytest.mark.parametrize(
    ("token", "query", "closed"),
    [
        (None, "", (1008, "Unauthorized")),
        ("nonsense", "", (1008, "Unauthorized")),
        ("9", "", (1008, "Forbidden")),
        ("7", "username=Bob", (1008, "Forbidden")),
        ("7", "user_id=8", (1008, "Forbidden")),
    ],
)
def test_who_may_not_be_there_is_closed_and_was_never_there(
    closed_stage: ClosedStage, token: str | None, query: str, closed: tuple[int, str]
) -> None:
    assert closed_client(closed_stage, token, query).closed == closed
    assert kept(closed_stage) == []


@pytest.mark.parametrize(
    "frame",
    [
        {"message": "hello"},
        {"type": "typing", "isTyping": True},
        {"type": "reaction", "messageId": "7-0", "reaction": "x"},
    ],
    ids=str,
)
def test_who_may_only_read_says_nothing(closed_stage: ClosedStage, frame: object) -> None:
    """They are there, and their receipts are taken."""
    ada, bob = closed_client(closed_stage, "7"), closed_client(closed_stage, "8")
    before = len(ada.texts)
    bob.say(frame)
    (error,) = bob.of("error")
    assert error["code"] == "forbidden"
    assert len(ada.texts) == before
    assert [body["type"] for body in kept(closed_stage)] == ["user_join"] * 2


def test_a_reader_says_what_they_have_read(closed_stage: ClosedStage) -> None:
    ada, bob = closed_client(closed_stage, "7"), closed_client(closed_stage, "8")
    ada.say({"message": "x"})
    bob.say({"type": "read_receipt", "messageId": ada.of("message")[0]["messageId"]})
    assert ada.of("read_receipt")[0]["username"] == "Bob"


def test_messages_have_a_rate(stage: Stage) -> None:
    """That of everybody who publishes, however they do."""
    limited = Stage(Settings(publish_rate=0.1))
    client = Client(limited)
    client.say({"message": "one"}, {"message": "two"}, "ping")
    (error,) = client.of("error")
    assert (error["code"], error["retry"]) == ("too_many_requests", True)
    assert len(client.of("message")) == 1
    assert client.texts[-1] == "pong"
    limited.end()


def test_who_leaves_in_the_middle_of_a_frame_leaves_nothing_behind(stage: Stage) -> None:
    for until in range(12):
        client = Client(stage, f"username=u{until}")
        client.peer.send_frames('{"message":"hello"}')
        for _ in range(until):
            stage.step()
        client.leave()
    assert stage.loop.run(stage.log._log.snapshots([CHAT]))[CHAT].present == {}
    assert stage.hub.counts == {}
