"""How far whoever asks has read a topic, and who else has read how far."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, put

from ..access.grants import EVERYTHING
from ..config.settings import Settings
from ..config.unread import UnreadPolicy
from ..errors import Forbidden, InvalidParameter
from ..eventlog.base import EventLog
from ..eventlog.reader_cursors import MAX_SUBJECT
from ..events.cursor import Cursor
from ..events.json_body import read_json
from ..events.new_event import READ, new_event
from ..events.reading import ReadState
from ..events.topic import EVERYBODY, check_topic
from ..publishing.publisher import Publisher
from .asker import Asker, asker_of
from .documentation import ApiOperation
from .may import may_read
from .query import READER
from .quota_fields import headers_of
from .reader_documentation import CursorOperation, ReaderOperation
from .too_often import HowOften

_SEGMENTS: Final = tuple(f"{{s{number}:str}}" for number in range(1, 9))
#: A topic of several segments: the framework has no path in the middle of an address.
_DEEPER: Final = [f"/topics/{'/'.join(_SEGMENTS[:count])}" for count in range(2, 9)]


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """What a body asks for.

    Attributes:
        cursor: the last event that was read.
        reader: whose cursor it is, where nobody is asked who they are.
    """

    cursor: str
    reader: str | None = None


async def _move_cursor(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Move your cursor on a topic forward, to the last event that you have read.

    It never moves back: of two devices the one that is ahead wins, and `moved` says
    whether it was this one. Others who read the topic see an event of type `read`.
    """
    often: HowOften = request.app.state.publish_rate
    quota = often.count(request)  # unread
    topic = _topic_of(request)
    asker = asker_of(request)
    await may_read(asker, (topic,), request.app.state.log)
    move = read_json(await request.body(), Move, '{"cursor":"1738483210123-0"}')
    reader = reader_of(asker, move.reader)
    state, is_moved = await move_cursor(
        request.app.state, topic, reader, Cursor.parse(move.cursor), username=asker.grants.name
    )
    answer = {"topic": topic, "reader": reader, **state.to_fields(), "moved": is_moved}
    return Response(answer, headers=headers_of(quota))


async def _own_cursor(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """How far you have read a topic: `cursor`, and `unread`, counted up to `counted_to`.

    `counted` says of which types: each such event after `counted_to` is one more.
    """
    topic = _topic_of(request)
    asker = asker_of(request)
    log: EventLog = request.app.state.log
    await may_read(asker, (topic,), log)
    reader = reader_of(asker, request.query_params.get("reader"))
    reading = await log.reader_cursors.states((topic,), reader)
    return {
        "topic": topic,
        "reader": reader,
        **reading.states[topic].to_fields(),
        "counted": counted_on(log.rules.current.unread, topic),
        "counted_to": str(reading.counted_to),
    }


async def _all_cursors(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Who has read how far: the cursors on a topic, of those who moved theirs last."""
    topic = _topic_of(request)
    log: EventLog = request.app.state.log
    asker = asker_of(request)
    await may_read(asker, (topic,), log)
    if topic == EVERYBODY and not asker.grants.is_admin:
        raise Forbidden("who has read what is for everybody is shown to admins alone")
    found = await log.reader_cursors.readers(topic)
    return {"topic": topic, "readers": {reader: str(cursor) for reader, cursor in found.items()}}


async def move_cursor(
    state: Any,  # noqa: ANN401 - the application's
    topic: str,
    reader: str,
    to: Cursor,
    *,
    username: str = "",
) -> tuple[ReadState, bool]:
    """Move a reader's cursor on a topic, and report that to those who read it.

    `username` is what the reader is called, if that is known.

    Raises:
        InvalidCursor: `to` is ahead of the log.
        TooManyReaders: as many have one on this topic as are kept.
        LogUnavailable: it may have moved; moving it again is safe, and reports it.
    """
    log: EventLog = state.log
    settings: Settings = state.settings
    publisher: Publisher = state.publisher
    found, is_moved = await log.reader_cursors.move(topic, reader, to)
    if topic == EVERYBODY:
        # Each of all who have read would else be shown to all of them.
        return found, is_moved
    is_kept = settings.keeps_reads(topic)
    called = {"username": username} if username else {}
    if is_moved or (is_kept and found.cursor == to):
        # What is kept is published also where it stood there before: whoever tries again
        # may have been cut off before this. The key makes one event of both.
        await publisher.append(
            new_event(
                topic,
                READ,
                {"reader": reader, "cursor": str(to), **called},
                idempotency_key=_key_of(reader, to) if is_kept else None,
                ephemeral=not is_kept,
                by_server=True,
            )
        )
    return found, is_moved


def reader_of(asker: Asker, named: str | None) -> str:
    """Whose cursor it is that `asker` reads or moves: their own.

    Where nobody is asked who they are, it is whoever they say; `named` is None if they
    say nothing.

    Raises:
        InvalidParameter: they say nothing, or no name.
        Forbidden: it is somebody else's.
    """
    if asker.grants is EVERYTHING:
        if named is None or not 1 <= len(named) <= MAX_SUBJECT or not named.isprintable():
            raise InvalidParameter(
                "nobody is asked who they are here, so reader must say who reads: "
                f"1 to {MAX_SUBJECT} printable characters"
            )
        return named
    own = asker.grants.subject
    if named not in {None, own}:
        raise Forbidden("the cursor of somebody else is theirs to read and to move")
    if not own:
        raise Forbidden("a token without a sub has no cursor")
    return own


async def reading_of(request: Request[Any, Any, Any], topic: str) -> dict[str, Any]:
    """What the status of a topic says of how far whoever asks has read it.

    It is what `connected` says: nothing where no event counts as unread, or nobody has
    said who they are. Read after the snapshot it is counted behind it, so that whoever
    polls from there is given each event that was not counted.

    Raises:
        InvalidParameter: `?reader=` is no name.
        Forbidden: it is somebody else's.
    """
    asker = asker_of(request)
    named: str | None = request.query_params.get("reader")
    if named is not None:
        reader = reader_of(asker, named)
    else:
        reader = "" if asker.grants is EVERYTHING else asker.grants.subject
    log: EventLog = request.app.state.log
    if not reader or log.rules.current.unread.of(topic) is None:
        return {}
    reading = await log.reader_cursors.states((topic,), reader)
    states = {name: state.to_fields() for name, state in reading.states.items()}
    return {"reading": states, "counted_to": str(reading.counted_to)}


def counted_on(policy: UnreadPolicy, topic: str) -> dict[str, list[str]] | None:
    """The types of events that count on a topic, as a client is told; None: none do."""
    rule = policy.of(topic)
    return None if rule is None else rule.to_fields()


def _key_of(reader: str, to: Cursor) -> str:
    return f"read {to} by {hashlib.sha256(reader.encode()).hexdigest()}"


def _topic_of(request: Request[Any, Any, Any]) -> str:
    return check_topic("/".join(request.path_params.values()))


# Each once in the schema, and again for topics of more segments, which are not.
CURSOR_HANDLERS: Final = (
    put(
        "/topics/{topic:str}/cursor",
        operation_class=CursorOperation,
        summary="Move your cursor on a topic",
        tags=["reading"],
    )(_move_cursor),
    get(
        "/topics/{topic:str}/cursor",
        operation_class=ReaderOperation,
        summary="How far you have read a topic",
        opt=READER,
        tags=["reading"],
    )(_own_cursor),
    get(
        "/topics/{topic:str}/cursors",
        operation_class=ApiOperation,
        summary="Who has read a topic how far",
        tags=["reading"],
    )(_all_cursors),
    put([f"{path}/cursor" for path in _DEEPER], include_in_schema=False)(_move_cursor),
    get([f"{path}/cursor" for path in _DEEPER], opt=READER, include_in_schema=False)(_own_cursor),
    get([f"{path}/cursors" for path in _DEEPER], include_in_schema=False)(_all_cursors),
)
