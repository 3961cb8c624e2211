"""Reading a topic in Python, at a real server, and at one that says what was written down."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.client import Refused, Unreachable, reading
from support.following import answers, body, says
from support.live import Live, StartLive
from support.ports import free_port
from support.scripted_server import ScriptedServer
from support.topic_reading import Kind, both_kinds, until

pytestmark = [pytest.mark.usefixtures("soon"), both_kinds()]

SECRET: Final = "0123456789abcdef" * 2
TOO_MANY: Final = answers("503 Service Unavailable")


def token_of(subject: str) -> str:
    topics = Patterns(["chats/*"])
    return Issuer(SECRET).issue(Grants(subject, subscribe=topics, publish=topics), 3600.0)


def say(live: Live, topic: str, event_type: str = "message", **headers: str) -> str:
    said = {"topic": topic, "type": event_type, "text": "hello"}
    answer = httpx.post(f"{live.url}/api/v1/events", json=said, headers=headers)
    return str(answer.raise_for_status().json()["id"])


def counted(unread: int, to: str, cursor: str | None = None) -> bytes:
    """The answer of a server that has counted."""
    fields: dict[str, Any] = {"topic": "chats/42", "reader": "ada", "cursor": cursor}
    fields |= {"unread": unread, "counted": {"only": ["message"]}, "counted_to": to}
    return answers("200 OK", "Content-Type: application/json", content=json.dumps(fields))


def test_it_counts_what_comes_and_marks_it(opened: Kind, live_server: Live, project: str) -> None:
    topic = f"chats/{project}"
    say(live_server, topic)
    with opened(live_server.url, topic, reader="ada") as reads:
        assert reads.unread is None
        until(reads, "connected")
        assert reads.unread == 1
        say(live_server, topic)
        said = until(reads, "message")
        assert reads.unread == 2
        say(live_server, topic)
        reads.mark_as_read()
        assert [reads.unread, reads.cursor] == [0, said.id]
        until(reads, "message")
        assert reads.unread == 1
        reads.mark_as_read()
        assert reads.unread == 0


def test_without_following_it_is_asked_for_and_all_is_marked(
    opened: Kind, live_server: Live, project: str
) -> None:
    topic = f"chats/{project}"
    *_, last = [say(live_server, topic) for _ in range(3)]
    with opened(live_server.url, topic, reader="ada") as reads:
        assert reads.count() == 3
        reads.mark_as_read()
        assert (reads.unread, reads.cursor) == (0, last)
    with opened(live_server.url, topic, reader="bob") as reads:
        reads.mark_as_read(last)
        assert reads.count() == 0


def test_what_another_device_has_read_is_read_here(
    opened: Kind, live_server: Live, project: str
) -> None:
    topic = f"chats/{project}"
    with (
        opened(live_server.url, topic, reader="ada") as reads,
        reading(live_server.url, topic, reader="ada") as other,
    ):
        until(reads, "connected")
        first, _ = say(live_server, topic), say(live_server, topic)
        other.mark_as_read(first)
        until(reads, "read")
        assert reads.unread == 1
        until(other, "connected")
        other.mark_as_read()
        until(reads, "read")
        assert reads.unread == 0


def test_it_is_the_tokens_subject_that_reads(opened: Kind, start_live: StartLive) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    say(live, "chats/42", Authorization=f"Bearer {token_of('bob')}")
    with opened(live.url, "chats/42", token=lambda: token_of("ada")) as reads:
        assert reads.count() == 1
        reads.mark_as_read()
    with opened(live.url, "chats/42", token=token_of("bob")) as reads:
        assert reads.count() == 1
    with opened(live.url, "projects/p", token=token_of("bob")) as reads:
        with pytest.raises(Refused) as refused:
            reads.count()
        assert (refused.value.status, refused.value.code) == (403, "forbidden")


def test_where_nobody_is_asked_and_nobody_is_named_it_is_refused(
    opened: Kind, live_server: Live
) -> None:
    with (
        opened(live_server.url, "chats/42") as reads,
        pytest.raises(Refused, match="reader must say who reads"),
    ):
        reads.mark_as_read("1-0")


def test_while_nobody_answers_it_says_so(opened: Kind) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with opened(url, "chats/42", reader="ada") as reads:
        with pytest.raises(Unreachable, match="no server answers at http"):
            reads.count()
        with pytest.raises(Unreachable):
            reads.mark_as_read("1-0")


def test_what_cannot_be_counted_now_is_not_known_until_it_can(opened: Kind) -> None:
    """The next event has the log asked again."""
    stream = says(body("connected", "5-0"), body("message", "6-0", topic="chats/42"), silent=True)
    with (
        ScriptedServer(stream, TOO_MANY, counted(2, "6-0")) as server,
        opened(server.url, "chats/42", reader="ada") as reads,
    ):
        until(reads, "connected")
        assert reads.unread is None
        until(reads, "message")
        assert reads.unread == 2


def test_a_token_that_is_refused_is_asked_for_once_more(opened: Kind) -> None:
    refused = answers("401 Unauthorized")
    told: list[str] = []

    def token() -> str:
        told.append("token")
        return f"t{len(told)}"

    with (
        ScriptedServer(refused, counted(1, "5-0"), refused, refused) as server,
        opened(server.url, "chats/42", token=token) as reads,
    ):
        assert reads.count() == 1
        assert "Bearer t2" in server.requests[1]
        with pytest.raises(Refused) as error:
            reads.count()
    assert error.value.status == 401


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answers("200 OK", "Content-Type: text/html", content="<html>"), "answered text/html"),
        (answers("200 OK", "Content-Type: application/json", content="{}"), "application/json"),
        (b"HTTP/1.1 302 Found\r\nLocation: ftp://elsewhere/\r\n\r\n", "cannot be sent"),
    ],
    ids=["page", "json", "elsewhere"],
)
def test_what_answers_and_is_no_streamer_is_refused(opened: Kind, answer: bytes, said: str) -> None:
    with (
        ScriptedServer(answer, answer) as server,
        opened(server.url, "chats/42", reader="ada") as reads,
    ):
        with pytest.raises(Refused, match=said):
            reads.count()
        with pytest.raises(Refused, match=said):
            reads.mark_as_read("1-0")


def test_a_redirect_that_forgets_the_method_has_marked_nothing(opened: Kind) -> None:
    """Of 302 the library makes a GET, which is answered as well."""
    elsewhere = answers("302 Found", "Location: /elsewhere")
    with (
        ScriptedServer(elsewhere, counted(1, "5-0")) as server,
        opened(server.url, "chats/42", reader="ada") as reads,
        pytest.raises(Refused, match="not as a Streamer does"),
    ):
        reads.mark_as_read("5-0")
