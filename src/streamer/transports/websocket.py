"""Streams over WebSocket, at the same URLs."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import WebSocket, websocket

from ..control import Control
from ..errors import Forbidden, InvalidFrame, InvalidTopic, StreamerError
from ..hub import Attach, Finished, Hub
from ..reader import Reader
from ..settings import Settings
from ..topic import job_topic, project_topic
from ..wire.websocket import (
    LINES,
    Command,
    Ping,
    Subscribe,
    Unsubscribe,
    close_reason,
    parse_command,
)
from .origins import is_allowed
from .portable import PortableWriter
from .stream_request import MAX_TOPICS, read_attach, read_topics

Socket = WebSocket[Any, Any, Any]


@websocket(
    ["/api/v1/projects/{project_id:str}/stream", "/api/v1/ws/projects/{project_id:str}/stream"]
)
async def project_socket(socket: Socket) -> None:
    """Events of one project."""
    await _serve(socket, lambda: (project_topic(socket.path_params["project_id"]),))


@websocket("/api/v1/jobs/{job_id:str}/stream")
async def job_socket(socket: Socket) -> None:
    """Events of one job, until its terminal event."""
    await _serve(socket, lambda: (job_topic(socket.path_params["job_id"]),), is_job=True)


@websocket("/api/v1/stream")
async def topics_socket(socket: Socket) -> None:
    """Events of every ``?topic=``."""
    await _serve(socket, lambda: read_topics(socket.query_params))


WEBSOCKET_HANDLERS = (project_socket, job_socket, topics_socket)


async def _serve(socket: Socket, read: Any, *, is_job: bool = False) -> None:  # noqa: ANN401
    settings: Settings = socket.app.state.settings
    hub: Hub = socket.app.state.hub
    # Accepted first: a browser cannot read the status of a refused handshake.
    await socket.accept()
    writer = PortableWriter(LINES, high_water=settings.high_water)
    try:
        if not is_allowed(socket.headers, settings.allowed_origins):
            raise Forbidden(f"the origin {socket.headers.get('origin')} is not allowed here")
        attach = read_attach(
            read(),
            socket.query_params,
            socket.headers,
            heartbeat=settings.heartbeat,
            is_job=is_job,
        )
        reader = await hub.attach(attach, writer)
    except Finished:
        await socket.close(1000, "ended")
        return
    except StreamerError as error:
        await _refuse(socket, error)
        return
    await _Connection(socket, hub, reader, writer, attach).run()


async def _refuse(socket: Socket, error: StreamerError) -> None:
    await socket.send_text(error_control(error).body().decode())
    await socket.close(error.outcome.close_code, close_reason(error.detail))


def error_control(error: StreamerError) -> Control:
    """What a client is told of its mistake, or of ours."""
    return Control(
        "error",
        {
            "code": error.code,
            "error": error.detail,
            "retry": error.outcome.retry,
            "retry_after": error.retry_after,
        },
    )


class _Connection:
    """One accepted WebSocket: bodies out, commands in."""

    def __init__(
        self, socket: Socket, hub: Hub, reader: Reader, writer: PortableWriter, attach: Attach
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._reader = reader
        self._writer = writer
        self._topics = attach.topics

    async def run(self) -> None:
        """Serve until either side ends."""
        sending = asyncio.create_task(self._send())
        self._writer.on_abort(sending.cancel)
        receiving = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._reader.gone()
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send(self) -> None:
        send = self._socket.send
        async for lines in self._writer.buffers():
            for line in lines.splitlines():
                await send({"type": "websocket.send", "text": line.decode(), "bytes": None})
        await self._socket.close(self._writer.close_code, close_reason(self._writer.close_reason))

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            # Who sends commands and reads no replies must not fill our memory.
            await self._writer.drained()
            try:
                await self._obey(parse_command(text if text is not None else b""))
            except StreamerError as error:
                self._reader.write([error_control(error)])

    async def _obey(self, command: Command) -> None:
        match command:
            case Ping():
                self._reader.write([Control("pong")])
            case Subscribe(topic=topic):
                await self._subscribe(topic, command)
            case Unsubscribe(topic=topic):
                await self._unsubscribe(topic)

    async def _subscribe(self, topic: str, command: Subscribe) -> None:
        if topic in self._topics:
            raise InvalidFrame(f"{topic} is subscribed already")
        if len(self._topics) >= MAX_TOPICS:
            raise InvalidTopic(f"this connection has {MAX_TOPICS} topics, the most allowed")
        topics = (*self._topics, topic)
        cursor = command.cursor()
        backfill = None if cursor is None else (topic, cursor)
        reply = Control("subscribed", {"topic": topic, "topics": topics})
        await self._hub.change_topics(self._reader, topics, backfill, reply)
        self._topics = topics

    async def _unsubscribe(self, topic: str) -> None:
        if topic not in self._topics:
            raise InvalidFrame(f"{topic} is not subscribed; subscribed are: {self._topics}")
        if len(self._topics) == 1:
            raise InvalidFrame(f"{topic} is the only topic; close the connection instead")
        topics = tuple(other for other in self._topics if other != topic)
        reply = Control("unsubscribed", {"topic": topic, "topics": topics})
        await self._hub.change_topics(self._reader, topics, None, reply)
        self._topics = topics


