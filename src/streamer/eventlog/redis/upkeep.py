"""What is looked after by hand, in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...errors import TopicBusy
from ...events.cursor import Cursor
from ...events.topic import job_of
from ..lifetimes import SILENT_TTL, TOMBSTONE_TTL
from ..turns import Turns
from ..upkeep import Holding
from .keys import Keys
from .link.commands import Commands
from .rules import RedisRules
from .script import Script
from .seen import Seen
from .stored import cursor_of, what_we_stored

_DESCRIBE: Final = Script("rights.lua", "describe.lua")
_DELETE: Final = Script("rights.lua", "position.lua", "delete.lua")
_TRIM: Final = Script("rights.lua", "trim.lua")


class RedisUpkeep:
    """`Upkeep` in Redis, by describe.lua, delete.lua and trim.lua."""

    def __init__(
        self, keys: Keys, commands: Commands, seen: Seen, reading: Turns, rules: RedisRules
    ) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._seen: Final = seen
        self._reading: Final = reading
        self._rules: Final = rules

    async def describe(self, topics: Sequence[str]) -> list[Holding]:
        """See `Upkeep.describe`."""
        keys = self._keys
        names: list[str] = []
        for topic in topics:
            names += (keys.stream(topic), keys.meta(topic), keys.parts(topic), keys.cursors(topic))
        if not names:
            return []
        async with self._reading:
            found = await self._commands.run_script(_DESCRIBE, names, ())
        with what_we_stored:
            return [_holding(topic, each) for topic, each in zip(topics, found, strict=True)]

    async def delete(self, topic: str, *, force: bool = False) -> Cursor | None:
        """See `Upkeep.delete`."""
        keys = self._keys
        names = [*keys.position, keys.stream(topic), keys.meta(topic), keys.parts(topic)]
        names += (keys.snapshot(topic), keys.tasks(topic), keys.cursors(topic), keys.moved(topic))
        names.append(keys.left(topic))
        if (job_id := job_of(topic)) is not None:
            names.append(keys.checkpoint(job_id))
        arguments = (topic, keys.notification(topic), TOMBSTONE_TTL, int(force))
        found = await self._commands.run_script(
            _DELETE, names, arguments, before=self._seen.arguments
        )
        if found is None:
            return None
        if found == b"busy":
            raise TopicBusy.of(topic)
        with what_we_stored:
            id_ = cursor_of(found)
        self._seen.note(id_)
        return id_

    async def trim(self, topics: Sequence[str]) -> int:
        """See `Upkeep.trim`."""
        keys = self._keys
        names: list[str] = []
        arguments = [SILENT_TTL, TOMBSTONE_TTL]
        for topic in topics:
            names += (keys.stream(topic), keys.meta(topic), keys.parts(topic))
            names += (keys.snapshot(topic), keys.tasks(topic))
            kept = self._rules.current.retention.of(topic)
            arguments += (kept.max_length, int(kept.max_age * 1000))
        return int(await self._commands.run_script(_TRIM, names, arguments)) if names else 0


def _holding(topic: str, found: Sequence[Any]) -> Holding:
    events, parts, size, first, last, trimmed, reason, busy, kept, cursors = found
    is_gone = last is not None and not events and not parts and trimmed != last
    if is_gone:
        trimmed, reason = last, b"expired"
    return Holding(
        topic,
        events=events,
        parts=parts,
        bytes=size,
        first=cursor_of(first) if first else None,
        last=cursor_of(last) if last else None,
        trimmed=cursor_of(trimmed) if trimmed else None,
        reason=reason.decode() if reason and trimmed else None,
        busy=busy == b"1" and bool(events),
        expires=int(kept) if kept and (events or parts) else None,
        cursors=cursors,
    )
