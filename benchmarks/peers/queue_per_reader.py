"""A queue per reader, in one process: what most Python services do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import count

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_queues: defaultdict[str, set[asyncio.Queue[tuple[int, str]]]] = defaultdict(set)
_ids = count(1)


async def publish(request: Request) -> Response:
    event = (next(_ids), (await request.body()).decode())
    for queue in _queues[request.path_params["topic"]]:
        queue.put_nowait(event)
    return Response(status_code=201)


async def sse(request: Request) -> EventSourceResponse:
    queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    readers = _queues[request.path_params["topic"]]

    async def events() -> AsyncIterator[ServerSentEvent]:
        readers.add(queue)
        try:
            yield ServerSentEvent(data="connected")
            while True:
                number, body = await queue.get()
                yield ServerSentEvent(id=str(number), data=body)
        finally:
            readers.discard(queue)

    return EventSourceResponse(events())


async def websocket(websocket: WebSocket) -> None:
    queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
    readers = _queues[websocket.path_params["topic"]]
    await websocket.accept()
    readers.add(queue)
    try:
        await websocket.send_text("connected")
        while True:
            _, body = await queue.get()
            await websocket.send_text(body)
    except WebSocketDisconnect:
        pass
    finally:
        readers.discard(queue)


app = Starlette(
    routes=[
        Route("/publish/{topic}", publish, methods=["POST"]),
        Route("/sse/{topic}", sse),
        WebSocketRoute("/websocket/{topic}", websocket),
    ]
)
