"""The notifications of whoever asks, kept beyond their connections."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.params import FromQuery, Parameter

from ..config.unread import UnreadPolicy
from ..errors import InvalidFields, InvalidJSON
from ..eventlog.base import EventLog
from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event
from ..events.reading import Reading
from ..events.topic import EVERYBODY, user_topic
from .asker import asker_of
from .documentation import ApiOperation
from .may import may_read
from .query import NOTIFICATIONS
from .reader_cursors import move_cursor, reader_of
from .reader_documentation import NotificationsReadOperation
from .too_often import HowOften

#: Notifications in one list, at most.
_MAX_LISTED: Final = 200
#: Pages that are read back for a list of those that are unread alone.
_PAGES: Final = 10


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """What a body asks for.

    Attributes:
        cursor: the last notification that was read; None is all there are now.
        reader: whose they are, where nobody is asked who they are.
    """

    cursor: str | None = None
    reader: str | None = None


@get(
    "/notifications",
    opt=NOTIFICATIONS,
    tags=["notifications"],
    operation_class=ApiOperation,
    summary="List your notifications",
)
async def list_notifications(
    request: Request[Any, Any, Any],
    *,
    unread: FromQuery[bool] = False,
    before: FromQuery[str | None] = None,
    limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 50,
    reader: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Your own notifications, and those for everybody, the newest first.

    Each says whether it is `unread`; `unread=true` lists those alone. `next` is what
    `before` is to be for the list after this one, null where there is none: new ones that
    come meanwhile change nothing there.
    """
    who = reader_of(asker_of(request), reader)
    topics = (user_topic(who), EVERYBODY)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), topics, log)
    inbox = Inbox(await log.reader_cursors.states(topics, who), request.app.state.unread)
    place = None if before is None else Cursor.parse(before)
    listed: list[dict[str, Any]] = []
    is_more = True
    for _ in range(_PAGES):
        page = await log.read_back(topics, place, limit - len(listed))
        is_more = page.more
        if page.events:
            place = page.events[-1].id
        bodies = [inbox.body_of(event) for event in page.events]
        listed += [body for body in bodies if body["unread"] or not unread]
        if len(listed) == limit or not is_more:
            break
    return {
        "reader": who,
        "notifications": listed,
        "next": str(place) if is_more else None,
        "unread": inbox.unread,
    }


@post(
    "/notifications/read",
    status_code=200,
    tags=["notifications"],
    operation_class=NotificationsReadOperation,
    summary="Mark your notifications as read",
)
async def read_notifications(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Mark your notifications as read up to `cursor`, on all your devices; else all of them."""
    often: HowOften = request.app.state.publish_rate
    often.count(request)  # unread
    asked = read_asked(await request.body())
    who = reader_of(asker_of(request), asked.reader)
    topics = (user_topic(who), EVERYBODY)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), topics, log)
    to = await log.head() if asked.cursor is None else Cursor.parse(asked.cursor)
    found = [(await move_cursor(request.app.state, topic, who, to))[0] for topic in topics]
    return {"reader": who, "cursor": str(to), "unread": sum(state.unread or 0 for state in found)}


class Inbox:
    """How far somebody has read their notifications.

    Attributes:
        unread: how many there are that they have not.
    """

    def __init__(self, reading: Reading, policy: UnreadPolicy) -> None:
        self._reading: Final = reading
        self._policy: Final = policy
        self.unread: Final = sum(state.unread or 0 for state in reading.states.values())

    def body_of(self, event: Event) -> dict[str, Any]:
        """The body of a notification, and whether it is ``unread``."""
        body: dict[str, Any] = msgspec.json.decode(event.body)
        body["unread"] = any(self._is_unread(event, topic) for topic in event.topics)
        return body

    def _is_unread(self, event: Event, topic: str) -> bool:
        state, rule = self._reading.states.get(topic), self._policy.of(topic)
        if state is None or rule is None or event.id is None:
            return False
        return rule.counts(event.type) and event.id > (state.cursor or ORIGIN)


def read_asked(body: bytes) -> Read:
    """What `body` asks for; nothing is all.

    Raises:
        InvalidJSON: it is no JSON.
        InvalidFields: it is not what is to be asked for.
    """
    if not body:
        return Read()
    try:
        return msgspec.json.decode(body, type=Read)
    except msgspec.ValidationError as error:
        raise InvalidFields(
            f'the body must be as {{"cursor":"1738483210123-0"}}, or empty: {error}'
        ) from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(f"the body is not JSON: {error}") from error


NOTIFICATION_HANDLERS: Final = (list_notifications, read_notifications)
