"""What a client may ask of a stream, read from its URL and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec.structs import replace

from ..access.grants import EVERYTHING
from ..config.server_url import API
from ..config.unread import UnreadPolicy
from ..errors import InvalidParameter, InvalidTopic
from ..events.cursor import ORIGIN, Cursor
from ..events.topic import check_topic, job_of, job_topic, project_topic
from ..hub.attach import Attach, Enter
from ..hub.throttled import MAX_RATE, MIN_RATE
from ..metrics import Transport
from .asker import Asker

#: Seconds; a heartbeat more often than once a second is a burden, and less often
#: than every 15 s by default is too late for proxies that cut at 60 s.
MIN_HEARTBEAT: Final = 1
MAX_HEARTBEAT: Final = 300
#: Events in one answer to a poll, and seconds that it may wait.
MAX_LIMIT: Final = 1000
MAX_WAIT: Final = 60.0

_WHOLE: Final = re.compile(r"[0-9]{1,6}")


class Query(Protocol):
    """Query parameters, of which any may be repeated."""

    def get(self, key: str, /) -> Any:  # noqa: ANN401 - text, by construction
        """The first value of `key`, or None."""

    def getall(self, key: str, default: list[str]) -> Sequence[Any]:
        """Every value of `key`."""


# The topics of an address: by what its path names, its query, and how many there may be.


def of_project(found: Mapping[str, Any], *_: object) -> tuple[str, ...]:
    """That of a project's stream."""
    return (project_topic(found["project_id"]),)


def of_job(found: Mapping[str, Any], *_: object) -> tuple[str, ...]:
    """That of a job's stream."""
    return (job_topic(found["job_id"]),)


def of_query(_found: Mapping[str, Any], query: Query, most: int) -> tuple[str, ...]:
    """Those of a stream that names them; raises `InvalidTopic`, as `read_topics`."""
    return read_topics(query, most)


def read_topics(query: Query, most: int) -> tuple[str, ...]:
    """The topics of ``?topic=a&topic=b``, in order, without repeats.

    Raises:
        InvalidTopic: there is none, there are over `most`, or one is malformed.
    """
    topics = tuple(dict.fromkeys(check_topic(topic) for topic in query.getall("topic", [])))
    if not 1 <= len(topics) <= most:
        raise InvalidTopic(
            f"{len(topics)} topics given; ask for 1 to {most}, as in ?topic=projects/p1"
        )
    return topics


def read_attach(
    topics: tuple[str, ...],
    query: Query,
    headers: Mapping[str, str],
    *,
    heartbeat: float,
    asker: Asker,
    unread: UnreadPolicy,
    transport: Transport,
    root_path: str,
    enter: Enter | None = None,
) -> Attach:
    """What a stream URL asks for.

    The cursor of a reader that comes back is the ``Last-Event-ID`` header, else
    ``?last_event_id=``, else ``?lastEventId=``. ``?from=`` is for a first visit.
    A reader of jobs alone ends with the last of them, unless ``?until=end`` has it
    end with the first. `root_path` is where the app is mounted, as ASGI has it.

    Raises:
        InvalidCursor: a cursor is not an event id.
        InvalidParameter: another parameter is outside its allowed values.
    """
    resume = read_resume(headers.get("last-event-id"), resume_in(query))
    asked = read_query(
        topics, query, heartbeat=heartbeat, transport=transport, root_path=root_path, enter=enter
    )
    return attach_of(asked, resume, asker, unread)


def read_query(
    topics: tuple[str, ...],
    query: Query,
    *,
    heartbeat: float,
    transport: Transport,
    root_path: str,
    enter: Enter | None = None,
) -> Attach:
    """What a stream URL asks for, whoever asks; where they resume is not read.

    Raises:
        InvalidCursor, InvalidParameter: as `read_attach`.
    """
    start = query.get("from")
    return Attach(
        topics=topics,
        start=None if start is None else _read_start(start),
        until_end=_read_until(query.get("until")),
        per_job=all(job_of(topic) is not None for topic in topics),
        heartbeat=_read_heartbeat(query.get("heartbeat"), heartbeat),
        rate=read_rate(query),
        refresh=f"{root_path}{API}/streams",
        transport=transport,
        enter=enter,
    )


def attach_of(asked: Attach, resume: Cursor | None, asker: Asker, unread: UnreadPolicy) -> Attach:
    """What `asked` comes to, for `asker`, from `resume` on."""
    # Whoever has proved who they are is told how far they have read.
    reads_as = "" if asker.grants is EVERYTHING else asker.grants.subject
    return replace(
        asked,
        resume=resume,
        client=asker.client,
        subject=asker.subject,
        credential=asker.credential,
        expires=asker.grants.expires,
        reads_as=reads_as,
        counted=tuple(topic for topic in asked.topics if unread.of(topic)) if reads_as else (),
    )


def resume_in(query: Query) -> str | None:
    """Where a query says that its reader resumes; of no header knows an EventSource that is new."""
    text: str | None = query.get("last_event_id") or query.get("lastEventId")
    return text


def read_resume(header: str | None, in_query: str | None) -> Cursor | None:
    """The cursor of ``Last-Event-ID``, else of the query; raises `InvalidCursor`."""
    text = header or in_query  # an EventSource polyfill may send it empty before the first event
    return Cursor.parse(text) if text else None


#: The headers of a stream's request that matter; who asks is read elsewhere.
_HEADERS: Final = frozenset({b"host", b"last-event-id", b"origin", b"sec-fetch-site"})


def headers_of(connection: Any) -> dict[str, str]:  # noqa: ANN401 - a request or a socket
    """The headers of a stream's request that matter, by lower-case name.

    The framework's own mapping of all of them would live as long as a socket.
    """
    return {
        name.decode("ascii"): value.decode("latin-1")
        for name, value in connection.scope["headers"]
        if name in _HEADERS
    }


def headers_in(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """As `headers_of`, of headers none of which came twice."""
    return {
        name.decode("ascii"): headers[name].decode("latin-1") for name in _HEADERS & headers.keys()
    }


def reads_messages(query: Query) -> bool:
    """Whether ``?events=message`` asks for events without a name; raises `InvalidParameter`."""
    value: str | None = query.get("events")
    if value not in {None, "message"}:
        raise InvalidParameter(f"events is {value!r}; the only value is message")
    return value == "message"


def read_rate(query: Query) -> float:
    """Batches of events a second, as ``?rate=`` asks for; 0.0 where it does not.

    Raises:
        InvalidParameter: it is out of range.
    """
    text: str | None = query.get("rate")
    if text is None:
        return 0.0
    return _read_number("rate", text, MIN_RATE, MAX_RATE, "batches a second")


def read_poll(query: Query) -> tuple[Cursor, int, float]:
    """The cursor, the limit and the seconds to wait of a poll.

    Raises:
        InvalidCursor: ``after`` is not an event id.
        InvalidParameter: ``limit`` or ``wait`` is out of range.
    """
    after, limit, wait = query.get("after"), query.get("limit"), query.get("wait")
    return (
        ORIGIN if after is None else Cursor.parse(after),
        100 if limit is None else _read_whole("limit", limit, 1, MAX_LIMIT),
        0.0 if wait is None else _read_number("wait", wait, 0.0, MAX_WAIT, "seconds"),
    )


def _read_start(text: str) -> Cursor | None:
    if text == "latest":
        return None
    if text == "earliest":
        return ORIGIN
    return Cursor.parse(text)


def _read_until(text: str | None) -> bool:
    if text not in {None, "end"}:
        raise InvalidParameter(f"until is {text!r}; the only value is end")
    return text == "end"


def _read_heartbeat(text: str | None, default: float) -> int:
    if text is None:
        return max(MIN_HEARTBEAT, round(default))
    return _read_whole("heartbeat", text, MIN_HEARTBEAT, MAX_HEARTBEAT)


def _read_whole(name: str, text: str, least: int, most: int) -> int:
    if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
        raise InvalidParameter(f"{name} is {text[:40]!r}; it must be {least} to {most}")
    return int(text)


def _read_number(name: str, text: str, least: float, most: float, unit: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= most:  # a NaN is refused too
        raise InvalidParameter(f"{name} is {text[:40]!r}; it must be {least:g} to {most:g} {unit}")
    return number
