"""Who is there in conversations, in the memory of one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from msgspec.structs import replace

from ...errors import TooManyMembers
from ...events.cursor import Cursor
from ...events.new_event import NewEvent
from ..presence import MAX_CONNECTIONS, MAX_LEFT, MAX_MEMBERS, Member


class _Chat:
    """A conversation: its connections with the time at which each lapses, and its users."""

    def __init__(self) -> None:
        self.held: Final[dict[str, tuple[Member, int]]] = {}
        #: By user: how many connections, what they are called, and which event told it.
        self.users: Final[dict[str, tuple[int, str, Cursor | None]]] = {}


class MemoryPresence:
    """`Presence` as `RedisPresence` keeps it.

    Args:
        clock: milliseconds since 1970; may be set back.
        lock: held while anything is read or written.
        append: appends an event.
        remove: removes one from a topic.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        lock: AbstractContextManager[object],
        append: Callable[[NewEvent], Cursor | None],
        remove: Callable[[str, Cursor], None],
    ) -> None:
        self._clock: Final = clock
        self._lock: Final = lock
        self._append: Final = append
        self._remove: Final = remove
        # By topic and user the event that told that they have left.
        self._left: Final[dict[str, dict[str, Cursor]]] = {}
        self._chats: Final[dict[str, _Chat]] = {}
        self._looked: int | None = None
        self._grace = 0

    def present(self, topic: str) -> dict[str, str]:
        """Who is there: what they are called, by user."""
        chat = self._chats.get(topic)
        return {} if chat is None else {user: name for user, (_, name, _) in chat.users.items()}

    def forget(self, topic: str) -> None:
        """Forget which events of a conversation told that somebody has left."""
        self._left.pop(topic, None)

    async def enter(self, member: Member, seconds: float) -> Cursor | None:
        """See `Presence.enter`."""
        with self._lock:
            id_ = self._enter(member, self._clock() + int(seconds * 1000))
        await asyncio.sleep(0)
        return id_

    async def leave(self, member: Member, *, if_lapsed: bool = False) -> Cursor | None:
        """See `Presence.leave`."""
        with self._lock:
            id_ = self._leave(member, if_lapsed=if_lapsed)
        await asyncio.sleep(0)
        return id_

    async def renew(self, members: Sequence[Member], seconds: float) -> list[Member]:
        """See `Presence.renew`."""
        missing = []
        with self._lock:
            deadline = self._clock() + int(seconds * 1000)
            for member in members:
                chat = self._chats.get(member.topic, _Chat())
                held = chat.held.get(member.connection)
                if held is None:
                    missing.append(member)
                else:
                    chat.held[member.connection] = (held[0], deadline)
        await asyncio.sleep(0)
        return missing

    async def lapsed(self, seconds: float) -> list[Member]:
        """See `Presence.lapsed`."""
        with self._lock:
            found = self._lapsed(int(seconds * 1000))
        await asyncio.sleep(0)
        return found

    def _enter(self, member: Member, deadline: int) -> Cursor | None:
        chat = self._chats.get(member.topic) or _Chat()
        connections, name, told = chat.users.get(member.user, (0, member.username, None))
        if member.connection in chat.held:
            chat.held[member.connection] = (chat.held[member.connection][0], deadline)
            return None
        is_full = connections >= MAX_CONNECTIONS if connections else len(chat.users) >= MAX_MEMBERS
        if is_full:
            raise TooManyMembers.of(MAX_MEMBERS, MAX_CONNECTIONS)
        self._chats[member.topic] = chat
        chat.held[member.connection] = (member, deadline)
        if not connections:
            before = self._left.get(member.topic, {}).pop(member.user, None)
            told = self._tell(member.joins(), before)
        chat.users[member.user] = (connections + 1, name, told)
        return None if connections else told

    def _leave(self, member: Member, *, if_lapsed: bool) -> Cursor | None:
        chat = self._chats.get(member.topic, _Chat())
        held, deadline = chat.held.get(member.connection, (None, 0))
        if held is None or held.user != member.user or (if_lapsed and deadline > self._clock()):
            return None
        del chat.held[member.connection]
        connections, name, told = chat.users[member.user]
        if connections > 1:
            chat.users[member.user] = (connections - 1, name, told)
            return None
        del chat.users[member.user]
        if not chat.users:
            del self._chats[member.topic]
        left = self._left.setdefault(member.topic, {})
        told = self._tell(replace(member, username=name).leaves(), told)
        if told is not None and len(left) < MAX_LEFT:
            left[member.user] = told
        return told

    def _tell(self, event: NewEvent, before: Cursor | None) -> Cursor | None:
        """Append what is told of a user, in place of what was told before."""
        if before is not None:
            self._remove(event.topics[0], before)
        return self._append(event)

    def _lapsed(self, there: int) -> list[Member]:
        now = self._clock()
        pause = None if self._looked is None else now - self._looked
        self._looked = now
        if pause is None or not 0 <= pause <= there // 2:
            self._grace = now + there
        if pause is not None and pause < 0:
            for chat in self._chats.values():
                for connection, (member, deadline) in chat.held.items():
                    chat.held[connection] = (member, min(deadline, now + there))
        if now < self._grace:
            return []
        return [
            member
            for chat in self._chats.values()
            for member, deadline in chat.held.values()
            if deadline <= now
        ]
