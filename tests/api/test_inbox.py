"""The notifications of whoever asks: listed, and marked as read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.issue import Issuer
from streamer.config.retention import Retention
from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from support.asking import grants
from support.stage import Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
LIST: Final = "/api/v1/notifications"
MINE: Final = "users/7"


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


def tell(stage: Stage, topic: str, event_type: str = "invited", **fields: Any) -> str:  # noqa: ANN401
    return str(stage.loop.run(stage.log._log.append(new_event(topic, event_type, fields))))


def ask(
    stage: Stage, query: str = "", body: bytes | None = None, *, user: str | None = "7"
) -> tuple[int, dict[str, Any]]:
    """The list; or, with a body, the answer to whoever has read."""
    headers = {} if body is None else {"Content-Length": str(len(body))}
    if user is not None:
        token = Issuer(SECRET).issue(grants(user), 3600.0)
        headers["Authorization"] = f"Bearer {token}"
    target, method = (f"{LIST}/read", "POST") if body is not None else (LIST + query, "GET")
    peer = Peer(stage, target, headers, method=method, body=body or b"")
    for _ in range(3):
        stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest)


def ids(answer: dict[str, Any]) -> list[str]:
    return [body["id"] for body in answer["notifications"]]


def test_ones_own_and_those_for_everybody_are_listed_the_newest_first(stage: Stage) -> None:
    first = tell(stage, MINE, by="ada")
    tell(stage, "users/8")
    tell(stage, "admin")
    second = tell(stage, "system", "system_message", message="back at 8", level="info")
    status, answer = ask(stage)
    assert (status, answer["reader"], answer["unread"], answer["next"]) == (200, "7", 2, None)
    assert ids(answer) == [second, first]
    assert [body["unread"] for body in answer["notifications"]] == [True, True]
    assert answer["notifications"][1]["by"] == "ada"


def test_a_list_says_up_to_where_and_of_which_types_was_counted(stage: Stage) -> None:
    tell(stage, MINE)
    last = tell(stage, "system", "system_message")
    _, answer = ask(stage)
    assert answer["counted_to"] == last
    assert answer["cursors"] == {MINE: None, "system": None}
    ask(stage, body=msgspec.json.encode({"cursor": last}))
    assert ask(stage)[1]["cursors"] == {MINE: last, "system": last}
    assert answer["counted"] == {
        MINE: {"all_but": ["progress", "read", "transcode_progress"]},
        "system": {"all_but": ["progress", "read"]},
    }


def test_a_list_goes_on_where_it_ended_whatever_comes_meanwhile(stage: Stage) -> None:
    told = [tell(stage, MINE) for _ in range(5)]
    _, first = ask(stage, "?limit=2")
    tell(stage, MINE)
    _, second = ask(stage, f"?limit=2&before={first['next']}")
    _, last = ask(stage, f"?limit=2&before={second['next']}")
    assert ids(first) + ids(second) + ids(last) == told[::-1]
    assert last["next"] is None


def test_what_is_read_is_marked_and_left_out_of_those_that_are_not(stage: Stage) -> None:
    told = [tell(stage, MINE) for _ in range(3)]
    body = msgspec.json.encode({"cursor": told[1]})
    assert ask(stage, body=body) == (200, {"reader": "7", "cursor": told[1], "unread": 1})
    _, answer = ask(stage)
    assert [it["unread"] for it in answer["notifications"]] == [True, False, False]
    assert ids(ask(stage, "?unread=true")[1]) == [told[2]]


def test_without_a_cursor_all_there_is_is_read(stage: Stage) -> None:
    """What is for everybody is read by one, and still unread by others."""
    tell(stage, MINE)
    tell(stage, "system", "system_message")
    _, answer = ask(stage, body=b"")
    assert answer["unread"] == 0
    later = tell(stage, MINE)
    assert (ask(stage)[1]["unread"], ids(ask(stage, "?unread=true")[1])) == (1, [later])
    assert ask(stage, user="8")[1]["unread"] == 1


def test_how_far_a_transcode_is_is_listed_and_never_unread(stage: Stage) -> None:
    tell(stage, MINE, "transcode_progress", progress=45)
    _, answer = ask(stage)
    assert (len(answer["notifications"]), answer["unread"]) == (1, 0)
    assert ids(ask(stage, "?unread=true")[1]) == ids(ask(stage, "?counted=true")[1]) == []


def test_what_counts_is_listed_alone_read_or_not_however_much_else_there_is(stage: Stage) -> None:
    told = []
    for _ in range(4):
        told.append(tell(stage, MINE))
        for _ in range(60):
            tell(stage, MINE, "transcode_progress")
    ask(stage, body=msgspec.json.encode({"cursor": told[1]}))
    _, first = ask(stage, "?counted=true&limit=3")
    assert ids(first) == told[:0:-1]
    assert [body["unread"] for body in first["notifications"]] == [True, True, False]
    _, second = ask(stage, f"?counted=true&limit=3&before={first['next']}")
    assert (ids(second), second["next"]) == ([told[0]], None)


def test_those_that_are_unread_are_found_behind_many_that_are_not(stage: Stage) -> None:
    wanted = tell(stage, MINE)
    for _ in range(70):
        tell(stage, MINE, "transcode_progress")
    found, before = [], ""
    for _ in range(20):
        _, answer = ask(stage, f"?unread=true&limit=5{before}")
        found += ids(answer)
        if answer["next"] is None:
            break
        before = f"&before={answer['next']}"
    assert found == [wanted]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"[]", "invalid_fields"),
        (b'{"cursor":7}', "invalid_fields"),
        (b'{"cursor":"now"}', "invalid_cursor"),
        (b'{"cursor":"99999999999999-0"}', "invalid_cursor"),
        (b'{"until":"1-0"}', "invalid_fields"),
    ],
)
def test_a_body_that_is_wrong_marks_nothing(stage: Stage, body: bytes, code: str) -> None:
    tell(stage, MINE)
    status, answer = ask(stage, body=body)
    assert (status, answer["code"]) == (400, code)
    assert ask(stage)[1]["unread"] == 1


@pytest.mark.parametrize(
    "query", ["?before=now", "?limit=0", "?limit=201", "?unread=x", "?counted=x", "?x=1"]
)
def test_a_query_that_is_wrong_is_refused(stage: Stage, query: str) -> None:
    assert ask(stage, query)[0] == 400


def test_where_nobody_is_asked_the_reader_says_who_it_is(open_stage: Stage) -> None:
    told = tell(open_stage, MINE)
    assert ids(ask(open_stage, "?reader=7", user=None)[1]) == [told]
    assert ids(ask(open_stage, "?reader=8", user=None)[1]) == []
    assert ask(open_stage, "?reader=", user=None)[0] == 400


def test_where_nobody_is_asked_and_nobody_says_it_is_anybodys(open_stage: Stage) -> None:
    told = tell(open_stage, "users/anybody")
    _, answer = ask(open_stage, user=None)
    assert (answer["reader"], ids(answer)) == ("anybody", [told])
    _, marked = ask(open_stage, body=b"", user=None)
    assert (marked["reader"], marked["unread"]) == ("anybody", 0)


def test_notifications_are_kept_for_thirty_days() -> None:
    """Unless a setting says otherwise."""
    policy = Settings(retention={"users": Retention(7, 60.0)}).retention_policy()
    assert policy.of("users/7") == Retention(7, 60.0)
    assert policy.of("system").max_age == policy.of("admin").max_age == 30 * 86400.0
    assert policy.of("projects/p").max_age == 86400.0


def test_how_far_its_reader_has_read_is_no_notification() -> None:
    stage = Stage(Settings(auth_secret=SECRET, kept_reads=("users",)))
    told = tell(stage, MINE)
    ask(stage, body=b"")
    assert ids(ask(stage)[1]) == [told]
    stage.end()
