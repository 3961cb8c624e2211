"""A request's trace goes with what it publishes; its id is in its answer, and in the log."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from streamer.errors import LogUnavailable
from support.spans import Spans, parent_of, place_of
from support.stage import HANDSHAKE, Peer, Stage

PROJECT: Final = "/api/v1/projects/p1"
IDS: Final = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
PARENT: Final = f"00-{IDS}-01"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.end()


def ask(
    stage: Stage,
    target: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
) -> bytes:
    sent = {**(headers or {}), **({"Content-Length": str(len(body))} if body else {})}
    peer = Peer(stage, target, sent, method=method, body=body)
    stage.settle()
    return peer.take()


def publish(stage: Stage, headers: Mapping[str, str], **fields: object) -> bytes:
    body = json.dumps({"type": "note", **fields}).encode()
    return ask(stage, f"{PROJECT}/events", headers, method="POST", body=body)


def events_in(received: bytes) -> list[dict[str, Any]]:
    """The bodies of notes in what a reader received, whatever its transport."""
    found = re.findall(rb'\{(?:"id":"[^"]*",)?"type":"note"[^\n]*?\}(?=[\n\],\x81\r])', received)
    return [json.loads(body) for body in found]


def test_every_reader_is_handed_the_trace_of_the_request_that_published(stage: Stage) -> None:
    readers = [Peer(stage, f"{PROJECT}/stream"), Peer(stage, f"{PROJECT}/stream", HANDSHAKE)]
    stage.settle()
    publish(stage, {"traceparent": PARENT, "tracestate": "v=1"})
    publish(stage, {"traceparent": PARENT}, text="x")
    publish(stage, {})
    late = ask(stage, f"{PROJECT}/stream?from=earliest")
    polled = ask(stage, f"{PROJECT}/events")
    for received in (*(reader.take() + b"\n" for reader in readers), late, polled):
        first, second, third = events_in(received)
        assert (first["traceparent"], first["tracestate"]) == (PARENT, "v=1")
        assert second["traceparent"] == PARENT
        assert not {"traceparent", "tracestate"} & {*third}


def test_an_ephemeral_event_carries_it_too(stage: Stage) -> None:
    reader = Peer(stage, f"{PROJECT}/stream")
    stage.settle()
    target = f"{PROJECT}/events?ephemeral=true"
    ask(stage, target, {"traceparent": PARENT}, method="POST", body=b'{"type":"note"}')
    (event,) = events_in(reader.take())
    assert event["traceparent"] == PARENT


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-x"},
        {"traceparent": f"{PARENT}, {PARENT}"},
        {"tracestate": "v=1"},
        {"traceparent": PARENT.upper()},
    ],
    ids=str,
)
def test_a_malformed_trace_is_ignored(stage: Stage, headers: dict[str, str]) -> None:
    assert publish(stage, headers).startswith(b"HTTP/1.1 201 ")
    (event,) = events_in(ask(stage, f"{PROJECT}/events"))
    assert "traceparent" not in event


def test_one_request_says_nothing_of_the_next(stage: Stage) -> None:
    """Not even on the same connection."""
    text = '{"type":"note"}'
    length = f"Content-Length: {len(text)}"
    second = f"POST {PROJECT}/events HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n{text}"
    peer = Peer(
        stage,
        f"{PROJECT}/events",
        {"traceparent": PARENT, "Content-Length": str(len(text))},
        method="POST",
        body=(text + second).encode(),
    )
    stage.settle()
    stage.settle()
    assert peer.take().count(b"HTTP/1.1 201 ") == 2
    traced, plain = events_in(ask(stage, f"{PROJECT}/events"))
    assert (traced["traceparent"], "traceparent" in plain) == (PARENT, False)


# Ids of requests


def request_id_in(answer: bytes) -> str:
    (found,) = re.findall(rb"(?m)^x-request-id: (.*?)\r$", answer)
    return str(found.decode())


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", f"{PROJECT}/stream", {}),
        ("GET", f"{PROJECT}/stream", HANDSHAKE),
        ("GET", f"{PROJECT}/status", {}),
        ("GET", "/healthz", {}),
        ("GET", "/nothing/here", {}),
        ("GET", f"{PROJECT}/stream?x=1", {}),
        ("HEAD", f"{PROJECT}/stream", {}),
        ("OPTIONS", f"{PROJECT}/events", {"Access-Control-Request-Method": "POST"}),
        ("POST", f"{PROJECT}/events", {"Origin": "http://elsewhere.example"}),
    ],
)
def test_every_answer_has_the_id_of_its_request(
    stage: Stage, method: str, target: str, headers: dict[str, str]
) -> None:
    given = request_id_in(
        ask(stage, target, {**headers, "X-Request-ID": "of-a-proxy/1"}, method=method)
    )
    assert given == "of-a-proxy/1"
    made = [request_id_in(ask(stage, target, headers, method=method)) for _ in range(2)]
    assert made[0] != made[1]
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in made)


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", 'a"b', "a\\b", "a, b", "<b>"])
def test_what_is_no_id_is_replaced_by_one(stage: Stage, given: str) -> None:
    answer = ask(stage, "/healthz", {"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{16}", request_id_in(answer))


def test_two_ids_are_none(stage: Stage) -> None:
    answer = ask(stage, "/healthz", {"X-Request-ID": "a", "x-request-id": "b"})
    assert request_id_in(answer) not in {"a", "b"}


def test_a_problem_names_the_request(stage: Stage) -> None:
    for target, headers in (
        (f"{PROJECT}/events?limit=x", {}),
        ("/nothing", {}),
        ("/", {"Host": "x y"}),
    ):
        answer = ask(stage, target, {"X-Request-ID": "r-1", **headers})
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["request_id"] == "r-1", target


def test_a_refused_handshake_names_it_too(stage: Stage) -> None:
    answer = ask(stage, f"{PROJECT}/stream", {**HANDSHAKE, "Host": "x y", "X-Request-ID": "r-1"})
    assert request_id_in(answer) == "r-1"
    assert b'"request_id":"r-1"' in answer


# Spans


def test_a_publish_is_a_span_between_its_request_and_its_event(stage: Stage, spans: Spans) -> None:
    publish(stage, {"traceparent": PARENT, "tracestate": "v=1"})
    (event,) = events_in(ask(stage, f"{PROJECT}/events"))
    published, appended = spans.named("publish projects/*"), spans.named("append")
    assert parent_of(published) == IDS
    assert event["traceparent"] == f"00-{place_of(published)}-01"
    assert event["tracestate"] == "v=1"
    assert parent_of(appended) == place_of(published)
    assert dict(published.attributes or {}) == {
        "messaging.system": "streamer",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "projects/p1",
        "messaging.destination.template": "projects/*",
        "streamer.event.type": "note",
        "messaging.message.id": event["id"],
    }


def test_what_is_appended_at_once_is_one_span_below_the_first_of_all(
    stage: Stage, spans: Spans
) -> None:
    """The others are linked: a span has one parent."""
    publisher = stage.app.state.publisher
    both = [publisher.publish("a/b", "note", {"number": number}) for number in (1, 2)]

    async def publish_both() -> None:
        await asyncio.gather(*both)

    task = stage.loop.create_task(publish_both())
    stage.settle()
    assert task.done()
    first, second = [span for span in spans.ended if span.name == "publish a/*"]
    appended = spans.named("append")
    assert parent_of(appended) == place_of(first)
    assert [link.context.span_id for link in appended.links] == [second.context.span_id]
    assert (appended.attributes or {})["messaging.batch.message_count"] == 2


def test_an_event_that_brings_its_own_trace_gets_no_span(stage: Stage, spans: Spans) -> None:
    """It began elsewhere, where it has one; a relay adds nothing to that."""
    publish(stage, {}, traceparent=PARENT)
    (event,) = events_in(ask(stage, f"{PROJECT}/events"))
    assert event["traceparent"] == PARENT
    assert [span.name for span in spans.ended] == ["append"]
    assert parent_of(spans.named("append")) == IDS


def test_a_request_that_is_not_sampled_is_recorded_nowhere(stage: Stage, spans: Spans) -> None:
    publish(stage, {"traceparent": f"00-{IDS}-00"})
    (event,) = events_in(ask(stage, f"{PROJECT}/events"))
    assert not spans.ended
    assert re.fullmatch(rf"00-{IDS[:32]}-[0-9a-f]{{16}}-00", event["traceparent"])


def test_a_publish_that_fails_says_so_in_its_span(
    stage: Stage, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise LogUnavailable("the log is away")

    monkeypatch.setattr(stage.log, "append_all", away)
    answer = publish(stage, {})
    assert answer.startswith(b"HTTP/1.1 503 ")
    for name in ("publish projects/*", "append"):
        assert not spans.named(name).status.is_ok
    assert not publish(stage, {}, progress=2, type="progress").startswith(b"HTTP/1.1 201 ")
