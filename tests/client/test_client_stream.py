"""The client against a server that cuts, refuses and comes back."""

from __future__ import annotations

import re
import traceback
import zlib
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from streamer.client import Received, Refused, follow, follow_async
from streamer.client.publish import publish
from support.scripted_server import HEAD, SILENCE, ScriptedServer


def frame(event_id: str, event_type: str = "progress") -> bytes:
    return f"event: {event_type}\ndata: {{}}\nid: {event_id}\n\n".encode()


def chunked(*pieces: bytes) -> bytes:
    """`pieces` as chunks of their own: a client reads each by itself."""
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
    return b"".join((*chunks, b"0\r\n\r\n"))


def encoded(coding: str, stream: bytes) -> bytes:
    """`stream` in a content coding, byte by byte, flushed after each event as proxies do."""
    bits = {"gzip": 31, "deflate": 15}[coding]
    packer = zlib.compressobj(wbits=bits)
    packed = b"".join(
        packer.compress(part + b"\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        for part in stream.removesuffix(b"\n\n").split(b"\n\n")
    )
    head = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    head = head.replace(b"\r\n\r\n", b"\r\nContent-Encoding: %s\r\n\r\n" % coding.encode())
    return head + chunked(*(bytes((byte,)) for byte in packed))


def scenario() -> ScriptedServer:
    """It is cut in the middle of an event, refused in passing, and ends."""
    return ScriptedServer(
        HEAD + b"retry: 1\n" + frame("1-0", "connected") + frame("2-0") + frame("3-0")[:-1],
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        HEAD + frame("2-0", "connected") + frame("3-0") + b"event: end\ndata: {}\n\n",
    )


def ids(events: list[Received]) -> list[str | None]:
    return [event.id for event in events if event.type == "progress"]


def resumed(server: ScriptedServer) -> list[bool]:
    """Whether each request resumed after 2-0, the last event that came whole."""
    return ["last-event-id: 2-0" in request.lower() for request in server.requests]


def test_a_reader_that_is_cut_off_gets_every_event_once() -> None:
    told: list[str] = []
    with scenario() as server:
        events = list(
            follow(server.url, "projects/p1", on_reconnect=lambda why, _: told.append(why))
        )
    assert ids(events) == ["2-0", "3-0"]
    assert resumed(server) == [False, True, True]
    assert told == ["the server closed the stream", "the server answered 503"]


STREAM = frame("1-0", "connected") + frame("2-0") + frame("3-0") + b"event: end\ndata: {}\n\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_stream_is_read_whatever_the_pieces_it_comes_in(coding: str) -> None:
    """A proxy compresses what it is set up to compress; a stream was lost to it for ever."""
    with ScriptedServer(encoded(coding, STREAM)) as server:
        assert ids(list(follow(server.url, "projects/p1"))) == ["2-0", "3-0"]
    (asked,) = server.requests
    (offered,) = re.findall(r"accept-encoding: (.*)\r", asked.lower())
    assert coding in offered


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_async_reader_reads_a_compressed_stream(coding: str) -> None:
    with ScriptedServer(encoded(coding, STREAM)) as server:
        events = [event async for event in follow_async(server.url, "projects/p1")]
    assert ids(events) == ["2-0", "3-0"]


def test_a_compressed_stream_that_is_cut_is_resumed_after_its_last_whole_event() -> None:
    whole = encoded("gzip", frame("2-0") + frame("3-0"))
    with ScriptedServer(whole[:-12], encoded("gzip", STREAM)) as server:
        events = list(follow(server.url, "projects/p1", last_event_id="1-0"))
    assert [event.id for event in events][:2] == ["2-0", "3-0"]
    assert "last-event-id: 3-0" in server.requests[1].lower()


async def test_what_cannot_be_decoded_is_asked_for_again() -> None:
    broken = HEAD.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection") + b"no gzip"
    told: list[str] = []
    script = (broken, HEAD + STREAM)
    with ScriptedServer(*script) as server:
        events = follow(server.url, "a", on_reconnect=lambda why, _: told.append(why))
        assert ids(list(events)) == ["2-0", "3-0"]
    with ScriptedServer(*script) as server:
        assert ids([event async for event in follow_async(server.url, "a")]) == ["2-0", "3-0"]
    assert "could not be decoded" in told[0]


async def test_a_coding_that_was_not_asked_for_is_refused_by_its_name() -> None:
    """Its bytes would be no lines at all, and the reader silent for ever."""
    script = HEAD.replace(b"Connection", b"Content-Encoding: zpaq\r\nConnection") + b"?"
    with ScriptedServer(script) as server, pytest.raises(Refused, match="zpaq"):
        list(follow(server.url, "a"))
    with ScriptedServer(script) as server, pytest.raises(Refused, match="zpaq"):
        [event async for event in follow_async(server.url, "a")]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_followed_with_the_position(status: int) -> None:
    def moved(to: str) -> bytes:
        lines = (f"HTTP/1.1 {status} Moved", f"Location: {to}/api/v1/stream?topic=a")
        return "\r\n".join((*lines, "Content-Length: 0", "Connection: close", "", "")).encode()

    with (
        ScriptedServer(HEAD + STREAM, HEAD + STREAM) as there,
        ScriptedServer(moved(there.url), moved(there.url)) as here,
    ):
        assert ids(list(follow(here.url, "a", last_event_id="1-0"))) == ["2-0", "3-0"]
        events = [event async for event in follow_async(here.url, "a", last_event_id="1-0")]
        assert ids(events) == ["2-0", "3-0"]
    assert all("last-event-id: 1-0" in request.lower() for request in there.requests)


async def test_a_server_that_asks_to_come_back_is_asked_again_when_it_said() -> None:
    """A full or draining server answers 200, says so and ends."""
    away = HEAD + b'event: reconnect\ndata: {"type":"reconnect","retry_ms":60}\n\n'
    told: list[float] = []
    with ScriptedServer(away, away, HEAD + STREAM) as server:
        events = follow(server.url, "a", on_reconnect=lambda _, seconds: told.append(seconds))
        assert ids(list(events)) == ["2-0", "3-0"]
    assert all(0.025 <= seconds <= 0.06 for seconds in told)
    assert len(told) == 2
    with ScriptedServer(away, HEAD + STREAM) as server:
        assert ids([event async for event in follow_async(server.url, "a")]) == ["2-0", "3-0"]


async def test_a_connection_that_is_dead_is_left_when_no_sign_of_life_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three heartbeats long, of which the server was asked for one every 15 seconds."""
    monkeypatch.setattr("streamer.client.stream._TIMEOUT", httpx.Timeout(5.0, read=0.1))
    dead = HEAD + b"retry: 1\n" + frame("2-0") + SILENCE
    told: list[str] = []
    with ScriptedServer(dead, HEAD + STREAM) as server:
        events = follow(server.url, "a", on_reconnect=lambda why, _: told.append(why))
        assert ids(list(events)) == ["2-0", "2-0", "3-0"]
        assert "heartbeat=15" in server.requests[0]
        assert "last-event-id: 2-0" in server.requests[1].lower()
    assert told == ["nothing was received for 45 s"]
    with ScriptedServer(dead, HEAD + STREAM) as server:
        assert ids([event async for event in follow_async(server.url, "a")]) == [
            "2-0",
            "2-0",
            "3-0",
        ]


@pytest.mark.parametrize(
    ("url", "problem"),
    [("localhost:8000", "http://"), ("ftp://h", "http://"), ("http://u:hunter2@h:x", "malformed")],
)
async def test_a_url_of_no_server_is_refused_at_once(url: str, problem: str) -> None:
    """It would be tried again for ever."""
    with pytest.raises(ValueError, match=problem) as caught:
        list(follow(url, "a"))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match=problem):
        [event async for event in follow_async(url, "a")]
    with pytest.raises(ValueError, match=problem):
        publish(url, "a", "note", {})


def test_a_server_without_tls_is_not_asked_over_tls_again_and_again() -> None:
    with ScriptedServer(HEAD) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(Refused, match="not trusted"):
            list(follow(url, "a"))


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://u:hunter2@h")
    for call in (lambda: list(follow("http://h", "a")), lambda: publish("http://h", "a", "b", {})):
        with pytest.raises(Refused, match="environment") as caught:
            call()
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def answer(status: str, *headers: str, body: str = "") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join((*lines, "", body)).encode()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (answer("200 OK", "Content-Type: text/html", body="<html>"), "answered text/html"),
        (answer("200 OK", body="[]"), "not as a Streamer does"),
        (answer("502 Bad Gateway", body="<html>"), "the server answered 502"),
        (answer("302 Found", "Location: https://h/api/v1/events"), "moved to https://h;"),
        (answer("307 Moved", "Location: ftp://h/"), "no server answers"),
        (b"+PONG\r\n", "no server answers"),
    ],
)
def test_whatever_answers_publishing_says_what_was_wrong(script: bytes, said: str) -> None:
    with ScriptedServer(script) as server, pytest.raises(Refused, match=said):
        publish(server.url, "a", "note", {})


def test_publishing_follows_a_redirect_that_repeats_what_was_posted() -> None:
    with ScriptedServer(answer("201 Created", body='{"id":"1-0"}')) as there:
        moved = answer("308 Moved", f"Location: {there.url}/api/v1/events")
        with ScriptedServer(moved) as here:
            assert publish(here.url, "a", "note", {}, idempotency_key="é") == "1-0"
    assert there.requests[0].startswith("POST /api/v1/events ")


async def test_an_async_reader_that_is_cut_off_gets_every_event_once() -> None:
    with scenario() as server:
        events = [event async for event in follow_async(server.url, "projects/p1")]
    assert ids(events) == ["2-0", "3-0"]
    assert resumed(server) == [False, True, True]


def test_a_reader_that_comes_too_late_is_done_at_once() -> None:
    with ScriptedServer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") as server:
        assert list(follow(server.url, "jobs/j1", last_event_id="9-0")) == []


def test_a_refusal_is_raised_with_its_reason() -> None:
    body = b'{"detail":"no such thing"}'
    script = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    with (
        ScriptedServer(script % (len(body), body)) as server,
        pytest.raises(Refused, match="no such thing"),
    ):
        list(follow(server.url, "projects/p1"))


def first_two(events: Iterator[Received]) -> list[Received]:
    return [next(events), next(events)]


def test_a_reader_may_stop_in_the_middle() -> None:
    with scenario() as server, closing(follow(server.url, "projects/p1")) as events:
        assert [event.type for event in first_two(events)] == ["connected", "progress"]
