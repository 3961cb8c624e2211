"""Nothing that anybody writes ends a line, a header or a frame for those who read it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest

from support.asking import status_of
from support.event_source import EventSourceParser
from support.raw_http import answers_in
from support.stage import Peer
from support.victims import VictimStage

API: Final = "/api/v1"
MINE: Final = f"{API}/projects/mine"

#: Headers whose values come back: in answers, in events, in lines of the log.
IDS: Final = ("X-Request-ID", "traceparent", "tracestate")

#: Ends of a line, of a text or of a frame, each before something that would be an event.
ENDS: Final = {
    "lf": "\n",
    "crlf": "\r\n",
    "cr": "\r",
    "empty line": "\n\n",
    "nul": "\x00",
    "line separator": "\u2028",
    "next line": "\u0085",
    "form feed": "\x0c",
    "vertical tab": "\x0b",
    "escape": "\x1b[2J",
    "record": "\x1e",
    "bom": "\ufeff",
    "end of chunk": "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
}
TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FORGED: Final = 'event: completed{e}data: {{"forged":1}}{e}id: 9-9{e}{e}x-forged: 1{e}{e}'


def forged(end: str) -> str:
    return "x" + ENDS[end] + FORGED.format(e=ENDS[end])


# What is published


def bodies(text: str) -> Iterator[dict[str, Any]]:
    """Events with `text` in every place that a publisher fills in."""
    yield {"type": "note", "text": text}
    yield {"type": "note", text: 1}
    yield {"type": "note", "deep": {text: [{text: text}]}}
    yield {"type": text}
    yield {"type": "note" + text}
    yield {"type": "note", "id": text}
    yield {"type": "note", "timestamp": text}
    yield {"type": "note", "traceparent": text}
    yield {"type": "note", "traceparent": TRACE, "tracestate": text}
    yield {"type": "note", "traceparent": TRACE + text}
    whole = {"task_name": "t", "job_id": "j"}
    for name in ("task_name", "job_id", "parent_id", "project_id", "message"):
        yield {"type": "progress", "progress": 0.1, **whole, name: text}
    yield {"type": "progress", "progress": 0.1, **whole, "metadata": {text: text}}
    yield {"type": "status", **whole, "status": text}
    yield {"type": "error", **whole, "error": text, "details": {text: text}}
    yield {"type": "completed", **whole, "result": {text: text}, "result_omitted": text}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("ephemeral", [False, True], ids=["kept", "ephemeral"])
def test_what_is_published_is_one_event_whatever_is_in_it(
    house: VictimStage, end: str, ephemeral: bool
) -> None:
    """On every transport what was accepted is read as it was written, and nothing else is."""
    readers = {
        "sse": house.peer(f"{MINE}/stream", "root"),
        "sse without names": house.peer(f"{MINE}/stream?events=message", "root"),
        "websocket": house.peer(f"{MINE}/stream", "root", method="WEBSOCKET"),
        "several": house.peer(f"{API}/stream?topic=projects/mine&topic=chats/1", "root"),
    }
    house.settle()
    accepted = []
    for body in bodies(forged(end)):
        target = f"{MINE}/events" + ("?ephemeral=1" if ephemeral else "")
        answer = house.ask(target, "mallory", method="POST", body=json.dumps(body).encode())
        assert status_of(answer) in {201, 400}
        assert_one_line_each(answer)
        if status_of(answer) == 201:
            accepted.append(body)
    assert len(accepted) >= 4
    late = (
        {}
        if ephemeral
        else {
            "late": house.peer(f"{MINE}/stream?from=earliest", "root"),
            "late websocket": house.peer(
                f"{MINE}/stream?from=earliest", "root", method="WEBSOCKET"
            ),
        }
    )
    house.settle()
    for way, peer in {**readers, **late}.items():
        read = read_by(peer)
        assert {body.get("traceparent", TRACE) for body in read} == {TRACE}
        assert not any("tracestate" in body for body in read)
        events = [
            body
            for body in read
            if "project_id" in body and body["type"] != "connected" and body.get("text") != "mine"
        ]
        assert [without_ours(body) for body in events] == [without_ours(it) for it in accepted], way
    if not ephemeral:
        polled = house.ask(f"{MINE}/events", "root").partition("\r\n\r\n")[2]
        assert not set(polled) & {"\n", "\r", "\x00"}
        events = json.loads(polled.encode("latin-1"))["events"][2:]
        assert [without_ours(body) for body in events] == [without_ours(it) for it in accepted]
        snapshot = house.ask(f"{MINE}/status", "root").partition("\r\n\r\n")[2]
        assert not set(snapshot) & {"\n", "\r", "\x00"}


def without_ours(body: dict[str, Any]) -> dict[str, Any]:
    """What the publisher wrote of it, but for a trace: what is none is left out."""
    ours = {"id", "topic", "topics", "timestamp", "traceparent", "tracestate"}
    return {"project_id": "mine"} | {name: it for name, it in body.items() if name not in ours}


def read_by(peer: Peer) -> list[dict[str, Any]]:
    """The bodies that came, by the letter of what a client does."""
    received = peer.take()
    if b"101 Switching" in received:
        return [json.loads(text) for text in frames_in(received.partition(b"\r\n\r\n")[2])]
    stream = answers_in(received)[0].body
    assert len(answers_in(received)) == 1
    assert not set(stream) & {0x00, 0x0B, 0x0C, 0x0D, 0x1B, 0x1E}
    known = (b"event: ", b"data: ", b"id: ", b"retry: ", b":")
    assert all(not line or line.startswith(known) for line in stream.split(b"\n"))
    parser = EventSourceParser()
    parser.feed(stream)
    # No event moves a cursor but to itself, or as a control event says.
    assert "9-9" not in {event.last_event_id for event in parser.events}
    return [event.body for event in parser.events]


def frames_in(wire: bytes) -> Iterator[bytes]:
    """The texts of whole, unmasked frames (RFC 6455 section 5.2)."""
    while wire:
        assert wire[0] in {0x81, 0x89}, wire[:20]
        size, start = wire[1], 2
        if size == 126:
            size, start = int.from_bytes(wire[2:4]), 4
        if wire[0] == 0x81:
            yield wire[start : start + size]
        wire = wire[start + size :]


# What is asked for


def requests(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Targets, methods and headers with `text`, encoded, in every place of a URL."""
    part = quote(text, safe="")
    for name in ("last_event_id", "lastEventId", "from", "until", "heartbeat", "events", "token"):
        yield f"{MINE}/stream?{name}={part}", "GET", {}
        yield f"{MINE}/stream?{name}={part}", "WEBSOCKET", {}
    for name in ("after", "limit", "wait", part, f"token{part}"):
        yield f"{MINE}/events?{name}={part}", "GET", {}
    yield f"{MINE}/events?ephemeral={part}", "POST", {}
    yield f"{API}/jobs?limit={part}", "GET", {}
    for path in ("stream", "events", "status"):
        yield f"{API}/{path}?topic={part}", "GET", {}
        yield f"{API}/projects/{part}/{path}", "GET", {}
        yield f"{API}/jobs/{part}/{path}", "GET", {}
    yield f"{API}/stream?topic={part}", "WEBSOCKET", {}
    yield f"{API}/ws/projects/{part}/stream", "WEBSOCKET", {}
    yield f"{API}/ws/projects/{part}/connections", "GET", {}
    yield f"{API}/projects/{part}/events", "POST", {}
    yield f"{API}/projects/{part}/jobs", "POST", {}
    yield f"{API}/jobs/{part}", "GET", {}
    yield f"{API}/jobs/{part}/cancel", "POST", {}
    for path in ("files", "web", "schema", "nowhere"):
        yield f"/{path}/{part}", "GET", {}
    for name in ("Last-Event-ID", "Idempotency-Key", "Origin", "Cookie", "Sec-Fetch-Site", *IDS):
        yield f"{MINE}/stream", "GET", {name: part}
        yield f"{MINE}/events", "POST", {name: part}
        yield f"{MINE}/stream", "WEBSOCKET", {name: part}
    yield f"{MINE}/stream", "WEBSOCKET", {"Sec-WebSocket-Protocol": f"bearer, {part}"}


def assert_one_line_each(answer: str) -> None:
    """It is one answer, whose head and body are as long as we made them."""
    head, _, body = answer.partition("\r\n\r\n")
    assert "x-forged" not in head.lower()
    assert "\x00" not in head
    for line in head.split("\r\n"):
        assert "\n" not in line
        assert "\r" not in line
    if "101 Switching" in head:
        return
    assert len(answers_in(answer.encode("latin-1"))) == 1
    if "application/problem+json" in head:
        assert not set(body) & set("\n\r\x00\x1b\x1e\x0b\x0c")
        json.loads(body.encode("latin-1"))


@pytest.mark.parametrize("end", ENDS)
def test_what_is_asked_for_ends_no_line_of_an_answer_or_of_the_log(
    house: VictimStage, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for target, method, headers in requests(forged(end)):
            answer = house.ask(
                target, "mallory", method=method, body=b'{"type":"note"}', headers=headers
            )
            assert_one_line_each(answer)
            assert method == "WEBSOCKET" or status_of(answer) < 500, target
            if method == "WEBSOCKET" and "101 Switching" in answer:
                frames = answer.partition("\r\n\r\n")[2].encode("latin-1")
                for text in frames_in(frames.partition(b"\x88")[0]):
                    assert not set(text) & set(b"\n\r\x00\x1b")
    assert caplog.records
    for record in caplog.records:
        said = record.getMessage()
        assert not [letter for letter in said if ord(letter) < 32 or ord(letter) in {127, 0x85}]
        assert "\u2028" not in said


@pytest.mark.parametrize("end", ENDS)
def test_what_a_frame_says_ends_no_line_of_the_answer_or_of_the_log(
    house: VictimStage, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = forged(end)
    frames: list[object] = [
        *({"type": "subscribe", "topic": it} for it in (text, "projects/mine" + text)),
        {"type": "subscribe", "topic": "chats/1", "last_event_id": text},
        {"type": "unsubscribe", "topic": text},
        {"type": text},
        {text: text},
        {"type": "token", "token": text},
        text,
    ]
    peer = house.peer(f"{MINE}/stream", "mallory", method="WEBSOCKET")
    with caplog.at_level(logging.DEBUG):
        peer.send_frames(*map(json.dumps, frames), text)
        house.answer(peer)
        house.settle()
    bodies = read_by(peer)
    refused = [body for body in bodies if body["type"] == "refused"]
    assert len(refused) == len(frames) + 1
    assert {body["type"] for body in bodies} == {"connected", "caught_up", "refused"}
    for text_of_frame in frames_in(peer.take().partition(b"\r\n\r\n")[2]):
        assert not set(text_of_frame) & set(b"\n\r\x00\x1b")
    for record in caplog.records:
        if not record.name.startswith(("websockets", "uvicorn")):  # their debug lines quote
            assert not [letter for letter in record.getMessage() if ord(letter) < 32]


@pytest.mark.parametrize(
    "value",
    ["a\x00b", "a\rb", "a\r\n b", "a\nb", "a\x01b", "a\x7fb", "\x00", "1-1\x00", "a\u0085b"],
    ids=repr,
)
@pytest.mark.parametrize(
    "name",
    [
        *("Last-Event-ID", "Idempotency-Key", "Authorization", "Cookie", "Origin", "Host"),
        *("X-Forwarded-For", "Sec-WebSocket-Protocol", "User-Agent", "Content-Type"),
        *IDS,
    ],
)
def test_no_byte_of_a_header_gets_into_an_answer(house: VictimStage, name: str, value: str) -> None:
    """It is refused, or it is a value like any other."""
    before = house.kept("projects/mine")
    for method, path in (("GET", "stream"), ("POST", "events"), ("WEBSOCKET", "stream")):
        token = None if name == "Authorization" else "mallory"
        sent = {name: f"Bearer {value}" if token is None else value}
        body = b'{"type":"note"}'
        answer = house.ask(f"{MINE}/{path}", token, method=method, body=body, headers=sent)
        assert_one_line_each(answer)
        assert status_of(answer) < 500
        assert value.encode().decode("latin-1") not in answer
    assert len(house.kept("projects/mine")) <= len(before) + 1
