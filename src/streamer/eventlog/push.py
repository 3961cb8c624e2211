"""Who is reached by Web Push, and what is to be sent to whom: once, over all processes."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

import msgspec

from ..events.cursor import Cursor

#: Subscriptions of one subject, which are its browsers; of more, the one that came back
#: longest ago goes.
MAX_SUBSCRIPTIONS: Final = 20
#: Subjects who have one: some 100 MB in Redis, at two browsers each.
MAX_SUBJECTS: Final = 100_000
#: Milliseconds that a subject is kept after it subscribed last, as its cursors are. A page
#: subscribes again whenever it is opened.
SUBSCRIPTION_TTL: Final = 400 * 24 * 3600 * 1000
#: Sends, or subjects, that are found in one look; the next look finds more.
MAX_FOUND: Final = 100


class Subscription(msgspec.Struct, frozen=True):
    """A browser that may be reached (Push API, `PushSubscription`).

    Attributes:
        endpoint: where its push service takes what is sent to it. Whoever knows it may send.
        p256dh: its public key, and `auth` its secret, as the browser writes them: base64url.
        server_key: the public key that it takes pushes from, as `p256dh` is written.
        expires: milliseconds since 1970 at which it ends, if it does.
        issued: of whose token it is: when that was issued, in seconds since 1970,
        token_id: its ``jti``,
        parent_id: and that of the one it was made from. A subscription is good for as long
            as they were not revoked.
    """

    endpoint: str
    p256dh: str
    auth: str
    server_key: str
    expires: int | None = None
    issued: float | None = None
    token_id: str = ""
    parent_id: str | None = None


class Send(msgspec.Struct, frozen=True):
    """One subscription that is to be told what its subject has not read; taken by one process.

    Attributes:
        subject: whose notifications it is told of.
        name: of the subscription, the same for the same endpoint.
        told: the last notification that it was told of, if there is one.
        failures: how often it was tried in vain since.
        until: milliseconds by the log's clock at which the lease ends: then another may take it.
        stamp: which state of the subscription was taken: another one, after it came back.
    """

    subject: str
    name: str
    subscription: Subscription
    told: Cursor | None
    failures: int
    until: int
    stamp: int


class Pushes(Protocol):
    """Subscriptions, and a queue of what is to be sent to them, judged by the log's clock.

    A notification that counts as unread on ``users/{id}`` makes its subject due, with the
    append itself, if the subject has a subscription. `spread` finds who has been due for
    long enough, and puts a send into the queue for each of their subscriptions; `take`
    gives a send to one process, which looks whether there is still something unread, tells
    it, and ends the send. One that is taken and never ended, for its process is gone, is
    given to another when its lease is over.

    A subscription has one send at most, which tells of everything that is unread when it is
    sent. So nothing piles up for a browser that cannot be reached.

    Every method raises `LogUnavailable` when the log cannot be reached in time.
    """

    async def subscribe(self, subject: str, subscription: Subscription) -> None:
        """Keep a subscription, for `SUBSCRIPTION_TTL`; one of the same endpoint is replaced.

        An endpoint is one subject's: who subscribes with another's takes it over, as who
        logs in at a browser where somebody else was.

        Raises:
            TooManySubscribers: `MAX_SUBJECTS` have one, and this subject has none.
        """

    async def unsubscribe(self, subject: str, endpoint: str) -> bool:
        """Forget the subscription of `endpoint`; whether `subject` had it."""

    async def subscriptions(self, subject: str) -> list[Subscription]:
        """The subscriptions of a subject, in no order."""

    async def spread(self, seconds: float, limit: int = MAX_FOUND) -> int:
        """Queue sends for subjects who have been due for `seconds`; return how many subjects."""

    async def take(self, seconds: float, limit: int = MAX_FOUND) -> list[Send]:
        """Take sends whose time has come, each for `seconds`."""

    async def done(self, send: Send, told: Cursor | None) -> None:
        """End a send that told of everything up to `told`; None if nothing was to be told.

        If its subject became due meanwhile, it is queued again. Nothing happens if another
        process has taken it since; so it is with the others.
        """

    async def later(self, send: Send, seconds: float, *, failed: bool) -> None:
        """Queue a send again, in `seconds`; `failed` counts in `Send.failures`."""

    async def drop(self, send: Send) -> None:
        """End a send, and forget its subscription unless that came back since."""


def pack(subscription: Subscription) -> bytes:
    """As a log stores it."""
    return msgspec.json.encode(subscription)


def unpack(stored: bytes) -> Subscription:
    """What `pack` has written; raises `msgspec.MsgspecError` for anything else."""
    return msgspec.json.decode(stored, type=Subscription)


def name_of(endpoint: str) -> str:
    """What the subscription of `endpoint` is called here: short, and no secret as that is."""
    return hashlib.sha256(endpoint.encode()).hexdigest()[:32]
