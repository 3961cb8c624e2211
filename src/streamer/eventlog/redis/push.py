"""Who is reached by Web Push, and what is to be sent, in Redis."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ...errors import TooManySubscribers
from ...events.cursor import Cursor
from ...events.topic import USERS
from ..lifetimes import TOMBSTONE_TTL
from ..push import (
    MAX_FOUND,
    MAX_SUBJECTS,
    MAX_SUBSCRIPTIONS,
    SUBSCRIPTION_TTL,
    Send,
    Subscription,
    name_of,
    pack,
    unpack,
)
from .keys import Keys
from .link.commands import Commands
from .script import Script
from .stored import cursor_of, what_we_stored

_PUSH: Final = Script("rights.lua", "push.lua")


class RedisPushes:
    """`Pushes` in Redis, by push.lua."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = keys
        self._commands: Final = commands
        self._all: Final = [keys.push_due, keys.push_sends, keys.push_subjects]

    async def subscribe(self, subject: str, subscription: Subscription) -> None:
        """See `Pushes.subscribe`."""
        name = name_of(subscription.endpoint)
        most = (SUBSCRIPTION_TTL, MAX_SUBSCRIPTIONS, MAX_SUBJECTS, TOMBSTONE_TTL)
        answer = await self._run("subscribe", subject, name, pack(subscription), *most)
        if answer == b"full":
            raise TooManySubscribers.of(MAX_SUBJECTS)

    async def unsubscribe(self, subject: str, endpoint: str) -> bool:
        """See `Pushes.unsubscribe`."""
        return bool(await self._run("unsubscribe", subject, name_of(endpoint)))

    async def subscriptions(self, subject: str) -> list[Subscription]:
        """See `Pushes.subscriptions`."""
        found: list[bytes] = await self._commands.call(
            "HGETALL", self._keys.push_subscriptions(subject)
        )
        with what_we_stored:
            listed = {
                field[1:].decode(): _read(stored)[1]
                for field, stored in zip(found[::2], found[1::2], strict=True)
                if field.startswith(b"s")
            }
        owners: list[bytes | None] = await asyncio.gather(
            *(self._commands.call("GET", self._keys.push_owner(name)) for name in listed)
        )
        own = subject.encode()
        return [it for it, owner in zip(listed.values(), owners, strict=True) if owner == own]

    async def spread(self, seconds: float, limit: int = MAX_FOUND) -> int:
        """See `Pushes.spread`."""
        found = await self._look("due", seconds, limit)
        with what_we_stored:
            due = [
                (subject.decode(), score.decode())
                for subject, score in zip(found[::2], found[1::2], strict=True)
            ]
        await asyncio.gather(*(self._run("spread", subject, score) for subject, score in due))
        return len(due)

    async def take(self, seconds: float, limit: int = MAX_FOUND) -> list[Send]:
        """See `Pushes.take`."""
        found = await self._look("take", seconds, limit)
        taken: list[tuple[str, str, int]] = []
        with what_we_stored:
            for member, end in zip(found[::2], found[1::2], strict=True):
                name, subject = member.decode().split(" ", 1)
                taken.append((name, subject, int(end)))
        opened = await asyncio.gather(
            *(self._run("open", subject, name, until) for name, subject, until in taken)
        )
        sends = []
        for (name, subject, until), answer in zip(taken, opened, strict=True):
            if answer is None:
                continue
            stored, told, failures = answer
            with what_we_stored:
                stamp, subscription = _read(stored)
                cursor = cursor_of(told) if told else None
                count = int(failures)
            sends.append(Send(subject, name, subscription, cursor, count, until, stamp))
        return sends

    async def done(self, send: Send, told: Cursor | None) -> None:
        """See `Pushes.done`."""
        await self._end("done", send, "" if told is None else str(told))

    async def later(self, send: Send, seconds: float, *, failed: bool) -> None:
        """See `Pushes.later`."""
        await self._end("later", send, int(seconds * 1000), int(failed))

    async def drop(self, send: Send) -> None:
        """See `Pushes.drop`."""
        await self._end("drop", send, send.stamp)

    async def _look(self, what: str, seconds: float, limit: int) -> list[bytes]:
        arguments: list[Any] = [what, int(seconds * 1000), limit]
        found: list[bytes] = await self._commands.run_script(_PUSH, self._all, arguments)
        return found

    async def _end(self, what: str, send: Send, *arguments: str | int) -> None:
        await self._run(what, send.subject, send.name, send.until, *arguments)

    async def _run(self, what: str, subject: str, *arguments: str | bytes | int) -> Any:  # noqa: ANN401
        names = [
            *self._all,
            self._keys.push_subscriptions(subject),
            self._keys.meta(USERS + subject),
        ]
        if what != "spread":
            names.append(self._keys.push_owner(str(arguments[0])))
        return await self._commands.run_script(_PUSH, names, [what, subject, *arguments])


def _read(stored: bytes) -> tuple[int, Subscription]:
    came, _, packed = stored.partition(b" ")
    return int(came), unpack(packed)
