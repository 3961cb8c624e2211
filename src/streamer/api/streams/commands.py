"""What the client of a WebSocket says, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from ...access.grants import Grants
from ...config.settings import Settings
from ...errors import InvalidFrame, InvalidTopic, StreamerError
from ...events.control import Control
from ...events.cursor import Cursor
from ...hub.attach import Enter
from ...hub.controls import refreshed_control
from ...hub.hub import Hub
from ...hub.reader import Reader
from ...wire.form import Form
from ...wire.websocket import (
    FRAMES,
    LINES,
    Command,
    Ping,
    Read,
    Subscribe,
    Token,
    Unsubscribe,
    parse_command,
)
from ..asker import Asker, Connection, asker_of, who_has
from ..farewells import Socket, older_refused_control, refused_control
from ..kept_scope import connection_of, kept_scope
from ..may import may_read
from ..reader_cursors import move_cursor, reader_of
from ..refusals import note_refusal
from ..renewals import Renewals


class Commands:
    """The commands of one client.

    A dialect derives from it: what it reads, in which form it answers, and what a
    connection reads that has no topic yet.

    Attributes:
        frames, lines: the form on our own server, and on any other.
        waits: the topic of those that have none; nobody needs leave to read it.
    """

    frames: ClassVar[Form] = FRAMES
    lines: ClassVar[Form] = LINES
    waits: ClassVar[str | None] = None

    __slots__ = ("_hub", "_kept", "_reader", "_topics")

    def __init__(
        self, scope: Mapping[str, Any], hub: Hub, reader: Reader, topics: tuple[str, ...]
    ) -> None:
        self._kept = kept_scope(scope)
        self._hub = hub
        self._reader = reader
        self._topics = topics

    @property
    def _socket(self) -> Connection:
        """What it was opened with, without its headers; made anew for each command."""
        return connection_of(self._kept)

    @staticmethod
    def refused(error: StreamerError) -> Control:
        """What is reported to a client of an error."""
        return refused_control(error)

    @staticmethod
    async def greeting(socket: Socket) -> dict[str, Any]:
        """What `connected` says beside the rest; may raise a `StreamerError`."""
        del socket
        return {}

    @staticmethod
    def enter(socket: Socket) -> Enter | None:
        """What is done before the reader begins, as `Attach.enter`; may raise a `StreamerError`."""
        del socket
        return None

    async def hear(self, said: str | bytes) -> None:
        """Obey one frame, or say why not; who asks for what fails here is cut."""
        try:
            await self.take(said)
        except Exception as error:  # noqa: BLE001 - reported by it
            self._reader.failed(error)

    async def take(self, text: str | bytes) -> None:
        """Obey one frame, or say why not."""
        try:
            await self._obey(parse_command(text))
        except StreamerError as error:
            self._refuse(self.refused(error), error)

    def _refuse(self, control: Control, error: StreamerError) -> None:
        note_refusal(self._socket, error)
        self._reader.reply(control)

    async def _obey(self, command: Command) -> None:
        match command:
            case Ping():
                self._reader.reply(Control("pong"))
            case Subscribe(topic=topic):
                await self._subscribe(topic, command)
            case Unsubscribe(topic=topic):
                await self._unsubscribe(topic)
            case Read():
                await self._read(command)
            case Token(token=token):
                await self._renew(token)

    async def _subscribe(self, topic: str, command: Subscribe) -> None:
        if topic in self._topics:
            raise InvalidFrame(f"{topic} is already subscribed")
        topics = self._with(topic)
        cursor = command.cursor()
        backfill = None if cursor is None else (topic, cursor)
        await self._add(topics, backfill, Control("subscribed", {"topic": topic, "topics": topics}))

    async def _check(self, topic: str) -> None:
        """Raise `Forbidden` if it may not read `topic`."""
        await may_read(self._asker(), (topic,), self._socket.app.state.log)

    def _with(self, topic: str) -> tuple[str, ...]:
        """The topics with one more; raises `InvalidTopic` if they would be too many."""
        settings: Settings = self._socket.app.state.settings
        topics = (*(known for known in self._topics if known != self.waits), topic)
        if len(topics) > settings.max_topics:
            raise InvalidTopic(
                f"this connection has {settings.max_topics} topics, the most it may have"
            )
        return topics

    async def _add(
        self, topics: tuple[str, ...], backfill: tuple[str, Cursor] | None, reply: Control
    ) -> None:
        """Read `topics`, the last of which is new, once it is sure that it may be read."""
        is_done = False
        while not is_done:
            # Another token may come meanwhile by another connection, and allow less.
            asker = self._asker()
            await may_read(asker, topics[-1:], self._socket.app.state.log)
            is_done = await self._hub.change_topics(
                self._reader, topics, backfill, reply, partial(self._still_has, asker.grants)
            )
        self._topics = topics

    async def _read(self, read: Read) -> None:
        asker = self._asker()
        state = self._socket.app.state
        await may_read(asker, (read.topic,), state.log)
        reader = reader_of(asker, read.reader)
        found, is_moved = await move_cursor(
            state, read.topic, reader, read.to(), username=asker.grants.name
        )
        fields = {"topic": read.topic, "reader": reader, **found.to_fields(), "moved": is_moved}
        self._reader.reply(Control("moved", fields))

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


class OlderCommands(Commands):
    """The same at the older address, whose clients know no ``refused``."""

    __slots__ = ()

    @staticmethod
    def refused(error: StreamerError) -> Control:
        """What is reported to a client of an error."""
        return older_refused_control(error)
