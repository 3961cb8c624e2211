"""The WebSocket at ``/api/v1/ws/videos``: many videos on one connection."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final

from litestar import websocket

from ...api.farewells import Socket
from ...api.streams.commands import Commands
from ...api.streams.websocket import serve_socket
from ...config.server_url import API
from ...errors import StreamerError
from ...eventlog.base import EventLog
from ...events.control import Control
from ...events.snapshot import Snapshot
from ...wire.form import Form
from ...wire.websocket import Ping, Token
from .forms import FRAMES, LINES, subscribed_control, video_topic
from .frames import Subscribe, Unsubscribe, parse_frame

#: What a connection reads that has not subscribed yet, so that it counts, is kept alive and
#: ends as every other. Nobody can publish to what nobody can guess.
_WAITING: Final = f"waiting-{secrets.token_hex(16)}"
#: Characters of a wrong videoId that an error repeats: those of the longest good one.
_LONGEST: Final = 64


class EditorCommands(Commands):
    """What one page of the editor says."""

    __slots__ = ()

    frames: ClassVar[Form] = FRAMES
    lines: ClassVar[Form] = LINES
    waits: ClassVar[str | None] = _WAITING

    @staticmethod
    def refused(error: StreamerError) -> Control:
        """What is reported to a client of an error that is of no video."""
        return _error(error, None)

    async def take(self, text: str | bytes) -> None:
        """Obey one frame, or say why not, and of which video."""
        video_id = None
        try:
            frame = parse_frame(text)
            if isinstance(frame, Subscribe | Unsubscribe):
                video_id = frame.video_id[:_LONGEST]
            match frame:
                case Subscribe():
                    await self._subscribe_video(frame)
                case Unsubscribe():
                    await self._unsubscribe_video(frame)
                case Ping():
                    self._reader.reply(Control("pong"))
                case Token():
                    await self._renew(frame.token)
        except StreamerError as error:
            self._refuse(_error(error, video_id), error)

    async def _subscribe_video(self, frame: Subscribe) -> None:
        topic, cursor = video_topic(frame.video_id), frame.cursor()
        if topic in self._topics:
            # A component that is mounted twice asks twice.
            self._reader.reply(subscribed_control(frame.video_id, None))
            return
        topics = self._with(topic)
        await self._check(topic)
        snapshot: Snapshot | None = None
        if cursor is None:
            log: EventLog = self._socket.app.state.log
            snapshot = (await log.snapshots([topic]))[topic]
            cursor = snapshot.cursor
        await self._add(topics, (topic, cursor), subscribed_control(frame.video_id, snapshot))

    async def _unsubscribe_video(self, frame: Unsubscribe) -> None:
        topic = video_topic(frame.video_id)
        reply = Control("unsubscribed", {"videoId": frame.video_id})
        if topic not in self._topics:
            self._reader.reply(reply)
            return
        rest = tuple(other for other in self._topics if other != topic)
        topics = rest or (_WAITING,)
        await self._hub.change_topics(self._reader, topics, None, reply)
        self._topics = topics


def _error(error: StreamerError, video_id: str | None) -> Control:
    data = {"error": error.detail, "code": error.code, "retry": error.outcome.retry}
    return Control("error", {"videoId": video_id, "data": data})


@websocket(f"{API}/ws/videos")
async def videos_socket(socket: Socket) -> None:
    """Progress of many videos, each subscribed by a frame."""
    await serve_socket(socket, lambda: (_WAITING,), EditorCommands)


VIDEO_ROUTES: Final = (videos_socket,)
