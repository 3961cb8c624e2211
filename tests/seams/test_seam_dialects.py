"""A dialect that comes from outside has a form and an address of its own, and that is all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Stream

from streamer.api.asker import Asker, Connection, asker_of
from streamer.api.streams.portable import PortableWriter
from streamer.errors import Unauthorized
from streamer.events.control import Control
from streamer.events.event import Event
from streamer.events.topic import project_topic
from streamer.hub.attach import Attach
from support.asgi_peer import AsgiPeer
from support.stage import Peer, Stage


class Telegrams:
    """A form of a line for each event: what a client of long ago understands."""

    name = "telegrams"
    heartbeat = b"STILL HERE STOP\n"

    def event(self, event: Event) -> bytes:
        return f"{event.type.upper()} {event.id} STOP\n".encode()

    def control(self, control: Control) -> bytes:
        return f"({control.type.upper()})\n".encode()

    def wrap(self, frames: bytes) -> bytes:
        return frames


TELEGRAMS = Telegrams()


@get("/telegrams/{project_id:str}")
async def telegrams(request: Request[Any, Any, Any], project_id: FromPath[str]) -> Stream:
    asker = asker_of(request)
    attach = Attach(
        (project_topic(project_id),),
        client=asker.client,
        subject=asker.subject,
        transport="telegrams",
    )
    writer = PortableWriter(TELEGRAMS, high_water=4096)
    await request.app.state.hub.attach(attach, writer)
    return Stream(writer.buffers(), media_type="text/plain")


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage(routes=[telegrams])
    yield stage
    stage.end()


def test_a_dialect_from_outside_is_served_beside_ours(stage: Stage) -> None:
    old = [AsgiPeer(stage, "/telegrams/p1", kind="http") for _ in range(2)]
    new = Peer(stage, "/api/v1/projects/p1/stream")
    stage.settle()
    number = stage.publish("projects/p1")
    stage.settle()
    feed = stage.hub._feeds.peek(("projects/p1",))
    head = feed.tail.head
    for peer in old:
        assert peer.received.decode() == f"(CONNECTED)\n(CAUGHT_UP)\nNOTE {head} STOP\n"
    assert new.numbers == [number]
    for peer in old:
        peer.leave()
    stage.settle()


def test_a_dialect_passes_the_door_that_it_does_not_know() -> None:
    async def nobody(connection: Connection) -> Asker:
        raise Unauthorized("say who you are")

    stage = Stage(routes=[telegrams], door=nobody)
    peer = Peer(stage, "/telegrams/p1")
    stage.settle()
    assert peer.take().startswith(b"HTTP/1.1 401 ")
    stage.end()
