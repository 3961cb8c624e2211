"""Conversations as streams: whoever reads one is there."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, route, websocket
from litestar.enums import HttpMethod
from litestar.types import ASGIApp

from ...chats.attendance import Attendance
from ...errors import InvalidFrame
from ...events.topic import chat_topic
from ...hub.attach import Enter
from ..asker import Connection
from ..chat_documentation import ChatStreamOperation
from ..farewells import Socket
from ..query import STREAM_OF_CHAT
from ..speaker import speaker_of
from .commands import Commands
from .sse import PROBLEMS, serve_stream
from .websocket import serve_socket


def entering(connection: Connection, topic: str) -> Enter:
    """What lets whoever asks be there while they read.

    Raises:
        Forbidden, InvalidParameter: as `speaker_of`.
    """
    attendance: Attendance = connection.app.state.attendance
    speaker = speaker_of(connection)
    return lambda: attendance.enter(topic, speaker)


class ChatCommands(Commands):
    """The commands of one who is there."""

    __slots__ = ()

    @staticmethod
    def enter(socket: Socket) -> Enter:
        """Be there while the connection is."""
        return entering(socket, _topic_of(socket))

    async def _unsubscribe(self, topic: str) -> None:
        if topic == _topic_of(self._socket):
            raise InvalidFrame(f"who is there reads {topic}; close the connection to leave")
        await super()._unsubscribe(topic)


@route(
    "/chats/{chat_id:str}/stream",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_class=ChatStreamOperation,
    exception_handlers=PROBLEMS,
    summary="Stream a conversation, and be there",
    opt=STREAM_OF_CHAT,
    tags=["chats"],
)
async def stream_chat(request: Request[Any, Any, Any]) -> ASGIApp:
    """Events of a conversation. You are there, for the others, until the stream ends.

    Who is there is in the snapshot of `connected`, as `present`.
    """
    topic = _topic_of(request)
    return await serve_stream(request, (topic,), enter=entering(request, topic))


@websocket("/chats/{chat_id:str}/stream", opt=STREAM_OF_CHAT)
async def chat_socket(socket: Socket) -> None:
    """Events of a conversation, by one who is there."""
    await serve_socket(socket, lambda: (_topic_of(socket),), ChatCommands)


CHAT_STREAM_HANDLERS: Final = (stream_chat, chat_socket)


def _topic_of(connection: Connection) -> str:
    return chat_topic(connection.path_params["chat_id"])
