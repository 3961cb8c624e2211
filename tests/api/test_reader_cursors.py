"""How far somebody has read a topic, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.reading import Reading
from support.stage import HANDSHAKE, Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
CURSOR: Final = "/api/v1/topics/chats/42/cursor"
READ: Final = {"type": "read", "topic": "chats/42"}


def token_of(subject: str, *topics: str) -> str:
    """That of somebody who reads `topics`, and publishes to them."""
    patterns = Patterns(topics or ("chats/*",))
    return Issuer(SECRET).issue(Grants(subject, subscribe=patterns, publish=patterns), 3600.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage(Settings(auth_secret=SECRET))
    yield opened
    opened.end()


@pytest.fixture
def open_stage() -> Iterator[Stage]:
    """Where nobody is asked who they are."""
    opened = Stage(Settings(kept_reads=("chats",)))
    yield opened
    opened.end()


def ask(
    stage: Stage,
    method: str,
    target: str,
    body: object = None,
    *,
    token: str | None = None,
) -> tuple[int, dict[str, Any]]:
    """The status and the body of the answer."""
    encoded = b"" if body is None else msgspec.json.encode(body)
    headers = {"Content-Length": str(len(encoded))} if encoded else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    peer = Peer(stage, target, headers, method=method, body=encoded)
    stage.settle()
    stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest)


def say(stage: Stage, topic: str = "chats/42", token: str | None = None) -> str:
    """Publish a message; return its id."""
    body = {"topic": topic, "type": "message", "text": "hello"}
    status, answer = ask(stage, "POST", "/api/v1/events", body, token=token)
    assert status == 201, answer
    id_: str = answer["id"]
    return id_


def test_a_cursor_is_moved_and_asked_for(stage: Stage) -> None:
    ada = token_of("ada")
    first, second = say(stage, token=ada), say(stage, token=ada)
    status, answer = ask(stage, "PUT", CURSOR, {"cursor": first}, token=ada)
    moved = {"topic": "chats/42", "reader": "ada", "cursor": first, "unread": 1}
    assert (status, answer) == (200, {**moved, "moved": True})
    _, own = ask(stage, "GET", CURSOR, token=ada)
    assert own == {**moved, "counted": {"only": ["ai_complete", "message"]}, "counted_to": second}
    _, others = ask(stage, "GET", f"{CURSOR}s", token=token_of("bob"))
    assert others == {"topic": "chats/42", "readers": {"ada": first}}


def test_a_cursor_does_not_move_back(stage: Stage) -> None:
    ada = token_of("ada")
    first, second = say(stage, token=ada), say(stage, token=ada)
    ask(stage, "PUT", CURSOR, {"cursor": second}, token=ada)
    _, answer = ask(stage, "PUT", CURSOR, {"cursor": first}, token=ada)
    assert (answer["cursor"], answer["unread"], answer["moved"]) == (second, 0, False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"cursor": "tomorrow"}, "invalid_cursor"),
        ({"cursor": "99999999999999-0"}, "invalid_cursor"),
        ({"cursor": 7}, "invalid_fields"),
        ({}, "invalid_fields"),
        ({"cursor": "1-0", "unread": 0}, "invalid_fields"),
        ([], "invalid_fields"),
    ],
)
def test_a_body_that_is_wrong_moves_nothing(stage: Stage, body: object, code: str) -> None:
    ada = token_of("ada")
    say(stage, token=ada)
    status, answer = ask(stage, "PUT", CURSOR, body, token=ada)
    assert (status, answer["code"]) == (400, code)
    assert ask(stage, "GET", CURSOR, token=ada)[1]["cursor"] is None


def test_what_one_may_not_read_one_has_no_cursor_on(stage: Stage) -> None:
    id_ = say(stage, token=token_of("ada"))
    bob = token_of("bob", "projects/*")
    for method, target, body in (
        ("PUT", CURSOR, {"cursor": id_}),
        ("GET", CURSOR, None),
        ("GET", f"{CURSOR}s", None),
    ):
        assert ask(stage, method, target, body, token=bob)[0] == 403


def test_the_cursor_of_somebody_else_is_theirs(stage: Stage) -> None:
    ada = token_of("ada")
    id_ = say(stage, token=ada)
    status, _ = ask(stage, "PUT", CURSOR, {"cursor": id_, "reader": "bob"}, token=ada)
    assert status == 403
    assert ask(stage, "GET", f"{CURSOR}?reader=bob", token=ada)[0] == 403
    assert ask(stage, "PUT", CURSOR, {"cursor": id_, "reader": "ada"}, token=ada)[0] == 200


def test_nobody_else_reports_that_somebody_has_read(stage: Stage) -> None:
    body = {"topic": "chats/42", "type": "read", "reader": "bob", "cursor": "1-0"}
    status, answer = ask(stage, "POST", "/api/v1/events", body, token=token_of("ada"))
    assert (status, answer["code"]) == (400, "reserved_type")


def test_where_nobody_is_asked_the_reader_says_who_it_is(open_stage: Stage) -> None:
    id_ = say(open_stage)
    status, answer = ask(open_stage, "PUT", CURSOR, {"cursor": id_})
    assert (status, answer["code"]) == (400, "invalid_parameter")
    assert "reader" in answer["detail"]
    ask(open_stage, "PUT", CURSOR, {"cursor": id_, "reader": "ada"})
    assert ask(open_stage, "GET", f"{CURSOR}?reader=ada")[1]["cursor"] == id_
    assert ask(open_stage, "GET", f"{CURSOR}?reader=bob")[1]["unread"] == 1


@pytest.mark.parametrize("name", ["", "a" * 256, "a\nb"])
def test_a_reader_without_a_name_is_refused(open_stage: Stage, name: str) -> None:
    id_ = say(open_stage)
    status, _ = ask(open_stage, "PUT", CURSOR, {"cursor": id_, "reader": name})
    assert status == 400


def test_a_kept_read_is_one_event_however_often_it_is_said(open_stage: Stage) -> None:
    """Who was cut off before the answer says it again."""
    id_ = say(open_stage)
    for _ in range(2):
        ask(open_stage, "PUT", CURSOR, {"cursor": id_, "reader": "ada"})
    _, page = ask(open_stage, "GET", "/api/v1/events?topic=chats/42")
    kinds = [(event["type"], event.get("reader")) for event in page["events"]]
    assert kinds == [("message", None), ("read", "ada")]
    assert ask(open_stage, "GET", f"{CURSOR}?reader=bob")[1]["unread"] == 1


def test_others_see_that_somebody_has_read(stage: Stage) -> None:
    """Those who are live; elsewhere than in STREAMER_KEPT_READS it is not kept."""
    ada = token_of("ada")
    id_ = say(stage, token=ada)
    headers = {"Authorization": f"Bearer {token_of('bob')}"}
    peer = Peer(stage, "/api/v1/stream?topic=chats/42", headers)
    stage.settle()
    peer.take()
    ask(stage, "PUT", CURSOR, {"cursor": id_}, token=ada)
    _, _, frame = peer.take().decode().partition("event: read\n")
    assert f'"reader":"ada","cursor":"{id_}"' in frame
    assert "\nid:" not in frame
    _, page = ask(stage, "GET", "/api/v1/events?topic=chats/42", token=ada)
    assert [event["type"] for event in page["events"]] == ["message"]


@pytest.mark.parametrize("topic", ["chats", "a/b/c/d/e/f/g/h"])
def test_a_topic_of_any_length_has_cursors(open_stage: Stage, topic: str) -> None:
    id_ = say(open_stage, topic)
    target = f"/api/v1/topics/{topic}/cursor"
    status, answer = ask(open_stage, "PUT", target, {"cursor": id_, "reader": "ada"})
    assert (status, answer["topic"], answer["cursor"]) == (200, topic, id_)
    assert ask(open_stage, "GET", f"{target}s")[1]["readers"] == {"ada": id_}


@pytest.mark.parametrize("topic", ["a/b/c/d/e/f/g/h/i", "%0A"])
def test_what_is_no_topic_has_none(open_stage: Stage, topic: str) -> None:
    status, _ = ask(open_stage, "GET", f"/api/v1/topics/{topic}/cursor?reader=ada")
    assert status in {400, 404}


def test_connected_says_how_far_one_has_read(stage: Stage) -> None:
    """Of the topics where events count, and of nobody else."""
    ada = token_of("ada", "chats/*", "projects/*")
    first, second = say(stage, token=ada), say(stage, token=ada)
    ask(stage, "PUT", CURSOR, {"cursor": first}, token=ada)
    for topics, states in (
        ("topic=chats/42", {"chats/42": {"cursor": first, "unread": 1}}),
        (
            "topic=chats/42&topic=projects/p&topic=chats/7",
            {
                "chats/42": {"cursor": first, "unread": 1},
                "chats/7": {"cursor": None, "unread": 0},
            },
        ),
        ("topic=projects/p", None),
    ):
        body = connected(stage, f"/api/v1/stream?{topics}", ada)
        assert body.get("reading") == states
        assert body.get("counted_to") == (None if states is None else second)


STATUS: Final = "/api/v1/status?topic=chats/42"


def test_a_status_says_how_far_one_has_read(stage: Stage) -> None:
    """To whoever has proved who they are, of a topic where events count, and as `connected`."""
    ada = token_of("ada", "chats/*", "projects/*")
    first, second = say(stage, token=ada), say(stage, token=ada)
    ask(stage, "PUT", CURSOR, {"cursor": first}, token=ada)
    _, status = ask(stage, "GET", STATUS, token=ada)
    body = connected(stage, "/api/v1/stream?topic=chats/42", ada)
    assert status["reading"] == body["reading"] == {"chats/42": {"cursor": first, "unread": 1}}
    assert status["counted_to"] == body["counted_to"] == status["cursor"] == second
    _, of_project = ask(stage, "GET", "/api/v1/projects/p/status", token=ada)
    assert "reading" not in of_project
    assert ask(stage, "GET", f"{STATUS}&reader=ada", token=ada)[1] == status
    assert ask(stage, "GET", f"{STATUS}&reader=bob", token=ada)[0] == 403


def test_where_nobody_is_asked_a_status_says_it_of_the_reader_that_is_named(
    open_stage: Stage,
) -> None:
    say(open_stage)
    _, status = ask(open_stage, "GET", f"{STATUS}&reader=ada")
    assert status["reading"] == {"chats/42": {"cursor": None, "unread": 1}}
    assert "reading" not in ask(open_stage, "GET", STATUS)[1]
    assert ask(open_stage, "GET", f"{STATUS}&reader=")[0] == 400


def test_what_comes_while_a_status_is_read_is_counted_or_polled_and_never_neither(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = token_of("ada")
    say(stage, token=ada)
    cursors = stage.log.reader_cursors
    count = cursors.states
    told: list[str] = []

    async def publish() -> None:
        told.append(str(await stage.log.append(new_event("chats/42", "message", {}))))

    async def counting(topics: Sequence[str], subject: str) -> Reading:
        await publish()
        reading = await count(topics, subject)
        await publish()
        return reading

    monkeypatch.setattr(cursors, "states", counting)
    _, status = ask(stage, "GET", STATUS, token=ada)
    _, page = ask(
        stage, "GET", f"/api/v1/events?topic=chats/42&after={status['cursor']}", token=ada
    )
    polled = [event["id"] for event in page["events"]]
    assert polled == told
    behind = [id_ for id_ in polled if Cursor.parse(id_) > Cursor.parse(status["counted_to"])]
    assert (status["reading"]["chats/42"]["unread"], behind) == (2, told[1:])


def test_where_nobody_is_asked_nobody_has_read(open_stage: Stage) -> None:
    say(open_stage)
    assert "reading" not in connected(open_stage, "/api/v1/stream?topic=chats/42")


def test_what_comes_while_it_is_counted_is_sent_and_counted_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the count it is in it; behind it the reader counts it, by its id."""
    ada = token_of("ada")
    say(stage, token=ada)
    cursors = stage.log.reader_cursors
    count = cursors.states

    async def publish() -> str:
        return str(await stage.log.append(new_event("chats/42", "message", {})))

    async def counting(topics: Sequence[str], subject: str) -> Reading:
        before.append(await publish())
        reading = await count(topics, subject)
        behind.append(await publish())
        return reading

    before: list[str] = []
    behind: list[str] = []
    monkeypatch.setattr(cursors, "states", counting)
    peer = Peer(stage, "/api/v1/stream?topic=chats/42", {"Authorization": f"Bearer {ada}"})
    stage.settle()
    stage.settle()
    received = peer.take()
    body = connected_of(received)
    assert (body["reading"]["chats/42"]["unread"], body["counted_to"]) == (2, before[0])
    ids = re.findall(rb"event: message\ndata: .*\nid: (.*)\n", received)
    assert [id_.decode() for id_ in ids] == [*before, *behind]


def connected(stage: Stage, target: str, token: str | None = None) -> dict[str, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    peer = Peer(stage, target, headers)
    stage.settle()
    stage.settle()
    return connected_of(peer.take())


def connected_of(received: bytes) -> dict[str, Any]:
    found = re.search(rb"event: connected\n(?:retry: \d+\n)?data: (.*)\n", received)
    assert found is not None
    body: dict[str, Any] = msgspec.json.decode(found[1])
    return body


def test_who_has_read_what_is_for_everybody_is_not_shown_to_everybody(stage: Stage) -> None:
    """Each of thousands would be told of each other's reading."""
    tell = new_event("system", "system_message", {"message": "back at 8"})
    id_ = str(stage.loop.run(stage.log._log.append(tell)))
    ada, target = token_of("ada"), "/api/v1/topics/system/cursor"
    peer = Peer(stage, "/api/v1/stream?topic=system", {"Authorization": f"Bearer {ada}"})
    stage.settle()
    assert ask(stage, "PUT", target, {"cursor": id_}, token=token_of("bob"))[1]["moved"] is True
    stage.settle()
    assert b"bob" not in peer.take()
    assert ask(stage, "GET", f"{target}s", token=ada)[0] == 403
    admin = Issuer(SECRET).issue(Grants("root", is_admin=True), 3600.0)
    assert ask(stage, "GET", f"{target}s", token=admin)[1]["readers"] == {"bob": id_}


def test_an_ephemeral_read_is_said_once_of_each_move(stage: Stage) -> None:
    id_ = say(stage, token=token_of("ada"))
    peer = Peer(
        stage, "/api/v1/stream?topic=chats/42", {"Authorization": f"Bearer {token_of('bob')}"}
    )
    stage.settle()
    for _ in range(3):
        ask(stage, "PUT", CURSOR, {"cursor": id_}, token=token_of("ada"))
    assert peer.take().count(b"event: read") == 1


def test_a_stream_opens_without_the_count_while_the_log_is_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_topics: Sequence[str], _subject: str) -> Reading:
        raise LogUnavailable("away")

    ada = token_of("ada")
    say(stage, token=ada)
    monkeypatch.setattr(stage.log.reader_cursors, "states", away)
    body = connected(stage, "/api/v1/stream?topic=chats/42", ada)
    assert "reading" not in body
    assert "counted_to" not in body


def test_a_page_of_another_origin_may_move_a_cursor(stage: Stage) -> None:
    """The browser asks first whether it may `PUT`."""
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
    peer = Peer(stage, CURSOR, asked, method="OPTIONS")
    stage.settle()
    found = re.search(rb"access-control-allow-methods: (.*)\r\n", peer.take())
    assert found is not None
    assert b"PUT" in found[1].split(b", ")


def test_a_websocket_moves_a_cursor(stage: Stage) -> None:
    """On any topic that it may read, and as often as it likes."""
    ada = token_of("ada")
    first, second = say(stage, token=ada), say(stage, token=ada)
    headers = {**HANDSHAKE, "Authorization": f"Bearer {ada}"}
    peer = Peer(stage, "/api/v1/stream?topic=chats/7", headers)
    stage.settle()
    answers = []
    for cursor in (first, "99999999999999-0", second, first):
        peer.take()
        peer.send_frames(msgspec.json.encode(READ | {"cursor": cursor}).decode())
        stage.settle()
        stage.settle()
        answers.append(peer.take().decode("utf-8", "replace"))
    named = '"type":"moved","topic":"chats/42","reader":"ada"'
    assert f'{named},"cursor":"{first}","unread":1,"moved":true' in answers[0]
    assert '"type":"refused","code":"invalid_cursor"' in answers[1]
    assert f'{named},"cursor":"{second}","unread":0,"moved":true' in answers[2]
    assert f'{named},"cursor":"{second}","unread":0,"moved":false' in answers[3]


def test_a_websocket_moves_none_on_what_it_may_not_read(stage: Stage) -> None:
    id_ = say(stage, token=token_of("ada"))
    headers = {**HANDSHAKE, "Authorization": f"Bearer {token_of('bob', 'chats/7')}"}
    peer = Peer(stage, "/api/v1/stream?topic=chats/7", headers)
    stage.settle()
    peer.send_frames(msgspec.json.encode(READ | {"cursor": id_}).decode())
    stage.settle()
    assert b'"type":"refused","code":"forbidden"' in peer.take()
    assert ask(stage, "GET", f"{CURSOR}s", token=token_of("ada"))[1]["readers"] == {}


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", f"{STATUS}&reader=ada", b""),
        ("GET", f"{CURSOR}?reader=ada", b""),
        ("PUT", CURSOR, b'{"cursor":"%s","reader":"ada"}'),
        ("GET", "/api/v1/notifications?reader=7&counted=true", b""),
        ("POST", "/api/v1/notifications/read", b'{"reader":"7"}'),
    ],
    ids=["status", "cursor", "mark", "notifications", "read"],
)
def test_whoever_leaves_while_they_ask_leaves_nothing(
    open_stage: Stage,
    caplog: pytest.LogCaptureFixture,
    method: str,
    target: str,
    body: bytes,
) -> None:
    """At every step of the answer; whoever comes then is answered."""
    id_ = say(open_stage)
    sent = body.replace(b"%s", id_.encode())
    headers = {"Content-Length": str(len(sent))} if sent else {}
    for steps in range(8):
        peer = Peer(open_stage, target, headers, method=method, body=sent)
        for _ in range(steps):
            open_stage.step()
        peer.leave()
        open_stage.settle()
    stays = Peer(open_stage, target, headers, method=method, body=sent)
    open_stage.settle()
    open_stage.settle()
    assert stays.take().startswith(b"HTTP/1.1 200")
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
