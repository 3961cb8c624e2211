"""Streams over WebSocket, at the same URLs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from litestar import websocket

from ...access.credentials import forget, spoken
from ...access.grants import Grants
from ...config.settings import Settings
from ...errors import (
    Draining,
    Forbidden,
    InvalidFrame,
    InvalidTopic,
    StreamerError,
    Unauthorized,
)
from ...events.control import Control
from ...events.topic import job_topic, project_topic
from ...hub.attach import Finished, Gone
from ...hub.controls import refreshed_control
from ...hub.hub import Hub
from ...hub.reader import Reader
from ...hub.writer import OfferedWriter, offered_writer
from ...wire.websocket import (
    FRAMES,
    LINES,
    Command,
    Ping,
    Subscribe,
    Token,
    Unsubscribe,
    close_reason,
    parse_command,
)
from ..asker import Asker, asker_of, client_of, who_asks, who_has
from ..farewells import Farewells, Socket, older_refused_control, refused_control
from ..may import may_read
from ..origins import Origins
from ..query import STREAM, STREAM_OF_TOPICS, query_of
from ..rate import Rate
from ..refusals import note_refusal
from ..renewals import Renewals
from ..stream_request import (
    headers_of,
    read_attach,
    read_topics,
    reads_messages,
)
from .portable import PortableWriter


@websocket("/projects/{project_id:str}/stream", opt=STREAM)
async def project_socket(socket: Socket) -> None:
    """Events of one project."""
    await _serve(socket, lambda: (project_topic(socket.path_params["project_id"]),))


@websocket("/ws/projects/{project_id:str}/stream", opt=STREAM)
async def older_project_socket(socket: Socket) -> None:
    """Events of one project, at the address and with the refusals that older clients know."""
    await _serve(
        socket,
        lambda: (project_topic(socket.path_params["project_id"]),),
        refused=older_refused_control,
    )


@websocket("/jobs/{job_id:str}/stream", opt=STREAM)
async def job_socket(socket: Socket) -> None:
    """Events of one job, until its terminal event."""
    await _serve(socket, lambda: (job_topic(socket.path_params["job_id"]),))


@websocket("/stream", opt=STREAM_OF_TOPICS)
async def topics_socket(socket: Socket) -> None:
    """Events of every ``?topic=``."""
    await _serve(
        socket, lambda: read_topics(socket.query_params, socket.app.state.settings.max_topics)
    )


WEBSOCKET_HANDLERS = (project_socket, older_project_socket, job_socket, topics_socket)

#: What is reported to a client of an error.
Refused = Callable[[StreamerError], Control]


#: The one subprotocol that has a meaning here: this one.
SUBPROTOCOL: Final = "streamer"


async def _serve(
    socket: Socket,
    read: Callable[[], tuple[str, ...]],
    *,
    refused: Refused = refused_control,
) -> None:
    settings: Settings = socket.app.state.settings
    hub: Hub = socket.app.state.hub
    farewells: Farewells = socket.app.state.farewells
    client = client_of(socket.scope)
    # Accepted first: a browser cannot read the status of a refused handshake.
    await socket.accept(spoken(socket.scope["subprotocols"], SUBPROTOCOL))
    writer: PortableWriter | OfferedWriter
    offered = offered_writer(socket.scope)  # type: ignore[arg-type]
    if offered is None:
        writer = PortableWriter(LINES, high_water=settings.high_water)
    else:
        offered.open(FRAMES, settings.high_water)
        writer = offered
    try:
        headers = headers_of(socket)
        origins: Origins = socket.app.state.origins
        origins.check(headers)
        asker = await who_asks(socket)
        query = socket.query_params
        query_of(socket.route_handler).check(query)
        reads_messages(query)  # it changes nothing: no frame has a name
        attach = read_attach(
            read(),
            query,
            headers,
            heartbeat=settings.heartbeat,
            asker=asker,
            transport="websocket",
            root_path=socket.scope.get("root_path", ""),
        )
        await may_read(asker, attach.topics, socket.app.state.log)
        reader = await hub.attach(attach, writer)
    except Gone:
        return
    except Finished as finished:
        await farewells.close(socket, finished.controls(), client, 1000, "ended")
        return
    except StreamerError as error:
        note_refusal(socket, error)
        last = hub.reconnect_control(error) if isinstance(error, Draining) else refused(error)
        await farewells.close(socket, [last], client, error.outcome.close_code, _reason(error))
        return
    finally:
        # Else they would live as long as the socket.
        forget(socket.scope)  # type: ignore[arg-type]
        socket.scope["headers"] = []
    connection = _Connection(socket, hub, reader, writer, attach.topics, refused)
    try:
        if isinstance(writer, PortableWriter):
            await _send_and_receive(socket, writer, connection)
        else:
            await connection.receive()
    finally:
        reader.gone()


def _reason(error: StreamerError) -> str:
    """What the close frame says: of access a word that clients compare, else the detail."""
    match error:
        case Unauthorized():
            return "Unauthorized"
        case Forbidden():
            return "Forbidden"
        case Draining():
            return "draining"
        case _:
            return error.detail


async def _send_and_receive(
    socket: Socket, writer: PortableWriter, connection: _Connection
) -> None:
    """Serve over a server that knows no writers, until either side ends."""

    async def send() -> None:
        async for lines in writer.buffers():
            for line in lines.splitlines():
                await socket.send({"type": "websocket.send", "text": line.decode(), "bytes": None})
        await socket.close(writer.close_code, close_reason(writer.close_reason))

    sending = asyncio.create_task(send())
    writer.on_abort(sending.cancel)
    tasks = {sending, asyncio.create_task(connection.receive())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Connection:
    """The commands of one client."""

    __slots__ = ("_hub", "_reader", "_refused", "_socket", "_topics", "_writer")

    def __init__(  # noqa: PLR0917 - what one connection is made of
        self,
        socket: Socket,
        hub: Hub,
        reader: Reader,
        writer: PortableWriter | OfferedWriter,
        topics: tuple[str, ...],
        refused: Refused,
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._reader = reader
        self._writer = writer
        self._topics = topics
        self._refused = refused

    async def receive(self) -> None:
        """Obey commands until the client has gone."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text: Any = message.get("text")
            # A client that sends commands and reads no replies must not fill our memory,
            # and one that sends too many waits: its socket is not read meanwhile.
            await self._writer.drained()
            if isinstance(self._writer, PortableWriter):  # our own server has done it
                await self._pace()
            try:
                await self._obey(parse_command(text if text is not None else b""))
            except StreamerError as error:
                note_refusal(self._socket, error)
                self._reader.reply(self._refused(error))

    async def _pace(self) -> None:
        rate: Rate = self._socket.app.state.command_rate
        connection = str(id(self))
        wait = rate.wait(connection, time.monotonic())
        if wait:
            await asyncio.sleep(wait)
            rate.wait(connection, time.monotonic())

    async def _obey(self, command: Command) -> None:
        match command:
            case Ping():
                self._reader.reply(Control("pong"))
            case Subscribe(topic=topic):
                await self._subscribe(topic, command)
            case Unsubscribe(topic=topic):
                await self._unsubscribe(topic)
            case Token(token=token):
                await self._renew(token)

    async def _subscribe(self, topic: str, command: Subscribe) -> None:
        if topic in self._topics:
            raise InvalidFrame(f"{topic} is already subscribed")
        settings: Settings = self._socket.app.state.settings
        most = settings.max_topics
        if len(self._topics) >= most:
            raise InvalidTopic(f"this connection has {most} topics, the most it may have")
        topics = (*self._topics, topic)
        cursor = command.cursor()
        backfill = None if cursor is None else (topic, cursor)
        reply = Control("subscribed", {"topic": topic, "topics": topics})
        is_done = False
        while not is_done:
            # Another token may come meanwhile by another connection, and allow less.
            asker = self._asker()
            await may_read(asker, (topic,), self._socket.app.state.log)
            is_done = await self._hub.change_topics(
                self._reader, topics, backfill, reply, partial(self._still_has, asker.grants)
            )
        self._topics = topics

    async def _renew(self, token: str) -> None:
        renewals: Renewals = self._socket.app.state.renewals
        asker = await who_has(self._socket, token)
        await renewals.renew(self._reader.stream_id, asker)
        self._reader.reply(refreshed_control(asker.grants.expires))

    def _asker(self) -> Asker:
        """Who it is, by the newest token that it has shown, on this connection or another."""
        asker = asker_of(self._socket)
        stay = self._hub.stays.find(self._reader.stream_id)
        if stay is None or not isinstance(stay.credential, Grants):
            return asker
        return Asker(asker.client, asker.subject, stay.credential)

    def _still_has(self, grants: Grants) -> bool:
        return self._asker().grants is grants

    async def _unsubscribe(self, topic: str) -> None:
        if topic not in self._topics:
            raise InvalidFrame(f"{topic} is not subscribed; subscribed are: {self._topics}")
        if len(self._topics) == 1:
            raise InvalidFrame(f"{topic} is the only topic; close the connection instead")
        topics = tuple(other for other in self._topics if other != topic)
        reply = Control("unsubscribed", {"topic": topic, "topics": topics})
        await self._hub.change_topics(self._reader, topics, None, reply)
        self._topics = topics
