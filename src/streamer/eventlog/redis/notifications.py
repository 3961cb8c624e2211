"""One process's subscriptions to new events, over one connection to Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from redis import exceptions

from ...backoff import Backoff
from ...config.redis_url import RedisURL
from ...errors import LogUnavailable
from ...events.cursor import ORIGIN, Cursor
from ...events.event import Event
from ..base import Listener
from .keys import Keys
from .link.connection import Reply
from .link.failures import unavailable
from .link.pubsub import PubSubConnection, subscribe_at
from .link.route import Address, Route
from .seen import Seen
from .stored import cursor_of

_log: Final = logging.getLogger(__name__)

#: Seconds before the first attempt to reconnect, and at most before any.
RECONNECTING: Final = Backoff(0.05, 2.0)
#: Seconds that a connection must have lasted for the next attempt to be a first one:
#: of one that is lost as soon as it is made, every feed would be read again at each.
_STABLE: Final = 5.0
#: Probes missed before the connection counts as dead: one may be unlucky.
_MISSED_PROBES: Final = 2
#: Topics in one SUBSCRIBE: its reply is one line each, all in one write of Redis.
_SUBSCRIBE_STEP: Final = 1000
#: What a notification begins with that names no event, but the id of a deletion.
_DELETED: Final = b"!"


class _Round:
    """Subscriptions asked for together, confirmed when all of them are."""

    def __init__(self) -> None:
        self.topics: Final[dict[str, None]] = {}
        self.missing = 0
        #: Whether they were confirmed; False if the connection was lost before.
        self.confirmed: Final[asyncio.Future[bool]] = asyncio.get_running_loop().create_future()

    def settle(self, *, confirmed: bool) -> None:
        if not self.confirmed.done():
            self.confirmed.set_result(confirmed)


class Notifier:
    """See `base.Notifications`; made by `RedisEventLog.listen`.

    While the connection is down nothing is notified, and nothing is until every
    subscription is confirmed again: an event heard early would stand before
    those that were missed.
    """

    def __init__(
        self,
        url: RedisURL,
        route: Route | None,
        keys: Keys,
        listener: Listener,
        *,
        seen: Seen,
        publish: Callable[[str, bytes], Awaitable[None]],
        timeout: float,
        probe_interval: float,
        backoff: Callable[[int], float],
    ) -> None:
        self._url: Final = url
        self._route: Final = route
        self._listener: Final = listener
        self._seen: Final = seen
        self._publish: Final = publish
        self._timeout: Final = timeout
        self._probe_interval: Final = probe_interval
        self._backoff: Final = backoff
        self._prefix: Final = keys.notification_prefix
        self._probe_name: Final = keys.probe_prefix + secrets.token_hex(8)
        self._probe: Final = self._probe_name.encode()
        self._wanted: Final[dict[str, None]] = {}
        self._unwanted: Final[dict[str, None]] = {}
        #: Names that Redis sends us, exactly: changed in the order of its replies.
        self._heard: Final[set[bytes]] = set()
        #: What the next flush asks for, and what was asked, one for each reply.
        self._next: _Round | None = None
        self._awaited: Final[deque[_Round]] = deque()
        #: The round that subscribes a new connection to everything.
        self._first: _Round | None = None
        self._connection: PubSubConnection | None = None
        self._live = False
        #: The id notified last over this connection.
        self._last = ORIGIN
        self._down: str | None = None
        self._closed = False
        self._flushing = False
        #: What the probe under way has still to bring back: by notification, by answer.
        self._token = b""
        self._asked = b""
        self._missed = 0
        self._task: Final = asyncio.get_running_loop().create_task(self._run())

    @property
    def healthy(self) -> bool:
        """See `Notifications.healthy`."""
        return self._live  # until two probes in a row were not heard

    async def subscribe(self, topics: Collection[str]) -> None:
        """See `Notifications.subscribe`; subscriptions asked for together share a command."""
        if self._closed:
            raise LogUnavailable("the event log is closed")
        self._wanted.update(dict.fromkeys(topics))
        if self._down is not None:
            raise self._away()
        asked = self._next = self._next or _Round()
        asked.topics.update(dict.fromkeys(topics))
        self._flush_soon()
        # `wait`, for it leaves the round alone when one that waits is cancelled.
        await asyncio.wait((asked.confirmed,), timeout=self._timeout)
        if not asked.confirmed.done():
            raise LogUnavailable("Redis did not confirm a subscription in time")
        if not asked.confirmed.result():
            raise self._away()

    def unsubscribe(self, topics: Collection[str]) -> None:
        """See `Notifications.unsubscribe`."""
        for topic in topics:
            self._wanted.pop(topic, None)
            self._unwanted[topic] = None
        self._flush_soon()

    async def close(self) -> None:
        """See `Notifications.close`."""
        self._closed = True
        self._live = False
        self._task.cancel()
        await asyncio.wait((self._task,))
        self._settle_all()

    def _away(self) -> LogUnavailable:
        reason = self._down or "closed"
        if reason.startswith("NOPERM"):
            return unavailable(exceptions.ResponseError(reason))
        return LogUnavailable(f"Redis cannot be reached ({reason})")

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._connection is None or self._first is None:
            return  # a new connection subscribes to all that is wanted, once it is made
        dropped = [self._prefix + topic for topic in self._unwanted if topic not in self._wanted]
        self._unwanted.clear()
        if dropped:
            self._connection.unsubscribe(dropped)
        asked, self._next = self._next, None
        if asked is not None:
            # Asked for again though it may be subscribed already: the confirmation
            # is what proves it, whatever was unsubscribed in between.
            self._ask(
                asked, [self._prefix + topic for topic in asked.topics if topic in self._wanted]
            )

    def _ask(self, asked: _Round, names: list[str]) -> None:
        assert self._connection is not None  # noqa: S101
        asked.missing = len(names)
        self._awaited.extend([asked] * len(names))
        for start in range(0, len(names), _SUBSCRIBE_STEP):
            self._connection.subscribe(names[start : start + _SUBSCRIBE_STEP])
        if not names:
            asked.settle(confirmed=True)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._connect()
                    assert self._first is not None  # noqa: S101
                    if self._connection is not None:
                        await asyncio.wait(
                            (self._first.confirmed, self._connection.lost),
                            return_when=asyncio.FIRST_COMPLETED,
                        )
                confirmed = clock()
                reason = await self._until_lost()
                if clock() - confirmed >= _STABLE:
                    attempt = 0
            except TimeoutError:
                reason = "no answer in time"
            except (OSError, LogUnavailable) as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, we must hear again
                _log.exception("The connection for notifications failed")
                reason = repr(error)
            finally:
                self._let_go()
            self._lose(reason)
            await asyncio.sleep(self._backoff(attempt))
            attempt += 1

    async def _connect(self) -> None:
        address = await self._route.find() if self._route is not None else None
        self._connection = await subscribe_at(self._url, address, self._received)
        self._last = ORIGIN
        self._heard.clear()
        self._unwanted.clear()
        self._first, self._next = self._next or _Round(), None
        self._ask(
            self._first, [self._probe_name, *(self._prefix + topic for topic in self._wanted)]
        )

    async def _until_lost(self) -> str:
        assert self._connection is not None  # noqa: S101
        probing = asyncio.create_task(self._keep_probing(self._connection))
        try:
            return await asyncio.shield(self._connection.lost)
        finally:
            self._connection.abort("closed")
            probing.cancel()
            await asyncio.wait((probing,))

    async def _keep_probing(self, connection: PubSubConnection) -> None:
        """Prove again and again that what is published arrives.

        A socket can be alive and deaf: after a failover it may lead to a server
        that nobody publishes to any more. If our own commands still go there as
        well, even the probe is heard: so those who know are asked, too. And it can
        hear, and not be heard: then no further topic could be subscribed, so it
        asks for an answer of its own.
        """
        while not connection.lost.done():
            token = secrets.token_hex(8)
            self._token = self._asked = token.encode()
            # Not PING: a Redis that cannot save to disk refuses that, and nothing else here.
            connection.unsubscribe((token,))
            with contextlib.suppress(LogUnavailable, TimeoutError):
                async with asyncio.timeout(self._probe_interval):
                    await self._publish(self._probe_name, self._token)
            if (elsewhere := await self._elsewhere(connection)) is not None:
                connection.abort(f"the event log is at {elsewhere} now")
                return
            await asyncio.wait((connection.lost,), timeout=self._probe_interval)
            if self._token or self._asked:
                self._missed += 1
                if self._missed >= _MISSED_PROBES:
                    connection.abort("notifications no longer arrive")
                    return

    async def _elsewhere(self, connection: PubSubConnection) -> Address | None:
        """The server that has taken over from the one at the other end, if one has."""
        if self._route is not None:
            with contextlib.suppress(LogUnavailable, TimeoutError):
                async with asyncio.timeout(self._probe_interval):
                    address = await self._route.find()
                return address if address != connection.address else None
        return None

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.abort("closed")
        self._connection = None
        self._first = None

    def _lose(self, reason: str) -> None:
        was_down, self._down = self._down, reason
        self._live = False
        self._missed = 0
        self._settle_all()
        if was_down is None and not self._closed:
            _log.warning("Notifications are interrupted: %s", reason)
            self._listener.interrupted(reason)

    def _settle_all(self) -> None:
        for asked in (*self._awaited, self._next):
            if asked is not None:
                asked.settle(confirmed=False)
        self._awaited.clear()
        self._next = None

    def _received(self, replies: list[Reply]) -> None:
        if self._closed:
            return
        events: list[Event] = []
        for reply in replies:
            kind = reply[0]
            if kind != b"message":
                self._answered(kind, reply[1])
            elif reply[2].startswith(_DELETED):
                if self._is_deletion(reply[2]):
                    if events:
                        self._listener.notified(events)
                        events = []
                    self._listener.deleted((reply[1].decode()[len(self._prefix) :],))
            elif (event := self._event_of(reply[1], reply[2])) is not None:
                events.append(event)
        if events:
            self._listener.notified(events)

    def _answered(self, kind: bytes, name: bytes) -> None:
        if kind == b"subscribe":
            self._heard.add(name)
            self._confirm()
        elif kind == b"unsubscribe" and name == self._asked:
            self._asked = b""
            self._forgive()
        elif kind == b"unsubscribe":
            self._heard.discard(name)

    def _is_deletion(self, payload: bytes) -> bool:
        """Whether a notification says that its topic was deleted, and follows what came before."""
        if not self._live:
            return False
        try:
            id_ = cursor_of(payload[len(_DELETED) :])
        except ValueError:
            return False
        return self._follows(id_)

    def _event_of(self, name: bytes, payload: bytes) -> Event | None:
        if name == self._probe:
            if payload == self._token:
                self._token = b""
                self._forgive()
            return None
        if not self._live:
            return None
        id_, _, entry = payload.partition(b" ")
        try:
            event = Event.from_entry(None if id_ == b"-" else cursor_of(id_), entry)
        except ValueError:
            _log.warning("Something else is published under our name %s", name)
            return None
        if len(event.topics) > 1:
            # Notified once for each of its topics: the first to arrive counts.
            heard = ((self._prefix + topic).encode() for topic in event.topics)
            if next((each for each in heard if each in self._heard), name) != name:
                return None
        return event if event.id is None or self._follows(event.id) else None

    def _follows(self, id_: Cursor) -> bool:
        """Whether `id_` is below none before it, as over one connection no id is.

        If not, the log was lost, and went on with somebody who did not know how far
        it had come. Whoever reads it, as we do when we hear again, raises it above
        all that we have seen.
        """
        assert self._connection is not None  # noqa: S101
        if id_ < self._last:
            self._live = False
            self._connection.abort(f"the event log has begun again, below {self._last}")
            return False
        self._last = id_
        self._seen.note(id_)
        return True

    def _forgive(self) -> None:
        if not self._token and not self._asked:
            self._missed = 0

    def _confirm(self) -> None:
        asked = self._awaited.popleft()
        asked.missing -= 1
        if asked.missing:
            return
        asked.settle(confirmed=True)
        if asked is self._first:
            was_down, self._down = self._down, None
            self._live = True
            if was_down is not None:
                self._listener.resumed()
