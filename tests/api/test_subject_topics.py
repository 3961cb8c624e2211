"""How many topics one subject reads, over all its connections to a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamer.api.asker import Asker, Connection
from streamer.config.settings import Settings
from support.stage import HANDSHAKE, Peer, Stage


async def by_user(connection: Connection) -> Asker:
    """Let everybody in under the name that they give."""
    return Asker("somewhere", connection.headers.get("x-user", ""))


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server of which a subject may read three topics."""
    opened = Stage(Settings(max_topics_per_subject=3), door=by_user)
    yield opened
    opened.end()


def ask(stage: Stage, target: str, user: str = "ann", **headers: str) -> Peer:
    peer = Peer(stage, f"/api/v1/{target}", {"X-User": user, **headers})
    stage.settle()
    stage.settle()
    return peer


def said(peer: Peer) -> str:
    return peer.take().decode("latin-1")


def is_refused(text: str) -> bool:
    return '"code":"too_many_topics"' in text


def test_topics_of_all_streams_of_a_subject_count_together(stage: Stage) -> None:
    """One too many is asked to come back, and comes in when another stream has gone."""
    first = ask(stage, "stream?topic=a&topic=b")
    assert '"type":"connected"' in said(first)
    refused = said(ask(stage, "stream?topic=c&topic=d"))
    assert refused.startswith("HTTP/1.1 200 ")
    assert '"type":"reconnect"' in refused
    assert is_refused(refused)
    assert "ann reads 2 topics over its connections to this process, and may read 3" in refused
    assert '"type":"connected"' in said(ask(stage, "stream?topic=a"))
    assert is_refused(said(ask(stage, "stream?topic=c"))), "a topic read twice is two"
    first.leave()
    stage.settle()
    assert '"type":"connected"' in said(ask(stage, "stream?topic=c&topic=d"))


def test_other_subjects_and_nobody_are_not_affected(stage: Stage) -> None:
    ask(stage, "stream?topic=a&topic=b&topic=c")
    for user in ("bob", ""):
        assert '"type":"connected"' in said(ask(stage, "stream?topic=a&topic=b&topic=c", user))
    assert '"type":"connected"' in said(ask(stage, "stream?topic=a&topic=b&topic=c&topic=d", ""))


def test_a_poll_counts_while_it_is_answered(stage: Stage) -> None:
    """With 503, and when to come back."""
    waiting = ask(stage, "events?topic=a&topic=b&wait=60")
    refused = said(ask(stage, "events?topic=c&topic=d"))
    assert refused.startswith("HTTP/1.1 503 ")
    assert is_refused(refused)
    assert "retry-after: " in refused.lower()
    waiting.leave()
    stage.settle()
    assert said(ask(stage, "events?topic=c&topic=d")).startswith("HTTP/1.1 200 ")


def test_a_topic_that_is_subscribed_later_counts_and_the_connection_lives(stage: Stage) -> None:
    """What was left again may be read by any connection of the subject."""
    first = ask(stage, "stream?topic=a&topic=b", **HANDSHAKE)
    second = ask(stage, "stream?topic=a", **HANDSHAKE)
    assert '"connected"' in said(first)
    assert '"connected"' in said(second)
    assert is_refused(command(second, "subscribe", "d"))
    assert '"type":"unsubscribed"' in command(first, "unsubscribe", "b")
    assert '"type":"subscribed"' in command(second, "subscribe", "d")
    assert is_refused(command(first, "subscribe", "b"))
    second.leave()
    stage.settle()
    assert '"type":"subscribed"' in command(first, "subscribe", "b")


def command(peer: Peer, verb: str, topic: str) -> str:
    """What is answered to one command."""
    before = len(peer.take())
    peer.send_frames(f'{{"type":"{verb}","topic":"{topic}"}}')
    peer.go_on()
    peer.stage.settle()
    peer.stage.settle()
    return peer.take()[before:].decode("latin-1")
