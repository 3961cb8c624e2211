"""Who is there in a conversation: everybody who reads it over a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from ..events.cursor import Cursor
from ..events.event import JOIN, LEAVE
from ..events.new_event import NewEvent, new_event

#: Seconds that a connection counts as there after its process has last said so.
LEASE_SECONDS: Final = 15.0
#: Members of one conversation: of each some 80 bytes are in what every reader is greeted with.
MAX_MEMBERS: Final = 1000
#: Connections of one member to one conversation: tabs and devices.
MAX_CONNECTIONS: Final = 100
#: Conversations looked through in one look, and connections of a renewal at once: Redis
#: answers nobody else meanwhile.
MAX_LOOKED: Final = 20
MAX_RENEWED: Final = 500
#: Users of one conversation of whom it is known which event told that they have left, for as
#: long as the next constant says: some 80 bytes each.
MAX_LEFT: Final = 1000
#: Milliseconds that a conversation is remembered in which nobody says that they are there. It
#: is looked through before; but what says when, may have been lost.
ABANDONED_TTL: Final = 24 * 3600 * 1000


class Member(msgspec.Struct, frozen=True):
    """One connection of somebody who is there.

    Attributes:
        topic: the conversation's.
        connection: a name that no other connection has, without spaces.
        user: who it is.
        username: what they are called; of several connections the first one's counts, and is
            that by which they leave.
    """

    topic: str
    connection: str
    user: str
    username: str

    def joins(self) -> NewEvent:
        """What is told when it is their first."""
        return self._event(JOIN)

    def leaves(self) -> NewEvent:
        """What is told when it was their last."""
        return self._event(LEAVE)

    def _event(self, event_type: str) -> NewEvent:
        fields = {"user": self.user, "username": self.username}
        return new_event(self.topic, event_type, fields, by_server=True)


class Presence(Protocol):
    """Who is there, shared by all processes of a log, and judged by its clock.

    A user is there from their first connection on to their last one. Both are told, once
    over all processes, by the append that changes the topic's snapshot: what that says, and
    the events after it, are the whole truth at any moment. What is told of a user takes the
    place of what was told of them before, without a gap: so somebody whose line flaps, or who
    loads a page again and again, pushes no message out.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def enter(self, member: Member, seconds: float) -> Cursor | None:
        """Count a connection as there for `seconds`; return the id of ``user_join``, if it is told.

        One that is there already is there for longer, and nothing else happens.

        Raises:
            TooManyMembers: `MAX_MEMBERS` are there, or `MAX_CONNECTIONS` of this one.
        """

    async def leave(self, member: Member, *, if_lapsed: bool = False) -> Cursor | None:
        """Count a connection as gone; return the id of ``user_leave``, if it is told.

        With `if_lapsed` only if its time is over. One that is not there is left alone.
        """

    async def renew(self, members: Sequence[Member], seconds: float) -> list[Member]:
        """Let connections be there for `seconds` from now; all of a process's in one call.

        Return those that are not there, which the log has lost: `enter` them again.
        """

    async def lapsed(self, seconds: float) -> list[Member]:
        """Find connections whose time is over, each until it has left.

        Call it several times in `seconds`, in one process or many. When nobody did for half
        of `seconds`, the log itself may have been away, and nobody could renew: then all are
        there for `seconds` from now, or longer.
        """
