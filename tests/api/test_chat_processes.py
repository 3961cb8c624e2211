"""Who is there over two real server processes and one Redis, one of which is killed."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx
import msgspec
import websockets

from streamer.eventlog.presence import LEASE_SECONDS
from support.live import Live, StartLive
from support.waiting import wait_until

CHAT: Final = "chats/42"


class Reader:
    """Somebody who reads the conversation over a WebSocket, until they leave."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket: Final = socket
        self.bodies: Final[list[dict[str, Any]]] = []
        self._reading: Final = asyncio.create_task(self._read())

    @property
    def present(self) -> set[str]:
        """Who is there, as they have been told."""
        found: set[str] = set()
        for body in self.bodies:
            match body["type"]:
                case "connected":
                    found = set(body["snapshot"]["present"])
                case "user_join":
                    found.add(body["user"])
                case "user_leave":
                    found.discard(body["user"])
        return found

    def told(self, user: str) -> list[str]:
        return [body["type"] for body in self.bodies if body.get("user") == user]

    async def leave(self) -> None:
        await self._socket.close()
        await self._reading

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self.bodies.append(msgspec.json.decode(text))
        except websockets.ConnectionClosed:
            pass


async def come(stack: AsyncExitStack, live: Live, user: str) -> Reader:
    url = f"{live.ws_url}/api/v1/chats/42/stream?user_id={user}"
    reader = Reader(await websockets.connect(url))
    stack.push_async_callback(reader.leave)
    await wait_until(lambda: reader.bodies, "no greeting came")
    return reader


async def listed(live: Live) -> set[str]:
    async with httpx.AsyncClient() as client:
        answer = (await client.get(f"{live.url}/api/v1/chats/42/presence")).json()
    return {who["user"] for who in answer["present"]}


async def test_those_of_a_process_that_is_killed_leave_within_their_lease(
    start_live: StartLive,
) -> None:
    """Who has a tab at the other one stays; each is told once; its typing ends."""
    one = start_live()
    two = start_live("portable", STREAMER_PREFIX=one.environ["STREAMER_PREFIX"])
    async with AsyncExitStack() as stack:
        watching = await come(stack, one, "watching")
        for user in ("ada", "bob", "bob"):
            await come(stack, two, user)
        ada = await come(stack, one, "ada")
        await wait_until(lambda: watching.present == {"watching", "ada", "bob"}, "not all came")
        async with httpx.AsyncClient() as client:
            typing = f"{two.url}/api/v1/chats/42/typing?user_id=bob"
            await client.post(typing, json={})
        two.kill()
        began = time.monotonic()
        await wait_until(
            lambda: watching.told("bob")[-1] == "user_leave",
            "the one whose process was killed did not leave",
            deadline=2 * LEASE_SECONDS,
        )
        assert time.monotonic() - began < LEASE_SECONDS + 3
        assert watching.present == {"watching", "ada"} == await listed(one)
        assert watching.told("bob").count("user_join") == 1
        typed = [b["is_typing"] for b in watching.bodies if b["type"] == "typing"]
        assert typed == [True, False]
        await ada.leave()
        await wait_until(lambda: watching.present == {"watching"}, "the last tab did not leave")
        assert watching.told("ada") == ["user_join", "user_leave"]


async def test_a_drain_says_of_nobody_that_they_left_who_come_back(start_live: StartLive) -> None:
    """To the other process, within the lease of the connection that they had."""
    one = start_live()
    two = start_live(STREAMER_PREFIX=one.environ["STREAMER_PREFIX"])
    async with AsyncExitStack() as stack:
        watching = await come(stack, one, "watching")
        await come(stack, two, "ada")
        leaver = await come(stack, two, "bob")
        await wait_until(lambda: len(watching.present) == 3, "not all came")
        assert two.program is not None
        two.program.signal(signal.SIGTERM)
        await wait_until(
            lambda: leaver.bodies[-1]["type"] == "reconnect", "nobody was asked to come back"
        )
        await come(stack, one, "ada")
        await wait_until(
            lambda: watching.told("bob")[-1] == "user_leave",
            "who did not come back did not leave",
            deadline=2 * LEASE_SECONDS,
        )
        assert watching.told("ada") == ["user_join"]
        assert watching.present == {"watching", "ada"}
