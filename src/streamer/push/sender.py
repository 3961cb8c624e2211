"""Sends one push, unless what it is about was read, and says what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import httpx

from ..access.bounded_get import Failed, tls
from ..access.grants import Grants
from ..backoff import Backoff
from ..errors import AuthUnavailable
from ..eventlog.base import EventLog
from ..eventlog.push import Send
from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event
from ..events.topic import EVERYBODY, user_topic
from .message import message_of
from .post import Answer, encrypted, post
from .services import Busy, Service, Services, origin_of
from .vapid import KeySource, VapidKey

_logger: Final = logging.getLogger(__name__)

#: Events that are read at a time to find the newest that counts, and how often: between two
#: that do there may be many that do not, such as how far something is.
_PAGE: Final = 50
_PAGES: Final = 10
#: Attempts for one push; the waits between them come to some four hours.
_ATTEMPTS: Final = 12
#: Seconds before another attempt, where the service says nothing of it.
_AGAIN: Final = Backoff(10.0, 3600.0)
#: Seconds that a service may ask us to wait: of more, we ask again after these.
_LONGEST: Final = 3600.0

#: Seconds between two lines that say the same of one service.
_QUIET: Final = 600.0

_GONE: Final = frozenset({404, 410})
#: 413 too: what we send is no longer than every service has to take, so it is not our fault.
_LATER: Final = frozenset({408, 413, 425, 429})


class _Found(NamedTuple):
    """What is to be told: the newest notification, and how many are unread."""

    event: Event
    id: Cursor
    unread: int


class Sender:
    """Sends pushes; what it is given was taken from the log for this process alone.

    Args:
        key: the key that is in use.
        subject: whom push services reach about what we send.
        is_revoked: whether a token was taken back.
        seconds: for which a push service may take to answer.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        log: EventLog,
        services: Services,
        key: KeySource,
        subject: str,
        is_revoked: Callable[[Grants], bool],
        *,
        seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log: Final = log
        self._services: Final = services
        self._key: Final = key
        self._subject: Final = subject
        self._is_revoked: Final = is_revoked
        self._seconds: Final = seconds
        self._clock: Final = clock
        self._clients: dict[bool, httpx.AsyncClient] = {}
        # When, by the name of the service and what was wrong: some dozen at most.
        self._complained: dict[tuple[str, str], float] = {}

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def send(self, send: Send, until: float) -> None:
        """Tell the subscription of `send` what its subject has not read, if there is anything.

        By `until`, of the event loop's clock: later another process may do it.

        Raises:
            LogUnavailable: it is not known what became of it: it is taken again.
        """
        key = await self._key()
        service = self._services.find(send.subscription.endpoint)
        try:
            if service is None or not self._is_good(send, key):
                await self._log.pushes.drop(send)
                return
            async with service.place(self._seconds):
                await self._send(send, service, key, until)
        except Busy as busy:
            await self._log.pushes.later(send, busy.seconds, failed=False)
        except AuthUnavailable:
            # Just begun: it is not known yet which tokens were revoked.
            await self._log.pushes.later(send, 1.0, failed=False)

    async def _send(self, send: Send, service: Service, key: VapidKey, until: float) -> None:
        found = await self._unread(send)
        if found is None:
            await self._log.pushes.done(send, None)
            return
        endpoint = send.subscription.endpoint
        body = encrypted(message_of(found.event, found.unread), send.subscription)
        authorization = key.authorization(origin_of(endpoint), self._subject, self._clock())
        client = await self._client(is_plain=endpoint.startswith("http://"))
        if asyncio.get_running_loop().time() + self._seconds > until:
            return
        try:
            answer = await post(
                client, endpoint, body, authorization, seconds=self._seconds, clock=self._clock
            )
        except Failed as error:
            service.failed()
            await self._again(send, found, service, str(error), None)
            return
        service.answered()
        await self._ended(send, found, service, answer)

    async def _ended(self, send: Send, found: _Found, service: Service, answer: Answer) -> None:
        status = answer.status
        if httpx.codes.is_success(status):
            await self._log.pushes.done(send, found.id)
        elif status in _GONE:
            await self._log.pushes.drop(send)
        elif status in _LATER or httpx.codes.is_server_error(status):
            await self._again(send, found, service, f"it answers {status}", answer.retry_after)
        else:
            self._complain(service, f"refuses a push: it answers {status}")
            await self._log.pushes.done(send, found.id)

    async def _again(
        self, send: Send, found: _Found, service: Service, why: str, wait: float | None
    ) -> None:
        if send.failures + 1 >= _ATTEMPTS:
            self._complain(service, f"was given up for one push: {why}")
            await self._log.pushes.done(send, found.id)
            return
        seconds = max(_AGAIN(send.failures), min(wait or 0.0, _LONGEST))
        await self._log.pushes.later(send, seconds, failed=True)

    def _complain(self, service: Service, what: str) -> None:
        """Say so, once in a while: what is wrong with our key is wrong with every push.

        Nothing of the endpoint: whoever reads it may send there.
        """
        now = self._clock()
        if not 0 <= now - self._complained.get((service.name, what), float("-inf")) < _QUIET:
            self._complained[service.name, what] = now
            _logger.warning("push service %s %s", service.name, what)

    async def _unread(self, send: Send) -> _Found | None:
        """What is to be told; None if all was read, or told before."""
        topics = (user_topic(send.subject), EVERYBODY)
        newest = await self._newest(topics[0])
        if newest is None or newest.id is None or newest.id <= (send.told or ORIGIN):
            return None
        # Last, for it may be read at any time: nothing is asked after this.
        states = (await self._log.reader_cursors.states(topics, send.subject)).states
        if newest.id <= (states[topics[0]].cursor or ORIGIN):
            return None
        unread = sum(state.unread or 0 for state in states.values())
        return _Found(newest, newest.id, unread)

    async def _newest(self, topic: str) -> Event | None:
        """The newest event that counts as unread, whether it was read or not."""
        rule = self._log.rules.current.unread.of(topic)
        before: Cursor | None = None
        for _ in range(_PAGES):
            page = await self._log.read_back((topic,), before, _PAGE)
            for event in page.events:
                if rule is not None and rule.counts(event.type):
                    return event
            if not page.more:
                break
            before = page.events[-1].id
        return None

    def _is_good(self, send: Send, key: VapidKey) -> bool:
        """Whether the subscription is for us still: of our key, in its time, not revoked."""
        it = send.subscription
        if it.server_key != key.public:
            return False
        if it.expires is not None and it.expires <= self._clock() * 1000:
            return False
        return not self._is_revoked(
            Grants(send.subject, issued=it.issued, token_id=it.token_id, parent_id=it.parent_id)
        )

    async def _client(self, *, is_plain: bool) -> httpx.AsyncClient:
        if is_plain not in self._clients:
            # Plain HTTP is of this machine alone: through a proxy of the environment it would
            # not be. What TLS is trusted by takes long to read.
            verify = False if is_plain else await asyncio.to_thread(tls)
            client = httpx.AsyncClient(
                verify=verify,
                timeout=None,  # noqa: S113 - `post` has one for all of it
                trust_env=not is_plain,
                # Of those who wait for its pool and leave, httpx keeps places for ever.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            )
            self._clients.setdefault(is_plain, client)
        return self._clients[is_plain]
