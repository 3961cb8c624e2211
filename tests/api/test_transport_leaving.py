"""Clients that leave before they are readers, over real servers: nobody else may notice."""

from __future__ import annotations

import base64
import secrets
import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import httpx
import pytest

from streamer.wire.sse import HEARTBEAT
from support.live import StartLive
from support.readers import SocketReader, SseReader, publish, sse, websocket
from support.servers import Server
from support.waiting import wait_until

PATHS = pytest.mark.parametrize("path", ["fast", "portable"])
#: How a client leaves: it says so, or its connection breaks.
WAYS = pytest.mark.parametrize("way", ["closes", "resets"])

#: Enough that one of them is likely at any point of an attach.
LEAVERS: Final = 20

_HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n"
)


@PATHS
@WAYS
async def test_who_leaves_while_a_topic_is_opened_costs_nobody_an_event(
    start_live: StartLive, own_server: Server, project: str, path: str, way: str
) -> None:
    """Double mounts, quick reloads and impatient visitors do it; a slow log makes it likely."""
    live = start_live(path, redis_url=own_server.url)
    target = f"/api/v1/projects/{project}/stream"
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=live.url))
        bystander = await stack.enter_async_context(
            sse(live.url, "/api/v1/projects/bystander/stream?heartbeat=1")
        )
        own_server.freeze()
        leavers = [
            _ask(live.port, target, "" if number % 2 else _HANDSHAKE) for number in range(LEAVERS)
        ]
        await client.get("/healthz")  # what came before it has been read
        for leaver in leavers:
            _leave(leaver, way)
        await client.get("/healthz")
        own_server.thaw()
        await wait_until(partial(_is_ready, client), "the log was not found back")

        readers: list[SseReader | SocketReader] = [
            await stack.enter_async_context(sse(live.url, target)) for _ in range(3)
        ]
        readers.append(await stack.enter_async_context(websocket(live.ws_url, target)))
        for reader in readers:
            await reader.has("connected", "caught_up")
        ids = [await publish(client, project, "note", n=n) for n in range(10)]
        for reader in readers:
            await reader.has_ids(ids)

        before = bystander.raw.count(HEARTBEAT)
        await wait_until(
            lambda: bystander.raw.count(HEARTBEAT) > before + 1, "no heartbeat for a bystander"
        )
        answer = await client.get(f"/api/v1/ws/projects/{project}/connections")
        assert answer.json()["active_connections"] == 4


@PATHS
async def test_a_crowd_of_leavers_is_never_counted_against_those_who_stay(
    start_live: StartLive, own_server: Server, project: str, path: str
) -> None:
    """Ghosts would lock an address out for good."""
    live = start_live(
        path, redis_url=own_server.url, STREAMER_MAX_CONNECTIONS_PER_CLIENT=str(LEAVERS)
    )
    async with httpx.AsyncClient(base_url=live.url) as client:
        for _ in range(3):
            own_server.freeze()
            leavers = [
                _ask(live.port, f"/api/v1/projects/{project}-{number}/stream", "")
                for number in range(LEAVERS)
            ]
            await client.get("/healthz")
            for leaver in leavers:
                _leave(leaver, "closes")
            own_server.thaw()
        async with AsyncExitStack() as stack:
            target = f"/api/v1/projects/{project}/stream"

            async def is_begun() -> bool:
                """Whoever is told to come again does: the log may not have been found back yet."""
                reader = await stack.enter_async_context(sse(live.url, target))
                assert reader.status == 200
                await wait_until(lambda: reader.types, "the stream said nothing")
                if reader.types[0] == "reconnect":
                    return False
                await reader.has("connected", "caught_up")
                return True

            await wait_until(is_begun, "the log was not found back")

            async def only_one_is_left() -> bool:
                answer = await client.get("/api/v1/ws/connections")
                return bool(answer.json()["total_connections"] == 1)

            await wait_until(only_one_is_left, "somebody who left is still counted")


async def _is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).is_success


def _ask(port: int, target: str, headers: str) -> socket.socket:
    """Ask for a stream, and wait for nothing."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    return client


def _leave(client: socket.socket, way: str) -> None:
    if way == "resets":
        # Linger for no time: the peer is sent a reset (socket(7)).
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00" + bytes(4))
    client.close()
