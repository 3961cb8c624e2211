"""Whoever reads a conversation is there, over SSE and WebSocket, and leaves however they go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.eventlog.presence import LEASE_SECONDS, Member, Presence
from support.asking import ClosedStage
from support.stage import HANDSHAKE, Peer, Stage
from support.wall import EPOCH

CHAT: Final = "chats/42"
STREAM: Final = "/api/v1/chats/42/stream"
WAYS: Final = ("SSE", "WEBSOCKET")


class ChatStage(Stage):
    """A server, and somebody who watches the conversation and is not there."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.watcher: Final = Peer(self, f"/api/v1/stream?topic={CHAT}")
        self.settle()


@pytest.fixture
def stage() -> Iterator[ChatStage]:
    opened = ChatStage(Settings(send_timeout=5.0))
    yield opened
    faults = list(opened.loop.faults)
    opened.end()
    assert faults == []


def reader(stage: Stage, query: str, way: str = "SSE", **options: Any) -> Peer:  # noqa: ANN401
    headers = HANDSHAKE if way == "WEBSOCKET" else {}
    return Peer(stage, f"{STREAM}?{query}", {**headers}, **options)


def rest(stage: Stage) -> None:
    for _ in range(3):
        stage.settle()


def present(stage: Stage) -> dict[str, str] | None:
    return stage.loop.run(stage.log._log.snapshots([CHAT]))[CHAT].present


def memory(stage: Stage) -> MemoryEventLog:
    log = stage.log._log
    assert isinstance(log, MemoryEventLog)
    return log


def told(stage: ChatStage) -> list[str]:
    """What was told of who came and left."""
    found = [body for body in bodies(stage.watcher) if body["type"] in {"user_join", "user_leave"}]
    return [f"{body['type']} {body['user']}" for body in found]


def bodies(peer: Peer) -> list[dict[str, Any]]:
    """What a peer was sent, over either transport."""
    found = re.findall(rb'\{"(?:id|type)":.*?\}(?=\n|\x81|$|\r)', peer.take())
    return [msgspec.json.decode(text) for text in found]


@pytest.mark.parametrize("way", WAYS)
def test_who_reads_is_there_until_they_go(stage: ChatStage, way: str) -> None:
    ada = reader(stage, "user_id=7&username=Ada", way)
    rest(stage)
    assert present(stage) == {"7": "Ada"}
    ada.leave()
    rest(stage)
    assert present(stage) == {}
    assert told(stage) == ["user_join 7", "user_leave 7"]


@pytest.mark.parametrize("way", WAYS)
def test_who_comes_is_greeted_with_who_is_there_themselves_among_them(
    stage: ChatStage, way: str
) -> None:
    """And then told of every change: the list and what comes after it is the whole truth."""
    ada = reader(stage, "username=Ada", way)
    rest(stage)
    bob = reader(stage, "username=Bob", way)
    rest(stage)
    ada.leave()
    rest(stage)
    connected, *after = bodies(bob)
    assert connected["snapshot"]["present"] == {"Ada": "Ada", "Bob": "Bob"}
    changes = [(body["type"], body["user"]) for body in after if "user" in body]
    assert changes == [("user_leave", "Ada")]


def test_several_tabs_are_one_who_is_there(stage: ChatStage) -> None:
    tabs = [reader(stage, "username=Ada", way) for way in WAYS * 2]
    rest(stage)
    for tab in tabs[:-1]:
        tab.leave()
        rest(stage)
        assert present(stage) == {"Ada": "Ada"}
    tabs[-1].leave()
    rest(stage)
    assert told(stage) == ["user_join Ada", "user_leave Ada"]


def test_who_reads_the_topic_alone_is_not_there(stage: ChatStage) -> None:
    peer = Peer(stage, f"/api/v1/stream?topic={CHAT}")
    rest(stage)
    assert present(stage) == {}
    assert bodies(peer)[0]["snapshot"]["present"] == {}


def test_who_is_there_is_listed(stage: ChatStage) -> None:
    reader(stage, "user_id=7&username=Ada")
    rest(stage)
    peer = Peer(stage, "/api/v1/chats/42/presence")
    rest(stage)
    answer = msgspec.json.decode(peer.take().partition(b"\r\n\r\n")[2])
    assert answer["present"] == [{"user": "7", "username": "Ada"}]
    after = bodies(Peer(stage, f"/api/v1/events?topic={CHAT}&after={answer['cursor']}"))
    assert after == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("until", range(40))
def test_who_goes_while_they_are_being_let_in_does_not_stay(
    stage: ChatStage, way: str, until: int
) -> None:
    """At each await of the server in turn."""
    stage.log.pausing = True
    peer = reader(stage, "username=Ada", way)
    for _ in range(until):
        stage.step()
    peer.leave()
    stage.log.let_all()
    rest(stage)
    assert present(stage) == {}
    assert told(stage) in ([], ["user_join Ada", "user_leave Ada"])
    assert len(stage.app.state.attendance._held) == 0


@pytest.mark.parametrize("sent", range(0, 150, 10))
def test_half_a_request_lets_nobody_in(stage: ChatStage, sent: int) -> None:
    reader(stage, "username=Ada", until=min(sent, 60))
    rest(stage)
    assert told(stage) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", ["from=nonsense", "heartbeat=0", "username=%0A", "x=1"])
def test_who_is_refused_was_never_there(stage: ChatStage, way: str, query: str) -> None:
    reader(stage, f"user_id=7&{query}", way)
    rest(stage)
    assert told(stage) == []


def test_who_may_not_connect_was_never_there() -> None:
    """As many connections are there as may be: nobody is told of the next one."""
    stage = ChatStage(Settings(max_connections=2))
    reader(stage, "username=Ada")
    rest(stage)
    reader(stage, "username=Bob")
    rest(stage)
    assert told(stage) == ["user_join Ada"]
    stage.end()


def test_while_the_process_drains_nobody_is_said_to_leave(stage: ChatStage) -> None:
    """They come back elsewhere; who does not is said to have left when the lease is over."""
    peer = reader(stage, "username=Ada")
    rest(stage)
    stage.loop.run(stage.hub.drain(0.0))
    peer.leave()
    rest(stage)
    assert present(stage) == {"Ada": "Ada"}
    assert len(stage.app.state.attendance._held) == 0


class LateFault:
    """Lets one in, and fails then: its answer was lost."""

    def __init__(self, presence: Presence) -> None:
        self._presence: Final = presence

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of whatever it is
        return getattr(self._presence, name)

    async def enter(self, member: Member, seconds: float) -> None:
        await self._presence.enter(member, seconds)
        raise LogUnavailable("the answer was lost")


@pytest.mark.parametrize("way", WAYS)
def test_who_was_let_in_though_the_answer_was_lost_does_not_stay(
    stage: ChatStage, way: str
) -> None:
    """They are asked to come back."""
    log = memory(stage)
    log.presence = LateFault(log.presence)  # type: ignore[assignment, misc]
    peer = reader(stage, "username=Ada", way)
    rest(stage)
    assert b'"code":"log_unavailable"' in peer.take()
    assert told(stage) == ["user_join Ada", "user_leave Ada"]


def test_a_conversation_that_is_full_lets_nobody_else_in(
    stage: ChatStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told so, and when to come back; those who are there come as they like."""
    monkeypatch.setattr("streamer.eventlog.memory.presence.MAX_MEMBERS", 1)
    reader(stage, "username=Ada")
    rest(stage)
    late = [reader(stage, "username=Bob", way) for way in WAYS]
    again = reader(stage, "username=Ada")
    rest(stage)
    for peer in late:
        assert b'"code":"too_many_members"' in peer.take()
    assert bodies(again)[0]["type"] == "connected"
    assert present(stage) == {"Ada": "Ada"}


def test_whoever_is_there_cannot_unsubscribe_from_it(stage: ChatStage) -> None:
    peer = reader(stage, "username=Ada", "WEBSOCKET")
    peer.send_frames(
        '{"type":"subscribe","topic":"projects/p"}',
        f'{{"type":"unsubscribe","topic":"{CHAT}"}}',
        '{"type":"unsubscribe","topic":"projects/p"}',
    )
    rest(stage)
    said = [body["type"] for body in bodies(peer)]
    assert said.count("refused") == 1
    assert said.count("unsubscribed") == 1
    assert present(stage) == {"Ada": "Ada"}


def pass_seconds(stage: Stage, seconds: float) -> None:
    """By the clock of the loop, and by that of the log."""
    end = stage.loop.time() + seconds
    while stage.loop.time() < end:
        memory(stage)._clock.advance(250)  # type: ignore[attr-defined]
        stage.loop.advance(0.25)


def test_who_stays_is_there_for_as_long_as_they_stay(stage: ChatStage) -> None:
    peer = reader(stage, "username=Ada")
    pass_seconds(stage, 4 * LEASE_SECONDS)
    assert told(stage) == ["user_join Ada"]
    peer.leave()
    pass_seconds(stage, 1)
    assert told(stage) == ["user_join Ada", "user_leave Ada"]


def test_those_of_a_process_that_is_gone_leave_within_their_lease(stage: ChatStage) -> None:
    """And are told once. Its typing ends as well."""
    presence = stage.log._log.presence
    reader(stage, "username=Ada")
    pass_seconds(stage, LEASE_SECONDS)
    gone = [Member(CHAT, f"gone-{n}", user, user) for n, user in enumerate(("Bob", "Ada", "Bob"))]
    for member in gone:
        stage.loop.run(presence.enter(member, LEASE_SECONDS))
    pass_seconds(stage, LEASE_SECONDS - 1)
    assert present(stage) == {"Ada": "Ada", "Bob": "Bob"}
    pass_seconds(stage, 2.5)
    assert present(stage) == {"Ada": "Ada"}
    assert told(stage) == ["user_join Ada", "user_join Bob", "user_leave Bob"]


def test_whom_the_log_has_lost_is_there_again(stage: ChatStage) -> None:
    reader(stage, "username=Ada")
    rest(stage)
    memory(stage).presence._chats.clear()
    assert present(stage) == {}
    pass_seconds(stage, LEASE_SECONDS / 3)
    assert present(stage) == {"Ada": "Ada"}


def test_a_stream_ends_with_its_token_and_so_does_being_there() -> None:
    ada = Grants("7", name="Ada", subscribe=Patterns([CHAT]), expires=EPOCH + 90)
    stage = ClosedStage(ada)
    stage.peer(STREAM, "7")
    rest(stage)
    assert present(stage) == {"7": "Ada"}
    stage.pass_seconds(100)
    rest(stage)
    assert present(stage) == {}
    stage.end()


# Typing


def typing(stage: Stage, query: str, body: bytes = b"{}", path: str = "typing") -> None:
    headers = {"Content-Length": str(len(body))}
    Peer(stage, f"/api/v1/chats/42/{path}?{query}", headers, method="POST", body=body)
    rest(stage)


def typed(peer: Peer) -> list[tuple[str, bool]]:
    return [(b["user"], b["is_typing"]) for b in bodies(peer) if b["type"] == "typing"]


def test_typing_ends_by_itself(stage: ChatStage) -> None:
    """Six seconds after it was last said."""
    bob = reader(stage, "username=Bob")
    rest(stage)
    for _ in range(2):
        typing(stage, "username=Ada")
        pass_seconds(stage, 5)
    assert typed(bob) == [("Ada", True)] * 2
    pass_seconds(stage, 2.5)
    assert typed(bob) == [("Ada", True), ("Ada", True), ("Ada", False)]


@pytest.mark.parametrize("body", [b'{"is_typing":false}', b'{"message":"hello"}'])
def test_typing_ends_when_it_is_said_so_or_a_message_is(stage: ChatStage, body: bytes) -> None:
    bob = reader(stage, "username=Bob")
    rest(stage)
    typing(stage, "username=Ada")
    typing(stage, "username=Ada", body, "messages" if b"message" in body else "typing")
    assert typed(bob) == [("Ada", True), ("Ada", False)]
    pass_seconds(stage, 8)
    assert len(typed(bob)) == 2


def test_typing_ends_when_its_user_leaves(stage: ChatStage) -> None:
    bob, ada = reader(stage, "username=Bob"), reader(stage, "username=Ada")
    rest(stage)
    typing(stage, "username=Ada")
    ada.leave()
    rest(stage)
    assert typed(bob) == [("Ada", True), ("Ada", False)]
    assert present(stage) == {"Bob": "Bob"}
