"""The notifications of whoever asks, kept beyond their connections."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.params import FromQuery, Parameter

from ..access.grants import EVERYTHING
from ..config.unread import UnreadPolicy
from ..eventlog.base import EventLog
from ..events.cursor import ORIGIN, Cursor
from ..events.event import Event
from ..events.json_body import read_json
from ..events.new_event import READ
from ..events.reading import Reading
from ..events.topic import EVERYBODY, user_topic
from .asker import Asker, asker_of
from .documentation import ApiOperation
from .may import may_read
from .query import NOTIFICATIONS
from .reader_cursors import counted_on, move_cursor, reader_of
from .reader_documentation import NotificationsReadOperation
from .too_often import HowOften

#: Whose they are where nobody is asked who they are, and nobody says.
ANYBODY: Final = "anybody"
#: Notifications in one list, at most.
_MAX_LISTED: Final = 200
#: Pages that are read back, at most, for a list of some of them alone: how far something is
#: may have been said a thousand times since the last of these.
_PAGES: Final = 10


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """What a body asks for.

    Attributes:
        cursor: the last notification that was read; None is all there are now.
        reader: whose they are, where nobody is asked who they are; None is anybody's.
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
    counted: FromQuery[bool] = False,
    before: FromQuery[str | None] = None,
    limit: Annotated[int, Parameter(ge=1, le=_MAX_LISTED)] = 50,
    reader: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Your own notifications, and those for everybody, the newest first.

    Each says whether it is `unread`; `unread=true` lists those alone, and `counted=true`
    those that are or were: what never counts, as how far something is, is left out. `next` is what
    `before` is to be for the list after this one, null where there is none: new ones that
    come meanwhile change nothing there. `unread` is counted up to `counted_to`, and
    `counted` has by topic the types that count, and `cursors` how far each was read.
    """
    who = whose(asker_of(request), reader)
    topics = (user_topic(who), EVERYBODY)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), topics, log)
    reading = await log.reader_cursors.states(topics, who)
    policy = log.rules.current.unread
    inbox = Inbox(reading, policy)
    place = None if before is None else Cursor.parse(before)
    is_wanted = inbox.is_unread if unread else inbox.counts if counted else _is_notification
    listed: list[dict[str, Any]] = []
    is_more = True
    for _ in range(_PAGES):
        some = _MAX_LISTED if unread or counted else limit
        page = await log.read_back(topics, place, some)
        found = [event for event in page.events if is_wanted(event)]
        room = limit - len(listed)
        listed += [inbox.body_of(event) for event in found[:room]]
        is_more = page.more or len(found) > room
        if page.events:
            place = found[room - 1].id if len(found) > room else page.events[-1].id
        if len(listed) == limit or not is_more:
            break
    return {
        "reader": who,
        "notifications": listed,
        "next": str(place) if is_more else None,
        "unread": inbox.unread,
        "counted": {topic: counted_on(policy, topic) for topic in topics},
        "counted_to": str(inbox.counted_to),
        "cursors": inbox.cursors,
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
    who = whose(asker_of(request), asked.reader)
    topics = (user_topic(who), EVERYBODY)
    log: EventLog = request.app.state.log
    await may_read(asker_of(request), topics, log)
    to = await log.head() if asked.cursor is None else Cursor.parse(asked.cursor)
    found = [(await move_cursor(request.app.state, topic, who, to))[0] for topic in topics]
    return {"reader": who, "cursor": str(to), "unread": sum(state.unread or 0 for state in found)}


def whose(asker: Asker, named: str | None) -> str:
    """Whose notifications `asker` reads: their own.

    Where nobody is asked who they are, it is whoever they say, and `ANYBODY` if they say
    nothing.

    Raises:
        InvalidParameter: they say no name.
        Forbidden: it is somebody else's.
    """
    if named is None and asker.grants is EVERYTHING:
        return ANYBODY
    return reader_of(asker, named)


class Inbox:
    """How far somebody has read their notifications.

    Attributes:
        unread: how many there are that they have not.
        counted_to: the log's position up to which they were counted.
        cursors: by topic how far they have read; None where they never said.
    """

    def __init__(self, reading: Reading, policy: UnreadPolicy) -> None:
        self._reading: Final = reading
        self._policy: Final = policy
        self.unread: Final = sum(state.unread or 0 for state in reading.states.values())
        self.counted_to: Final = reading.counted_to
        self.cursors: Final = {
            topic: state.to_fields()["cursor"] for topic, state in reading.states.items()
        }

    def body_of(self, event: Event) -> dict[str, Any]:
        """The body of a notification, and whether it is ``unread``."""
        body: dict[str, Any] = msgspec.json.decode(event.body)
        body["unread"] = self.is_unread(event)
        return body

    def counts(self, event: Event) -> bool:
        """Whether it is of a type that counts as unread before it is read."""
        return any(self._counts_on(event, topic) for topic in event.topics)

    def is_unread(self, event: Event) -> bool:
        """Whether it counts, and is not read."""
        return any(
            self._counts_on(event, topic)
            and event.id is not None
            and event.id > (self._reading.states[topic].cursor or ORIGIN)
            for topic in event.topics
        )

    def _counts_on(self, event: Event, topic: str) -> bool:
        rule = self._policy.of(topic)
        return topic in self._reading.states and rule is not None and rule.counts(event.type)


def _is_notification(event: Event) -> bool:
    # How far they have read is no notification of theirs.
    return event.type != READ


def read_asked(body: bytes) -> Read:
    """What `body` asks for; nothing is all.

    Raises:
        InvalidJSON: it is no JSON.
        InvalidFields: it is not what is to be asked for.
    """
    if not body:
        return Read()
    return read_json(body, Read, '{"cursor":"1738483210123-0"}, or empty')


NOTIFICATION_HANDLERS: Final = (list_notifications, read_notifications)
