"""Nobody reads, speaks, reacts or types in somebody else's conversation, nor as somebody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.config.settings import Settings
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.asking import ClosedStage, grants, status_of, ways_in

API: Final = "/api/v1"
#: Stands in everything that is said in the conversation, and in nothing else.
SECRET: Final = "secret-7c1f"
CHAT: Final = "chats/x1"
OURS: Final = "chats/ours"

#: Who talk there; who has a conversation of their own beside them; who reads alone, and who
#: looks after everything.
VICTIM: Final = grants("7", reads=(CHAT, OURS), writes=(CHAT, OURS))
MALLORY: Final = grants("mallory", reads=(OURS, "chats/*/x"), writes=(OURS, "chats/*/x"))
READER: Final = grants("reader", reads=(CHAT,))
ROOT: Final = grants("root", admin=True)

#: Everything that is said at an address.
SAID: Final[dict[str, dict[str, Any]]] = {
    "messages": {"message": "hello"},
    "reactions": {"message_id": "1-0", "reaction": "x"},
    "typing": {},
}
#: The same, as an AI SDK and an AG-UI client say it.
ASKED: Final[dict[str, Any]] = {
    "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "hello"}]}]
}
RUN: Final[dict[str, Any]] = {
    "threadId": "x1",
    "runId": "r1",
    "messages": [{"id": "m", "role": "user", "content": "hello"}],
    "state": {},
    "tools": [],
    "context": [],
    "forwardedProps": {},
}
#: Every way to say something there.
WAYS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name: (f"{API}/chats/x1/{name}", body) for name, body in SAID.items()},
    "stop": (f"{API}/chats/x1/answers/a1/stop", {}),
    "ai sdk": (f"{API}/ai/chats/x1", ASKED),
    "ai sdk, named": (f"{API}/ai/chats", {"id": "x1", **ASKED}),
    "ai sdk stop": (f"{API}/ai/chats/x1/stop", {}),
    "ag-ui": (f"{API}/ag-ui/chats/x1", RUN),
    "openai cancel": (f"{API}/openai/v1/chats/x1/responses/a1/cancel", {}),
    **{
        f"event {kind}": (f"{API}/events", {"type": kind, "topic": CHAT})
        for kind in ("message", "reaction", "typing", "ai_chunk", "ai_complete", "user_join")
    },
}


@pytest.fixture
def house() -> Iterator[ClosedStage]:
    settings = Settings(send_timeout=5.0, publish_rate=0)
    stage = ClosedStage(VICTIM, MALLORY, READER, ROOT, settings=settings)
    event = new_event(CHAT, "message", {"message": SECRET, "user": "7", "username": SECRET})
    stage.loop.run(stage.log._log.append(event))
    yield stage
    faults = list(stage.loop.faults)
    stage.end()
    assert faults == []


def kept(house: ClosedStage, topic: str = CHAT) -> list[dict[str, Any]]:
    page = house.loop.run(house.log._log.read([topic], Cursor(0, 0), 1000))
    return [msgspec.json.decode(event.body) for event in page.events]


def present(house: ClosedStage) -> dict[str, str] | None:
    return house.loop.run(house.log._log.snapshots([CHAT]))[CHAT].present


def says(house: ClosedStage, target: str, who: str | None, body: object) -> int:
    """The status of what is answered to whoever says something."""
    return status_of(house.ask(target, who, method="POST", body=json.dumps(body).encode()))


@pytest.mark.parametrize("who", ["mallory", "reader", "root"])
@pytest.mark.parametrize("way", WAYS)
def test_who_may_not_publish_there_says_nothing(house: ClosedStage, way: str, who: str) -> None:
    """Not even who may read it, or everything."""
    listening = house.peer(f"{API}/stream?topic={CHAT}", "7")
    house.settle()
    before = kept(house), listening.take()
    target, body = WAYS[way]
    assert says(house, target, who, body) == 403
    assert says(house, target, None, body) == 401
    assert (kept(house), listening.take()) == before


def test_every_address_of_a_conversation_is_tried_here(house: ClosedStage) -> None:
    tried = {target for target, _ in WAYS.values()}
    named = {
        path.replace("{chat_id}", "x1").replace("{answer}", "a1")
        for path, method in ways_in(house.app)
        if "{chat_id}" in path and method == "POST"
    }
    assert named == tried - {f"{API}/events", f"{API}/ai/chats"}


@pytest.mark.parametrize("who", ["mallory", None])
def test_who_may_not_read_there_is_told_nothing(house: ClosedStage, who: str | None) -> None:
    """At any address of the conversation."""
    for path, method in ways_in(house.app):
        target = path.replace("{chat_id}", "x1").replace("{session_id}", "x1")
        if target != path and method in {"GET", "WEBSOCKET"}:
            answer = house.ask(target, who, method=method)
            assert SECRET not in answer, target
            assert "403" in answer or "401" in answer or "orbidden" in answer or "nauthor" in answer
    assert present(house) == {}
    assert [body["type"] for body in kept(house)] == ["message"]


def test_it_is_read_by_whom_it_is(house: ClosedStage) -> None:
    """Else the tests above would show nothing."""
    for who in ("7", "reader", "root"):
        assert SECRET in house.ask(f"{API}/chats/x1/messages", who)


@pytest.mark.parametrize(
    "forged",
    [
        {"user": "7"},
        {"username": "7"},
        {"user": "7", "username": "7"},
        {"user": None},
        {"user": ["mallory"]},
        {"user": "mallory", "username": "Mallory, admin"},
        {"is_user": False},
        {"is_user": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["message", "reaction", "typing"])
@pytest.mark.parametrize("ephemeral", ["false", "true"])
def test_nobody_speaks_as_somebody_else(
    house: ClosedStage, kind: str, ephemeral: str, forged: dict[str, object]
) -> None:
    if kind != "message" and "is_user" in forged:
        return
    target = f"{API}/events?ephemeral={ephemeral}"
    said = {"type": kind, "topic": OURS, **forged}
    assert says(house, target, "mallory", said) == 403
    for name in ("messages", "reactions"):
        body = {**SAID[name], **forged}
        assert says(house, f"{API}/chats/ours/{name}", "mallory", body) == 400
    assert kept(house, OURS) == []


@pytest.mark.parametrize("query", ["user_id=7", "username=7", "user_id=mallory&username=Root"])
def test_nor_by_what_the_address_says(house: ClosedStage, query: str) -> None:
    for name, body in SAID.items():
        assert says(house, f"{API}/chats/ours/{name}?{query}", "mallory", body) == 403
    assert kept(house, OURS) == []


@pytest.mark.parametrize("kind", ["user_join", "user_leave"])
@pytest.mark.parametrize("topics", [[OURS], ["projects/p", OURS], [OURS, "projects/p"]], ids=str)
def test_nobody_is_said_to_come_or_to_leave(
    house: ClosedStage, kind: str, topics: list[str]
) -> None:
    """Not even themselves: who is there is the server's to say."""
    house.tokens.good["backend"] = grants("backend", writes=("chats/*", "projects/*"))
    said = {"type": kind, "topics": topics, "user": "7", "username": "7"}
    for ephemeral in ("false", "true"):
        assert says(house, f"{API}/events?ephemeral={ephemeral}", "backend", said) == 400
    assert kept(house, OURS) == []


@pytest.mark.parametrize(
    "frame",
    [
        {"message": "hello"},
        {"type": "message", "message": "hello", "username": "7", "user": "7"},
        {"type": "typing", "isTyping": True},
        {"type": "reaction", "messageId": "1-0", "reaction": "x"},
        {"type": "user_join", "username": "7"},
        {"type": "user_leave", "username": "7"},
        {"type": "ai_complete", "message": "give me your password"},
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["reader", "root"])
def test_no_frame_of_an_older_client_says_anything_where_its_token_may_only_read(
    house: ClosedStage, who: str, frame: dict[str, object]
) -> None:
    victim = house.peer("/ws/chat/x1/", "7", method="WEBSOCKET")
    house.answer(victim)
    peer = house.peer("/ws/chat/x1/", who, method="WEBSOCKET")
    house.answer(peer)
    before = kept(house), victim.take()
    peer.send_frames(json.dumps(frame))
    house.answer(peer)
    house.settle()
    assert b'"type":"error"' in peer.take()
    assert (kept(house), victim.take()) == before


def test_whoever_comes_and_goes_all_the_time_pushes_out_nothing_that_was_said(
    house: ClosedStage,
) -> None:
    """A reader, who may say nothing: they are told of as often, and the last time is kept."""
    before = kept(house)
    for _ in range(40):
        peer = house.peer(f"{API}/chats/x1/stream", "reader", method="WEBSOCKET")
        house.answer(peer)
        peer.leave()
        house.settle()
    house.settle()
    assert kept(house)[:-1] == before
    assert kept(house)[-1]["type"] == "user_leave"


@pytest.mark.parametrize("kind", ["ai_chunk", "ai_complete", "ai_reset", "ai_failed", "ai_x"])
def test_nobody_speaks_for_the_machine_that_answers(house: ClosedStage, kind: str) -> None:
    said = {"type": kind, "topic": OURS, "message": "give me your password"}
    assert says(house, f"{API}/events", "mallory", said) == 403
    assert kept(house, OURS) == []
