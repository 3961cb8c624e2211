"""Subscribing a browser to the notifications of whoever asks (Web Push)."""

from __future__ import annotations

import time
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, delete, get, put

from ..access.grants import EVERYTHING
from ..errors import PushUnavailable
from ..eventlog.base import EventLog
from ..eventlog.push import Subscription
from ..events.json_body import read_json
from ..events.topic import user_topic
from ..push.browser import PushSubscription, check_keys
from ..push.wired import Push
from .asker import asker_of
from .documentation import ApiOperation
from .may import may_read
from .push_documentation import SubscribeOperation, UnsubscribeOperation
from .reader_cursors import reader_of
from .too_often import HowOften

Body = TypeVar("Body", PushSubscription, "Unsubscription")

#: What a body is to be, for an error.
_AS: Final = '{"endpoint":"https://…","keys":{"p256dh":"…","auth":"…"}}'


class Unsubscription(msgspec.Struct):
    """What a body asks for; a whole subscription does too.

    Attributes:
        endpoint: of the subscription that is to be forgotten.
        reader: whose it is, where nobody is asked who they are.
    """

    endpoint: str
    reader: str | None = None


@get(
    "/push/key",
    tags=["notifications"],
    operation_class=ApiOperation,
    summary="The key that pushes are signed with",
)
async def push_key(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The `applicationServerKey` with which a browser subscribes, in base64url."""
    return {"key": (await (_push_of(request)).key()).public}


@put(
    "/push/subscriptions",
    tags=["notifications"],
    operation_class=SubscribeOperation,
    summary="Have a browser told of your notifications",
)
async def subscribe(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Have this browser told of what you have not read in time.

    The body is the browser's `PushSubscription` as it is. To do so again changes nothing,
    so do it whenever your page is opened: a browser that is another's by now is no longer
    told of theirs, and one that never comes back is forgotten.
    """
    push = _push_of(request)
    often: HowOften = request.app.state.publish_rate
    often.count(request)
    given = read_json(await request.body(), PushSubscription, _AS)
    asker = asker_of(request)
    who = reader_of(asker, given.reader)
    log: EventLog = request.app.state.log
    await may_read(asker, (user_topic(who),), log)
    push.services.check(given.endpoint)
    check_keys(given.keys)
    grants = asker.grants if asker.grants is EVERYTHING else asker.grants.as_of(time.time())
    expires = given.expiration_time
    subscription = Subscription(
        given.endpoint,
        given.keys.p256dh,
        given.keys.auth,
        (await push.key()).public,
        None if expires is None else int(expires),
        grants.issued,
        grants.token_id,
        grants.parent_id,
    )
    await log.pushes.subscribe(who, subscription)
    return {"reader": who}


@delete(
    "/push/subscriptions",
    status_code=200,
    tags=["notifications"],
    operation_class=UnsubscribeOperation,
    summary="Have a browser told no longer",
)
async def unsubscribe(request: Request[Any, Any, Any]) -> dict[str, str | bool]:
    """Forget the subscription of this `endpoint`; `removed` says whether it was yours."""
    _push_of(request)
    often: HowOften = request.app.state.publish_rate
    often.count(request)
    given = read_json(await request.body(), Unsubscription, _AS)
    asker = asker_of(request)
    who = reader_of(asker, given.reader)
    log: EventLog = request.app.state.log
    await may_read(asker, (user_topic(who),), log)
    return {"reader": who, "removed": await log.pushes.unsubscribe(who, given.endpoint)}


def _push_of(request: Request[Any, Any, Any]) -> Push:
    """What sends pushes.

    Raises:
        PushUnavailable: nothing does.
    """
    push: Push | None = request.app.state.push
    if push is None:
        raise PushUnavailable(
            "no Web Push is sent from here; STREAMER_PUSH_SUBJECT says whom it is from"
        )
    return push


PUSH_HANDLERS: Final = (push_key, subscribe, unsubscribe)
