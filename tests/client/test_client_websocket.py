"""What is of a WebSocket alone: refusals in frames, close codes, and servers that speak none."""

from __future__ import annotations

import json
import traceback

import pytest

from streamer.api.streams.deflated_forms import deflated
from streamer.client import Interruption, Refused, Unreachable
from streamer.wire.websocket import FRAMES, text_frame
from support.following import (
    END,
    WAYS,
    Body,
    Way,
    answers,
    body,
    close_frame,
    cursor_in,
    handshake,
    ids,
    is_websocket,
    says,
    stream_of,
)
from support.scripted_server import HEAD, Script, ScriptedServer

WS_WAYS = [way for way in WAYS if way.transport == "websocket"]
pytestmark = [pytest.mark.usefixtures("soon"), pytest.mark.parametrize("way", WS_WAYS, ids=str)]

CONNECTED, TWO = body("connected", "1-0"), body("progress", "2-0", progress=0.5)
WHOLE = says(CONNECTED, TWO, END)


def closes(code: int, reason: str = "", *bodies: Body) -> Script:
    return lambda request: stream_of(request, bodies) + close_frame(code, reason)


def refused(code: str, *, retry: bool, retry_after: float | None = None) -> Body:
    detail = f"this is {code}"
    return body("refused", code=code, detail=detail, retry=retry, retry_after=retry_after)


def test_it_asks_for_a_websocket_and_reads_events_as_any_other(way: Way) -> None:
    with ScriptedServer(WHOLE) as server:
        events = way.follow(server.url, "chats/1", "jobs/2", start="earliest")
    (request,) = server.requests
    assert is_websocket(request)
    assert request.startswith("GET /api/v1/stream?topic=chats%2F1&topic=jobs%2F2&")
    assert "from=earliest" in request
    assert [(event.type, event.id) for event in events] == [
        ("connected", "1-0"),
        ("progress", "2-0"),
        ("end", None),
    ]


@pytest.mark.parametrize(("code", "said"), [(1008, "no entry"), (1009, "a frame was too large")])
def test_a_close_code_that_says_no_is_a_refusal(way: Way, code: int, said: str) -> None:
    script = closes(code, "no entry" if code == 1008 else "")
    with ScriptedServer(script) as server, pytest.raises(Refused, match=said):
        way.follow(server.url, "a")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4408])
def test_any_other_means_to_come_back(way: Way, code: int) -> None:
    with ScriptedServer(closes(code, "later", CONNECTED), WHOLE) as server:
        assert list(ids(way.follow(server.url, "a"))) == ["2-0"]
    assert cursor_in(server.requests[1]) == "1-0"


def test_a_refusal_in_a_frame_says_why(way: Way) -> None:
    """A browser cannot read the status of a handshake, so nobody is refused by one."""
    script = closes(1008, "Forbidden", refused("forbidden", retry=False))
    with ScriptedServer(script) as server, pytest.raises(Refused, match="this is f") as caught:
        way.follow(server.url, "a")
    assert (caught.value.status, caught.value.code) == (403, "forbidden")


def test_a_refusal_for_now_is_waited_for_as_long_as_it_says(way: Way) -> None:
    told: list[Interruption] = []
    full = refused("too_many_requests", retry=True, retry_after=0.02)
    with ScriptedServer(closes(1013, "", full), WHOLE) as server:
        way.follow(server.url, "a", on_reconnect=told.append)
    assert [(one.reason, one.seconds) for one in told] == [("this is too_many_requests", 0.02)]


def test_refusals_for_now_count_as_failures(way: Way) -> None:
    full = says(refused("too_many_requests", retry=True))
    with ScriptedServer(full, full) as server, pytest.raises(Unreachable, match="2 attempts"):
        way.follow(server.url, "a", max_attempts=2)


def test_a_server_or_proxy_that_speaks_none_is_a_refusal(way: Way) -> None:
    with ScriptedServer(HEAD) as server, pytest.raises(Refused, match="not with a WebSocket"):
        way.follow(server.url, "a")
    upgraded = "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    with (
        ScriptedServer(upgraded.encode()) as server,
        pytest.raises(Refused, match="does not speak WebSocket"),
    ):
        way.follow(server.url, "a")


@pytest.mark.parametrize("place", ["https://example.org/", "http://example.org/x"])
def test_a_redirect_of_http_is_a_refusal_that_names_the_place(way: Way, place: str) -> None:
    script = answers("308 Permanent Redirect", f"Location: {place}")
    with ScriptedServer(script) as server, pytest.raises(Refused, match=f"follow it at {place}"):
        way.follow(server.url, "a")


def test_a_frame_that_is_too_large_is_not_read(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.client.websocket.LARGEST_FRAME", 1000)
    large = says(CONNECTED, body("note", "3-0", text="x" * 1000))
    with ScriptedServer(large) as server, pytest.raises(Refused, match="more than 1000 bytes"):
        way.follow(server.url, "a")


def test_compressed_frames_are_read(way: Way) -> None:
    """As the server sends them: each refers to those before it."""
    agreed = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"
    wrap = deflated(FRAMES).for_feed().wrap

    def script(request: str) -> bytes:
        assert "permessage-deflate" in request
        notes = [body("note", f"{number}-0", text="x" * 2000) for number in (3, 4)]
        frames = (text_frame(json.dumps(one).encode()) for one in (CONNECTED, *notes, END))
        return handshake(request).removesuffix(b"\r\n") + agreed + b"".join(map(wrap, frames))

    with ScriptedServer(script) as server:
        assert list(ids(way.follow(server.url, "a"))) == ["3-0", "4-0"]


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://u:hunter2@h")
    monkeypatch.setenv("HTTP_PROXY", "gopher://u:hunter2@h")
    monkeypatch.setenv("WS_PROXY", "gopher://u:hunter2@h")
    with pytest.raises(Refused, match="environment") as caught:
        way.follow("http://h", "a")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_user_of_a_url_is_sent_as_basic_authentication(way: Way) -> None:
    """As over server-sent events, for a proxy; a token takes its place."""
    for userinfo, sent in (("u:p%40", "Basic dTpwQA=="), ("u", "Basic dTo=")):
        with ScriptedServer(WHOLE) as server:
            way.follow(server.url.replace("//", f"//{userinfo}@"), "a")
            assert f"authorization: {sent}".lower() in server.requests[0].lower()
    with ScriptedServer(WHOLE) as server:
        way.follow(server.url.replace("//", "//u:p@"), "a", token="abc")
        assert server.requests[0].lower().count("authorization:") == 1
