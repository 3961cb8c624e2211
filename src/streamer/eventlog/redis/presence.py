"""Who is there in conversations, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from ...errors import LogUnavailable, TooManyMembers
from ...events.cursor import Cursor
from ..presence import (
    ABANDONED_TTL,
    MAX_CONNECTIONS,
    MAX_LEFT,
    MAX_LOOKED,
    MAX_MEMBERS,
    MAX_RENEWED,
    Member,
)
from .append import append_arguments
from .keys import Keys
from .link.commands import Commands
from .rules import MAX_RULES, RedisRules
from .script import Script
from .seen import Seen
from .stored import cursor_of, what_we_stored

_CHANGE: Final = Script(
    "rights.lua", "position.lua", "jobs.lua", "presence_change.lua", "append.lua"
)
_PRESENCE: Final = Script("rights.lua", "presence.lua")


class RedisPresence:
    """`Presence` in Redis, by presence.lua and presence_change.lua."""

    def __init__(self, keys: Keys, commands: Commands, seen: Seen, rules: RedisRules) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._seen: Final = seen
        self._rules: Final = rules

    async def enter(self, member: Member, seconds: float) -> Cursor | None:
        """See `Presence.enter`."""
        return await self._change("enter", member, _milliseconds(seconds))

    async def leave(self, member: Member, *, if_lapsed: bool = False) -> Cursor | None:
        """See `Presence.leave`."""
        return await self._change("lapse" if if_lapsed else "leave", member, 0)

    async def renew(self, members: Sequence[Member], seconds: float) -> list[Member]:
        """See `Presence.renew`."""
        missing: list[Member] = []
        for first in range(0, len(members), MAX_RENEWED):
            missing += await self._renew(members[first : first + MAX_RENEWED], seconds)
        return missing

    async def lapsed(self, seconds: float) -> list[Member]:
        """See `Presence.lapsed`."""
        there, pause = _milliseconds(seconds), _milliseconds(seconds / 2)
        due: list[bytes] = await self._run((), ("due", there, pause, MAX_LOOKED))
        if not due:
            return []
        with what_we_stored:
            topics = [topic.decode() for topic in due]
        found = await self._run(topics, ("look", there, *topics))
        with what_we_stored:
            return [
                Member(topics[number], connection.decode(), user.decode(), name.decode())
                for number, connection, user, name in found
            ]

    async def _renew(self, members: Sequence[Member], seconds: float) -> list[Member]:
        by_topic: dict[str, list[Member]] = {}
        for member in members:
            by_topic.setdefault(member.topic, []).append(member)
        arguments: list[Any] = ["renew", _milliseconds(seconds), ABANDONED_TTL]
        for topic, there in by_topic.items():
            arguments += (topic, len(there), *(member.connection for member in there))
        found = await self._run(list(by_topic), arguments)
        listed = list(by_topic.values())
        return [listed[topic - 1][number - 1] for topic, number in found]

    async def _run(self, topics: Sequence[str], arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - a reply of Redis
        names = [self._keys.presence_due, self._keys.presence_looked]
        names += (self._keys.members(topic) for topic in topics)
        return await self._commands.run_script(_PRESENCE, names, arguments)

    async def _change(self, what: str, member: Member, milliseconds: int) -> Cursor | None:
        answer = await self._try(what, member, milliseconds)
        if answer.startswith(b"="):
            with what_we_stored:
                member = replace(member, username=answer[1:].decode())
            answer = await self._try(what, member, milliseconds)
        if answer == b"full":
            raise TooManyMembers.of(MAX_MEMBERS, MAX_CONNECTIONS)
        if answer == b"-" or answer.startswith(b"="):  # it has left, and come by another name
            return None
        with what_we_stored:
            id_ = cursor_of(answer)
        self._seen.note(id_)
        return id_

    async def _try(self, what: str, member: Member, milliseconds: int) -> bytes:
        event = member.joins() if what == "enter" else member.leaves()
        for _ in range(MAX_RULES):
            names, arguments = append_arguments(
                (event,), None, self._keys, self._rules.current, wait_replicas=0
            )
            names += (self._keys.members(member.topic), self._keys.presence_due)
            names.append(self._keys.left(member.topic))
            arguments += (what, member.topic, member.connection, member.user, member.username)
            arguments += (milliseconds, MAX_MEMBERS, MAX_CONNECTIONS, ABANDONED_TTL, MAX_LEFT)
            # Done again it does nothing: who is there is there.
            found = await self._commands.run_script(
                _CHANGE, names, arguments, before=self._seen.arguments
            )
            if not isinstance(found, bytes):
                break
            self._rules.follow(found)
        else:
            raise LogUnavailable("its rules change too often (are servers started in a loop?)")
        (answer,) = found
        return bytes(answer)


def present_in(members: Sequence[bytes]) -> dict[str, str]:
    """Who is there, by user, as the hash of a conversation's members has it."""
    found: dict[str, str] = {}
    for field, value in zip(members[::2], members[1::2], strict=True):
        if field.startswith(b"u:"):
            found[field[2:].decode()] = value.split(b" ", 2)[2].decode()
    return dict(sorted(found.items()))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
