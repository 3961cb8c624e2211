"""Streams over WebSocket, compressed once for all who read them (permessage-deflate)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Literal

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from support.front_end import js_module
from support.live import Live, StartLive
from support.requirements import needs
from support.waiting import DEADLINE

EVENTS = 40


def event(number: int) -> dict[str, object]:
    message = f"Transcoding frame {number} of 1200, and saying so at some length"
    return {"type": "progress", "progress": number / 100, "message": message}


def publish(live: Live, project: str, number: int) -> None:
    answer = httpx.post(f"{live.url}/api/v1/projects/{project}/events", json=event(number))
    assert answer.is_success, answer.text


async def read_until(client: ClientConnection, number: int) -> list[dict[str, Any]]:
    """All that comes up to the event of that number."""
    read = list[dict[str, Any]]()
    async with asyncio.timeout(DEADLINE):
        while not (read and read[-1].get("progress") == number / 100):
            read.append(msgspec.json.decode(await client.recv()))
    return read


def address(live: Live, project: str, start: str = "latest") -> str:
    return f"{live.ws_url}/api/v1/projects/{project}/stream?from={start}"


class Counting:
    """A client, and how many bytes it was sent."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.bytes = 0
        received = client.data_received

        def counting(data: bytes) -> None:
            self.bytes += len(data)
            received(data)

        client.data_received = counting  # type: ignore[method-assign]


async def test_all_are_told_the_same_whenever_they_come(live_server: Live, project: str) -> None:
    """Compressed or not, from the beginning or the end, and with words of their own between."""
    offers: list[Literal["deflate"] | None] = ["deflate", None, "deflate"]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect(address(live_server, project), compression=own))
            for own in offers
        ]
        for client in clients:
            while msgspec.json.decode(await client.recv())["type"] != "caught_up":
                pass
        counted = [Counting(client) for client in clients]
        for number in range(EVENTS):
            publish(live_server, project, number)
            if number % 10 == 5:
                await clients[0].send("ping")
            if number == EVENTS // 2:
                url = address(live_server, project, "earliest")
                clients.append(await stack.enter_async_context(connect(url)))
        read = [await read_until(client, EVENTS - 1) for client in clients]
        events = [[frame for frame in frames if "id" in frame] for frames in read]
        assert events[0] == events[1] == events[2] == events[3]
        assert len(events[0]) == EVENTS
        assert sum(frame["type"] == "pong" for frame in read[0]) == 4
        shared, plain, _ = (one.bytes for one in counted)
        assert shared < 0.3 * plain


async def test_who_keeps_no_window_or_has_none_so_large_is_sent_all_as_it_is(
    live_server: Live, project: str
) -> None:
    asked = [{"server_no_context_takeover": True}, {"server_max_window_bits": 12}]
    for options in asked:
        offer = [ClientPerMessageDeflateFactory(**options)]  # type: ignore[arg-type]
        async with connect(
            address(live_server, project), compression=None, extensions=offer
        ) as client:
            assert not client.protocol.extensions
            await client.recv()  # it is counted as there: what comes now, it is sent
            publish(live_server, project, 1)
            assert (await read_until(client, 1))[-1]["message"]


#: Two clients of Node, each by its own code; tell how they are connected, and what they read.
_NODE = """
import { WebSocket as Undici } from "undici";
import Ws from "ws";
const [url, last] = [process.argv[1], Number(process.argv[2])];
for (const WebSocket of [Ws, Undici]) {
  const socket = new WebSocket(url);
  const read = [];
  socket.onmessage = ({ data }) => {
    const body = JSON.parse(data);
    if (body.type === "caught_up") console.log(socket.extensions);
    if (body.type !== "progress") return;
    socket.send("ping");
    if (read.push(data) <= last) return;
    console.log(JSON.stringify(read));
    socket.close();
  };
}
"""


async def test_nodes_clients_read_them(live_server: Live, project: str) -> None:
    node = await asyncio.create_subprocess_exec(
        *(needs("node"), "--input-type=module", "--eval", _NODE, "--"),
        *(address(live_server, project), str(EVENTS - 1)),
        cwd=js_module("ws").parent.parent,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert node.stdout is not None
    async with asyncio.timeout(DEADLINE):
        for _ in range(2):
            assert (await node.stdout.readline()).startswith(b"permessage-deflate")
        for number in range(EVENTS):
            publish(live_server, project, number)
        read = [msgspec.json.decode(line) async for line in node.stdout]
        assert await node.wait() == 0
    messages = [[msgspec.json.decode(body)["message"] for body in bodies] for bodies in read]
    assert messages == [[event(number)["message"] for number in range(EVENTS)]] * 2


@pytest.mark.parametrize(
    ("settings", "is_agreed"),
    [
        ({}, True),
        ({"STREAMER_COMPRESSION": "off"}, False),
        ({"STREAMER_AUTH_SECRET": "s" * 32}, False),
        ({"STREAMER_AUTH_SECRET": "s" * 32, "STREAMER_COMPRESSION": "on"}, True),
    ],
)
async def test_it_is_agreed_to_where_streams_are_compressed(
    start_live: StartLive, project: str, settings: dict[str, str], is_agreed: bool
) -> None:
    live = start_live(**settings)
    async with connect(address(live, project)) as client:
        assert bool(client.protocol.extensions) == is_agreed
