"""``POST /api/v1/tokens``: one's own credential for a short-lived one of named topics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from streamer.config.settings import Settings
from support.stage import HANDSHAKE, Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
ADDRESS: Final = "/api/v1/tokens"
STREAM: Final = "/api/v1/projects/p1/stream"
PAGE: Final = "https://app.example"


def own_token(ttl: float = 3600.0) -> str:
    """That of 7, who reads what is of projects and publishes to one."""
    grants = Grants("7", subscribe=Patterns(["projects/*"]), publish=Patterns(["projects/p1"]))
    return Issuer(SECRET).issue(grants, ttl)


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage(Settings(auth_secret=SECRET, allowed_origins=(PAGE,)))
    yield opened
    opened.end()


def ask(
    stage: Stage, target: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of the answer."""
    sent = dict(headers or {})
    if body is not None:
        sent["Content-Length"] = str(len(body))
    method = "GET" if body is None else "POST"
    peer = Peer(stage, target, sent, method=method, body=body or b"")
    stage.settle()
    stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, rest


def exchange(
    stage: Stage, wanted: dict[str, Any], token: str | None = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    sent = {"Authorization": f"Bearer {token or own_token()}", **headers}
    status, answered, body = ask(stage, ADDRESS, sent, msgspec.json.encode(wanted))
    return status, answered, msgspec.json.decode(body)


def test_it_is_of_the_topics_that_are_named_and_good_in_a_url(stage: Stage) -> None:
    """Of no other, be they its owner's; and it says when it ends."""
    wanted = {"subscribe": ["projects/p1"], "publish": ["projects/p1"], "ttl": 60}
    before = time.time()
    status, headers, made = exchange(stage, wanted)
    assert status == 201
    assert set(made) == {"token", "expires_at", "subscribe", "publish"}
    assert (made["subscribe"], made["publish"]) == (["projects/p1"], ["projects/p1"])
    assert before + 58 <= moment(made["expires_at"]) <= before + 62
    assert headers["cache-control"] == "no-store"
    token = made["token"]
    status, _, stream = ask(stage, f"{STREAM}?token={token}")
    assert (status, b'"type":"connected"' in stream) == (200, True)
    assert ask(stage, f"/api/v1/projects/p2/stream?token={token}")[0] == 403
    assert ask(stage, f"/api/v1/stream?topic=users/7&token={token}")[0] == 403
    url = f"/api/v1/projects/p1/events?token={token}"
    assert ask(stage, url, body=b'{"type":"note"}')[0] == 201


def moment(text: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def test_a_websocket_opens_with_it(stage: Stage) -> None:
    token = exchange(stage, {"subscribe": ["projects/p1"]})[2]["token"]
    peer = Peer(stage, f"{STREAM}?token={token}", HANDSHAKE)
    stage.settle()
    stage.settle()
    assert b'"type":"connected"' in peer.take()


def test_it_never_lives_longer_than_what_it_was_made_from(stage: Stage) -> None:
    own = own_token(30)
    made = exchange(stage, {"subscribe": ["projects/p1"], "ttl": 300}, own)[2]
    assert moment(made["expires_at"]) <= time.time() + 31


def test_it_lives_as_long_as_the_setting_says_at_most() -> None:
    stage = Stage(Settings(auth_secret=SECRET, token_ttl=10))
    for wanted in ({}, {"ttl": 3600}):
        made = exchange(stage, {"subscribe": ["projects/p1"], **wanted})[2]
        assert time.time() + 8 <= moment(made["expires_at"]) <= time.time() + 11
    stage.end()


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"subscribe": ["projects/p1", "chats/1"]}, "chats/1 may not be read"),
        ({"subscribe": ["projects/**"]}, "projects/** may not be read"),
        ({"subscribe": ["**"]}, "** may not be read"),
        ({"publish": ["projects/p2"]}, "projects/p2 may not be published to"),
        ({"publish": ["projects/*"]}, "projects/* may not be published to"),
    ],
)
def test_nobody_gives_away_more_than_they_have(
    stage: Stage, wanted: dict[str, Any], named: str
) -> None:
    status, _, problem = exchange(stage, wanted)
    assert (status, problem["code"]) == (403, "forbidden")
    assert named in problem["detail"]


def test_it_is_not_exchanged_again(stage: Stage) -> None:
    """Else it could be kept alive for ever."""
    token = exchange(stage, {"subscribe": ["projects/p1"]})[2]["token"]
    status, _, problem = exchange(stage, {"subscribe": ["projects/p1"]}, token)
    assert (status, problem["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_fields"),
        (b"{}", "invalid_fields"),
        (b'{"subscribe":[],"publish":[]}', "invalid_fields"),
        (b'{"subscribe":"projects/p1"}', "invalid_fields"),
        (b'{"subscribe":[7]}', "invalid_fields"),
        (b'{"subscribe":["projects/p1"],"ttl":"60"}', "invalid_fields"),
        (b'{"subscribe":["projects/p1"],"ttl":0}', "invalid_fields"),
        (b'{"subscribe":["projects/p1"],"ttl":-1}', "invalid_fields"),
        (b'{"subscribe":["projects/p1"],"admin":true}', "invalid_fields"),
        (b'{"subscribe":["projects/p*"]}', "invalid_topic"),
        (b'{"subscribe":["projects/../users/7"]}', "forbidden"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(stage: Stage, body: bytes, code: str) -> None:
    headers = {"Authorization": f"Bearer {own_token()}"}
    status, _, answer = ask(stage, ADDRESS, headers, body)
    assert status == (403 if code == "forbidden" else 400)
    assert msgspec.json.decode(answer)["code"] == code


def test_nobody_is_given_one_without_a_credential(stage: Stage) -> None:
    status, headers, answer = ask(stage, ADDRESS, {}, b'{"subscribe":["projects/p1"]}')
    assert (status, msgspec.json.decode(answer)["code"]) == (401, "unauthorized")
    assert headers["www-authenticate"].startswith("Bearer")


def test_an_open_server_makes_none() -> None:
    """There nobody needs one."""
    stage = Stage(Settings())
    status, _, answer = ask(stage, ADDRESS, {}, b'{"subscribe":["projects/p1"]}')
    assert (status, msgspec.json.decode(answer)["code"]) == (403, "forbidden")
    stage.end()


def test_a_foreign_page_is_given_none_and_reads_none(stage: Stage) -> None:
    """Whatever its visitor's browser adds; a page that is allowed reads it."""
    cookie = {"Cookie": f"__Host-streamer={own_token()}"}
    wanted = b'{"subscribe":["projects/p1"]}'
    for page in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, headers, answer = ask(stage, ADDRESS, {**cookie, **page}, wanted)
        assert (status, b"token" in answer) == (403, False)
        assert "access-control-allow-origin" not in headers
    status, headers, _ = ask(stage, ADDRESS, {**cookie, "Origin": PAGE}, wanted)
    assert (status, headers["access-control-allow-origin"]) == (201, PAGE)


def test_they_are_made_as_often_as_events_are_published() -> None:
    """From one quota: a token costs no less than an event."""
    stage = Stage(Settings(auth_secret=SECRET, publish_rate=0.2))
    wanted = {"subscribe": ["projects/p1"]}
    status, headers, _ = exchange(stage, wanted)
    assert (status, headers["ratelimit"]) == (201, '"publish-by-subject";r=1;t=5')
    assert exchange(stage, wanted)[0] == 201
    status, headers, problem = exchange(stage, wanted)
    assert (status, problem["code"]) == (429, "too_many_requests")
    assert "retry-after" in headers
    stage.end()


def test_no_log_line_holds_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        token = exchange(stage, {"subscribe": ["projects/p1"]})[2]["token"]
        ask(stage, f"/api/v1/projects/p2/stream?token={token}")
    assert token not in caplog.text
