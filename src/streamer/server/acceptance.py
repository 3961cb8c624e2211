"""Which connections a process holds, and the bounds on those that are not readers."""

from __future__ import annotations

import logging
import sys
from typing import Final, Protocol

from ..hub.party import party_of
from ..metrics import SILENT, Metrics

_logger: Final = logging.getLogger(__name__)

#: Seconds between two lines about connections that were closed for want of room.
_QUIET: Final = 60.0
#: Seconds that a connection is left open for a request that is on its way, when the server
#: has drained: a proxy that is cut off there does not know whether it was read, and what
#: cannot be repeated fails.
LAST_CALL: Final = 0.5
#: How an IPv4 address begins on a socket of both families (RFC 4291, section 2.5.5.2).
_MAPPED: Final = "::ffff:"


class Connection(Protocol):
    """A connection, as far as its bounds go; none of its methods raises.

    Attributes:
        party: whose it is, while it is counted; kept here, for there are many.
    """

    party: str | None

    def look(self, now: float) -> None:
        """End the connection if its time is over (seconds, of the loop's clock)."""

    def give_way(self) -> None:
        """End the connection: it waits, and others have no room."""


class Acceptance:
    """Every connection of one process: it is a reader, or it waits, or it works.

    One that *waits* has not sent a whole request: it is idle, slow or silent. One
    that *works* is being answered, or closed. Readers are bounded elsewhere. When too
    many wait, the oldest of the party that has most of them gives way, so that
    nobody can lock others out by merely connecting.

    Args:
        most: connections of the process; 0 is no limit.
        most_waiting: those that wait; 0 is no limit.
        metrics: counts those that there was no room for.
    """

    def __init__(self, most: int = 0, most_waiting: int = 0, metrics: Metrics = SILENT) -> None:
        self._metrics: Final = metrics
        self._most: Final = most
        self._most_waiting: Final = most_waiting
        self._count = 0
        self._waiting: Final[dict[str, dict[Connection, None]]] = {}
        self._waiting_count = 0
        self._working: Final[dict[Connection, None]] = {}
        self._gave_way = 0
        self._refused = 0
        self._spoke_at: float | None = None

    def __len__(self) -> int:
        """How many connections there are."""
        return self._count

    def enter(self, connection: Connection, host: str) -> bool:
        """Take a new connection of `host`, which waits now; False if there is no room."""
        if self._most and self._count >= self._most and not self._make_room():
            self._refused += 1
            self._metrics.dropped("no_room")
            return False
        connection.party = party = sys.intern(party_of(host))
        self._count += 1
        self._await(connection, party)
        return True

    def leave(self, connection: Connection) -> None:
        """The connection is lost."""
        self.seat(connection)
        if connection.party is not None:
            connection.party = None
            self._count -= 1

    def hand_on(self, connection: Connection, heir: Connection) -> None:
        """`heir` works on what `connection` was: it is the same one, by another protocol."""
        self.seat(connection)
        heir.party, connection.party = connection.party, None
        if heir.party is not None:
            self._working[heir] = None

    def wait(self, connection: Connection) -> None:
        """It has no whole request: it is new, or was answered."""
        party = connection.party
        if party is not None:
            self.seat(connection)
            self._await(connection, party)

    def work(self, connection: Connection) -> None:
        """It is being answered, or closed."""
        if connection.party is not None:
            self.seat(connection)
            self._working[connection] = None

    def seat(self, connection: Connection) -> None:
        """It is a reader."""
        self._working.pop(connection, None)
        party = connection.party
        if party is None:
            return
        ours = self._waiting.get(party)
        if ours is not None and connection in ours:
            del ours[connection]
            self._waiting_count -= 1
            if not ours:
                del self._waiting[party]

    def tick(self, now: float) -> None:
        """Look at every connection that is not a reader; call it about once a second."""
        for waiting in tuple(self._waiting.values()):
            for connection in tuple(waiting):
                connection.look(now)
        for connection in tuple(self._working):
            connection.look(now)
        if (self._gave_way or self._refused) and (
            self._spoke_at is None or now - self._spoke_at >= _QUIET
        ):
            _logger.warning(
                "too many connections (%d): %d that waited were closed, %d were not taken",
                self._count,
                self._gave_way,
                self._refused,
            )
            self._spoke_at = now
            self._gave_way = self._refused = 0

    def _await(self, connection: Connection, party: str) -> None:
        self._waiting.setdefault(party, {})[connection] = None
        self._waiting_count += 1
        if self._most_waiting and self._waiting_count > self._most_waiting:
            self._make_room()

    def _make_room(self) -> bool:
        if not self._waiting:
            return False
        most = max(self._waiting.values(), key=len)
        oldest = next(iter(most))
        self.work(oldest)
        oldest.give_way()
        self._gave_way += 1
        self._metrics.dropped("made_room")
        return True


def address_of(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """The host and port of a client; an IPv4 one is itself, also over a socket of ``::``."""
    if client is None or not client[0].startswith(_MAPPED):
        return client
    return client[0].removeprefix(_MAPPED), client[1]
