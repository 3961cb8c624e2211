"""Those who are there over the connections of this process, and those whose process is gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, Final

from ..errors import StreamerError
from ..eventlog.base import EventLog
from ..eventlog.presence import LEASE_SECONDS, Member
from ..every import every
from .speaker import Speaker
from .typing import TypingWatch

_logger: Final = logging.getLogger(__name__)

#: Seconds between two times that a process says who is there, at most: one that fails may be
#: made up for, twice, before anybody counts as gone.
_RENEW_SECONDS: Final = LEASE_SECONDS / 3
#: Seconds between two looks for those whose process is gone, at most.
_LOOK_SECONDS: Final = 1.0
#: Of those that are found gone, so many are said to have left at once.
_AT_ONCE: Final = 100


class Attendance:
    """Who is there: each connection enters, and its leave is called when it is over.

    Args:
        log: keeps who is there.
        typing: told of whoever is gone, who types no longer.
        is_draining: whether this process is going away: then readers come back elsewhere,
            and nobody has left until their lease is over.
    """

    def __init__(self, log: EventLog, typing: TypingWatch, is_draining: Callable[[], bool]) -> None:
        self._log: Final = log
        self._typing: Final = typing
        self._is_draining: Final = is_draining
        self._process: Final = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._numbers: Final = count(1)
        self._held: Final[dict[str, Member]] = {}
        self._leaving: Final[set[asyncio.Task[None]]] = set()

    async def enter(self, topic: str, speaker: Speaker) -> Callable[[], None]:
        """Let somebody be there over one more connection; return what ends that, once.

        Raises:
            TooManyMembers: the conversation is full.
            LogUnavailable: it cannot be known now.
        """
        connection = f"{self._process}-{next(self._numbers)}"
        member = Member(topic, connection, speaker.user, speaker.username)

        def leave() -> None:
            if self._held.pop(connection, None) is not None and not self._is_draining():
                self._spawn_leave(member)

        self._held[connection] = member
        try:
            await self._log.presence.enter(member, LEASE_SECONDS)
        except BaseException:
            # Cancelled, or cut off: it may be there all the same.
            leave()
            raise
        return leave

    async def run(self) -> None:
        """Say who is there, and look who is no longer, until cancelled."""
        await asyncio.gather(
            every(_RENEW_SECONDS, self.renew, "saying who is there", logger=_logger),
            every(_LOOK_SECONDS, self.look, "looking who is gone", logger=_logger),
        )

    async def renew(self) -> None:
        """Say who is there; those whom the log has lost enter again."""
        missing = await self._log.presence.renew(list(self._held.values()), LEASE_SECONDS)
        await _each(missing, self._enter_again)

    async def look(self) -> None:
        """Let those leave whose process is gone, each once over all processes."""
        await _each(await self._log.presence.lapsed(LEASE_SECONDS), self._leave_lapsed)

    async def _enter_again(self, member: Member) -> None:
        if member.connection not in self._held:
            return
        await self._log.presence.enter(member, LEASE_SECONDS)
        if member.connection not in self._held:  # it has left meanwhile, perhaps before
            await self._leave(member)

    async def _leave_lapsed(self, member: Member) -> None:
        if member.connection in self._held:
            return  # we are late ourselves; it is renewed soon
        if await self._log.presence.leave(member, if_lapsed=True) is not None:
            await self._typing.stop(member.topic, Speaker(member.user, member.username))

    def _spawn_leave(self, member: Member) -> None:
        task = asyncio.get_running_loop().create_task(self._leave(member))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, member: Member) -> None:
        # What cannot be said now, whoever looks says when the lease is over.
        with contextlib.suppress(StreamerError):
            if await self._log.presence.leave(member) is not None:
                await self._typing.stop(member.topic, Speaker(member.user, member.username))


async def _each(
    members: Sequence[Member], act: Callable[[Member], Coroutine[Any, Any, None]]
) -> None:
    """Do it for each, so many at once; raise the first error once all were tried."""
    errors: list[BaseException] = []
    for first in range(0, len(members), _AT_ONCE):
        done = await asyncio.gather(
            *(act(member) for member in members[first : first + _AT_ONCE]), return_exceptions=True
        )
        errors += [error for error in done if error is not None]
    if errors:
        raise errors[0]
