"""The WebSocket at ``/ws/chat/{session_id}/``, its twin, and what was said before."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from litestar import Request, get, route, websocket
from litestar.enums import HttpMethod
from litestar.params import FromQuery, Parameter
from litestar.types import ASGIApp

from ...api.asker import Connection, asker_of, let_in_to_api
from ...api.chat_documentation import ChatStreamOperation
from ...api.chats import react, say
from ...api.documentation import ApiOperation
from ...api.farewells import Socket
from ...api.may import may_publish, may_read
from ...api.query import MESSAGES, STREAM_OF_CHAT
from ...api.reader_cursors import move_cursor
from ...api.speaker import speaker_of
from ...api.streams.chats import entering
from ...api.streams.commands import Commands
from ...api.streams.sse import PROBLEMS, serve_stream
from ...api.streams.websocket import serve_socket
from ...api.too_often import HowOften
from ...chats.listing import MAX_LISTED, listed
from ...chats.said import Message, Reaction, Typing
from ...chats.typing import TypingWatch
from ...errors import StreamerError
from ...eventlog.base import EventLog
from ...events.control import Control
from ...events.cursor import Cursor
from ...events.topic import chat_topic
from ...hub.attach import Enter
from ...wire.form import Form
from ...wire.websocket import Ping, Token
from .forms import FRAMES, LINES, frame_of
from .frames import Receipt, parse_frame

#: Older clients write the address with a slash at its end.
_ADDRESSES: Final = ["/ws/chat/{session_id:str}", "/ws/chat/{session_id:str}/"]


class ChatCommands(Commands):
    """What a client of the chat says."""

    __slots__ = ()

    frames: ClassVar[Form] = FRAMES
    lines: ClassVar[Form] = LINES

    @staticmethod
    def refused(error: StreamerError) -> Control:
        """What is reported to a client of an error: what was wrong, for a person."""
        said = {"message": error.detail, "error": error.detail, "code": error.code}
        return Control("error", {**said, "retry": error.outcome.retry})

    @staticmethod
    async def greeting(socket: Socket) -> dict[str, Any]:
        """What ``connection`` says beside who is there."""
        session, speaker = socket.path_params["session_id"], speaker_of(socket)
        message = f"Connected to chat {session}"
        return {"message": message, "session_id": session, **speaker.fields()}

    @staticmethod
    def enter(socket: Socket) -> Enter:
        """Be there while the connection is."""
        return entering(socket, _topic_of(socket))

    async def take(self, text: str | bytes) -> None:
        """Obey one frame, or say why not."""
        try:
            match frame := parse_frame(text):
                case Ping():
                    self._reader.reply(Control("pong", {"as_text": True} if text == "ping" else {}))
                case Token():
                    await self._renew(frame.token)
                case Receipt():
                    await self._receive_receipt(frame)
                case _:
                    await self._say(frame)
        except StreamerError as error:
            self._refuse(self.refused(error), error)

    async def _say(self, frame: Message | Typing | Reaction) -> None:
        state = self._socket.app.state
        often: HowOften = state.publish_rate
        often.count(self._socket)
        topic, speaker = _topic_of(self._socket), speaker_of(self._socket)
        may_publish(self._asker(), (topic,))
        match frame:
            case Message():
                await say(state, topic, speaker, frame)
            case Reaction():
                await react(state, topic, speaker, frame)
            case Typing():
                watch: TypingWatch = state.typing
                await watch.say(topic, speaker, frame)

    async def _receive_receipt(self, receipt: Receipt) -> None:
        state = self._socket.app.state
        often: HowOften = state.publish_rate
        often.count(self._socket)
        topic, speaker = _topic_of(self._socket), speaker_of(self._socket)
        await may_read(self._asker(), (topic,), state.log)
        await move_cursor(state, topic, speaker.user, receipt.to(), username=speaker.username)


@websocket(_ADDRESSES, opt=STREAM_OF_CHAT)
async def chat_socket(socket: Socket) -> None:
    """A conversation, by one who is there."""
    await serve_socket(socket, lambda: (_topic_of(socket),), ChatCommands)


@route(
    _ADDRESSES,
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_class=ChatStreamOperation,
    exception_handlers=PROBLEMS,
    before_request=let_in_to_api,
    summary="Stream a conversation, where an older chat did",
    opt=STREAM_OF_CHAT,
    tags=["chats"],
)
async def chat_stream(request: Request[Any, Any, Any]) -> ASGIApp:
    """The conversation as events with ids, as `/api/v1/chats/{id}/stream` has them."""
    topic = _topic_of(request)
    return await serve_stream(request, (topic,), enter=entering(request, topic))


@get(
    "/ws/chat/{session_id:str}/messages",
    before_request=let_in_to_api,
    opt=MESSAGES,
    tags=["chats"],
    operation_class=ApiOperation,
    summary="List what was said, where an older chat did",
)
async def chat_messages(
    request: Request[Any, Any, Any],
    *,
    before: FromQuery[str | None] = None,
    limit: Annotated[int, Parameter(ge=1, le=MAX_LISTED)] = 50,
) -> dict[str, Any]:
    """Messages, whole answers and reactions as the WebSocket has them, the newest first."""
    topic = _topic_of(request)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), (topic,), log)
    found = await listed(log, topic, None if before is None else Cursor.parse(before), limit)
    messages = [said for event in found.events if (said := frame_of(event)) is not None]
    return {"messages": messages, "next": None if found.next is None else str(found.next)}


def _topic_of(connection: Connection) -> str:
    return chat_topic(connection.path_params["session_id"])


ROUTES: Final = (chat_socket, chat_stream, chat_messages)
