"""How far each subject has read each topic, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...errors import InvalidCursor, TooManyReaders
from ...events.cursor import Cursor
from ...events.reading import Reading, ReadState
from ..reader_cursors import CURSOR_TTL, MAX_LISTED, MAX_READERS
from ..turns import Turns
from .keys import Keys
from .link.commands import Commands
from .rules import RedisRules
from .script import Script
from .seen import Seen
from .stored import cursor_of, what_we_stored

_READER_CURSORS: Final = Script("rights.lua", "position.lua", "reader_cursors.lua")


class RedisReaderCursors:
    """`ReaderCursors` in Redis, by reader_cursors.lua."""

    def __init__(
        self, keys: Keys, commands: Commands, seen: Seen, reading: Turns, rules: RedisRules
    ) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._seen: Final = seen
        # With all else that is read: a publish waits behind these at most.
        self._reading: Final = reading
        self._rules: Final = rules

    async def move(self, topic: str, subject: str, to: Cursor) -> tuple[ReadState, bool]:
        """See `ReaderCursors.move`."""
        position, outcome, states = await self._run((topic,), subject, str(to))
        if outcome == b"ahead":
            raise InvalidCursor.ahead(to, position)
        if outcome == b"full":
            raise TooManyReaders.of(MAX_READERS)
        return states[topic], outcome == b"moved"

    async def states(self, topics: Sequence[str], subject: str) -> Reading:
        """See `ReaderCursors.states`."""
        async with self._reading:
            position, _, states = await self._run(topics, subject, "")
        return Reading(states, position)

    async def readers(self, topic: str) -> dict[str, Cursor]:
        """See `ReaderCursors.readers`."""
        async with self._reading:
            latest: list[bytes] = await self._commands.call(
                "ZREVRANGE", self._keys.moved(topic), 0, MAX_LISTED - 1
            )
            if not latest:
                return {}
            found: list[bytes | None] = await self._commands.call(
                "HMGET", self._keys.cursors(topic), *latest
            )
        with what_we_stored:
            return {
                subject.decode(): cursor_of(cursor)
                for subject, cursor in zip(latest, found, strict=True)
                # One that has just made room for another's.
                if cursor is not None
            }

    async def _run(
        self, topics: Sequence[str], subject: str, target: str
    ) -> tuple[Cursor, bytes, dict[str, ReadState]]:
        names = [*self._keys.position, self._keys.rules]
        for topic in topics:
            names += (self._keys.stream(topic), self._keys.cursors(topic), self._keys.moved(topic))
        arguments: list[Any] = [
            subject,
            target,
            CURSOR_TTL,
            MAX_READERS,
            self._rules.current.text,
        ]
        head, rules, outcome, *found = await self._commands.run_script(
            _READER_CURSORS, names, arguments, before=self._seen.arguments
        )
        if rules is not None:
            self._rules.follow(rules)
        with what_we_stored:
            position = cursor_of(head)
            states = {
                topic: ReadState(
                    cursor_of(cursor) if cursor else None,
                    unread if self._rules.current.unread.of(topic) is not None else None,
                )
                for topic, cursor, unread in zip(topics, found[::2], found[1::2], strict=True)
            }
        self._seen.note(position)
        return position, outcome, states
