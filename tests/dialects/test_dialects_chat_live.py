"""A chat over a real server, on our own path and on any other."""

from __future__ import annotations

import json
from typing import Any

import httpx
import websockets

from support.live import Live


async def receive(socket: websockets.ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    """The next bodies of `kinds`, one of each, in any order; a pong is one."""
    found: dict[str, dict[str, Any]] = {}
    while set(found) != set(kinds):
        text = await socket.recv()
        body = {"type": "pong"} if text == "pong" else json.loads(text)
        if body["type"] in kinds:
            found.setdefault(body["type"], body)
    return [found[kind] for kind in kinds]


async def test_two_people_talk(live: Live, project: str) -> None:
    url = f"{live.ws_url}/ws/chat/{project}/"
    async with websockets.connect(f"{url}?username=Ada") as ada:
        (greeting,) = await receive(ada, "connection")
        assert greeting["users"] == ["Ada"]
        async with websockets.connect(f"{url.rstrip('/')}?username=Bob") as bob:
            (joined,) = await receive(ada, "user_join")
            assert joined["username"] == "Bob"
            await bob.send('{"type":"typing","isTyping":true}')
            await bob.send('{"message":"hello"}')
            _, said = await receive(ada, "typing", "message")
            await ada.send(json.dumps({"type": "read_receipt", "messageId": said["messageId"]}))
            (receipt,) = await receive(bob, "read_receipt")
            assert (receipt["username"], receipt["messageId"]) == ("Ada", said["messageId"])
            await bob.send("nonsense")
            await bob.send("ping")
            error, _ = await receive(bob, "error", "pong")
            assert "nonsense" not in error["message"]
        (left,) = await receive(ada, "user_leave")
        assert left["username"] == "Bob"
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{live.url}/ws/chat/{project}/messages")
    (listed,) = answer.json()["messages"]
    assert listed == said
