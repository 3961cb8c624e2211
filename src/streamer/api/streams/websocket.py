"""Streams over WebSocket, at the same URLs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import websocket
from litestar.datastructures import State

from ...access.credentials import forget, spoken
from ...config.settings import Settings
from ...errors import (
    Draining,
    Forbidden,
    StreamerError,
    Unauthorized,
)
from ...hub.attach import Finished, Gone
from ...hub.hub import Hub
from ...hub.writer import OfferedWriter, offered_writer
from ...wire.form import Form
from ...wire.websocket import close_reason
from ..asker import client_of, who_asks
from ..codings import is_allowed
from ..farewells import Farewells, Socket
from ..front import PLAIN, PROMPT
from ..may import may_read
from ..origins import Origins
from ..query import STREAM, STREAM_OF_TOPICS, query_of
from ..rate import Rate
from ..refusals import note_refusal
from ..stream_request import (
    headers_of,
    of_job,
    of_project,
    of_query,
    read_attach,
    reads_messages,
)
from .commands import Commands, OlderCommands
from .deflated_forms import deflated
from .portable import PortableWriter

#: The key of the ``opt`` of handlers whose clients say something else than `Commands`.
SPEECH: Final = "speech"
#: The one subprotocol that has a meaning here: this one.
SUBPROTOCOL: Final = "streamer"


@websocket("/projects/{project_id:str}/stream", opt=STREAM | PLAIN | {PROMPT: of_project})
async def project_socket(socket: Socket) -> None:
    """Events of one project."""
    await serve_socket(socket, lambda: of_project(socket.path_params))


@websocket(
    "/ws/projects/{project_id:str}/stream",
    opt=STREAM | PLAIN | {PROMPT: of_project, SPEECH: OlderCommands},
)
async def older_project_socket(socket: Socket) -> None:
    """Events of one project, at the address and with the refusals that older clients know."""
    await serve_socket(socket, lambda: of_project(socket.path_params), OlderCommands)


@websocket("/jobs/{job_id:str}/stream", opt=STREAM | PLAIN | {PROMPT: of_job})
async def job_socket(socket: Socket) -> None:
    """Events of one job, until its terminal event."""
    await serve_socket(socket, lambda: of_job(socket.path_params))


@websocket("/stream", opt=STREAM_OF_TOPICS | PLAIN | {PROMPT: of_query})
async def topics_socket(socket: Socket) -> None:
    """Events of every ``?topic=``."""
    most = socket.app.state.settings.max_topics
    await serve_socket(socket, lambda: of_query(socket.path_params, socket.query_params, most))


WEBSOCKET_HANDLERS = (project_socket, older_project_socket, job_socket, topics_socket)


async def serve_socket(
    socket: Socket,
    read: Callable[[], tuple[str, ...]],
    speech: type[Commands] = Commands,
) -> None:
    """Serve a WebSocket from its handshake to its end.

    Args:
        socket: as it came, not yet accepted.
        read: returns the topics that it reads at first; may raise a `StreamerError`.
        speech: what its client says, and in which form it is answered.
    """
    settings: Settings = socket.app.state.settings
    hub: Hub = socket.app.state.hub
    farewells: Farewells = socket.app.state.farewells
    client = client_of(socket.scope)
    writer = await _accepted(socket, speech)
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
            unread=socket.app.state.log.rules.current.unread,
            transport="websocket",
            root_path=socket.scope.get("root_path", ""),
        )
        asked = [topic for topic in attach.topics if topic != speech.waits]
        await may_read(asker, asked, socket.app.state.log)
        if (enter := speech.enter(socket)) is not None:
            attach = msgspec.structs.replace(attach, enter=enter)
        if greeting := await speech.greeting(socket):
            attach = msgspec.structs.replace(attach, greeting=greeting)
        reader = await hub.attach(attach, writer)
    except Gone:
        return
    except Finished as finished:
        await farewells.close(socket, finished.controls(), client, 1000, "ended")
        return
    except StreamerError as error:
        note_refusal(socket, error)
        last = (
            hub.reconnect_control(error) if isinstance(error, Draining) else speech.refused(error)
        )
        await farewells.close(socket, [last], client, error.outcome.close_code, _reason(error))
        return
    finally:
        # Else they would live as long as the socket.
        forget(socket.scope)  # type: ignore[arg-type]
        socket.scope["headers"] = []
    connection = speech(socket.scope, hub, reader, attach.topics)
    if isinstance(writer, PortableWriter):
        try:
            await _send_and_receive(socket, writer, connection)
        finally:
            reader.gone()
    else:
        writer.listen(connection)


async def _accepted(socket: Socket, speech: type[Commands]) -> PortableWriter | OfferedWriter:
    """Accept the handshake, and return the writer of the socket.

    It is accepted first of all: a browser cannot read the status of a refused handshake.
    """
    state = socket.app.state
    high_water = state.settings.high_water
    offered = offered_writer(socket.scope)  # type: ignore[arg-type]
    if offered is None:
        await socket.accept(spoken(socket.scope["subprotocols"], SUBPROTOCOL))
        return PortableWriter(speech.lines, high_water=high_water)
    form = form_for(offered, speech, state)
    await socket.accept(spoken(socket.scope["subprotocols"], SUBPROTOCOL))
    offered.open(form, high_water)
    return offered


def form_for(offered: OfferedWriter, speech: type[Commands], state: State) -> Form:
    """The form of a socket that is not yet accepted: compressed, if both sides may."""
    may_compress = is_allowed(state.settings.compression, is_open=state.is_open)
    compresses = may_compress and offered.agree_to_deflate()
    return deflated(speech.frames) if compresses else speech.frames


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


async def _send_and_receive(socket: Socket, writer: PortableWriter, connection: Commands) -> None:
    """Serve over a server that knows no writers, until either side ends."""

    async def send() -> None:
        async for lines in writer.buffers():
            for line in lines.splitlines():
                await socket.send({"type": "websocket.send", "text": line.decode(), "bytes": None})
        await socket.close(writer.close_code, close_reason(writer.close_reason))

    sending = asyncio.create_task(send())
    writer.on_abort(sending.cancel)
    tasks = {sending, asyncio.create_task(_receive(socket, writer, connection))}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _receive(socket: Socket, writer: PortableWriter, connection: Commands) -> None:
    """Hand on what the client says, until it has gone."""
    rate: Rate = socket.app.state.command_rate
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text: Any = message.get("text")
        # A client that sends commands and reads no replies must not fill our memory,
        # and one that sends too many waits: its socket is not read meanwhile.
        await writer.drained()
        await _pace(rate, str(id(connection)))
        await connection.hear(text if text is not None else b"")


async def _pace(rate: Rate, connection: str) -> None:
    wait = rate.wait(connection, time.monotonic())
    if wait:
        await asyncio.sleep(wait)
        rate.wait(connection, time.monotonic())
