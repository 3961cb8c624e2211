"""An event on its way into the log: checked, encoded, not yet given an id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from ..errors import (
    EventTooLarge,
    InvalidFields,
    InvalidParameter,
    InvalidTopic,
    InvalidType,
    ReservedType,
)
from .cursor import Cursor
from .event import CONTROL_TYPES, JOIN, LEAVE, Event
from .job_event import (
    JOB_EVENT_TYPES,
    check_job_event,
    is_terminal,
    round_progress,
    snapshot_changes,
)
from .json_line import encode_line
from .topic import CHATS, check_topic, job_of, project_of
from .trace import PARENT, STATE, Trace, read_trace

_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_MAX_TYPE: Final = 64

#: Topics that one event may be published to; each costs the log a write.
MAX_TOPICS: Final = 16
#: Bytes of one event's SSE frame by default. Go's r3labs/sse ends for ever in a loop
#: at 65,536, and counts the heartbeats since the last event: some eleven hours of
#: them, at one every 15 s, have room beside an event of this size.
MAX_EVENT_BYTES: Final = 60_000
#: Objects and arrays inside one another, the fields themselves being the first.
MAX_DEPTH: Final = 32
#: Characters of an idempotency key; the log keeps each for a day.
MAX_KEY_LENGTH: Final = 255
#: The id that takes most bytes: which one the log will give is not known yet.
_WIDEST_ID: Final = Cursor(253_402_300_799_999, 2**64 - 1)
#: Bytes of an SSE frame beside its body, its type and its id: see `wire.sse`.
_FRAME_BYTES: Final = len(b"event: \ndata: \nid: \n\n")
#: Bytes of an SSE frame beside the fields, at most: each of its topics, of eight
#: segments, may stand in it, and one of them twice.
_MOST_AROUND_FIELDS: Final = 512 + (MAX_TOPICS + 1) * 8 * 65

#: Reports how far somebody has read. Only the server publishes it: else anybody could say
#: so of anybody.
READ: Final = "read"

#: Set by the server in every body; a publisher's own would contradict them.
_SERVER_FIELDS: Final = ("id", "type", "topic", "topics", "timestamp")
_OF_SERVER: Final = frozenset(_SERVER_FIELDS)


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What `EventLog.append` takes; made by `new_event`, never by hand.

    Attributes:
        topics: 1 to 16 topics, checked; the body names the first.
        type: the event's type, checked.
        fields: the encoded fields: one line of JSON, an object.
        terminal: whether it ends its job.
        changes: what the snapshots of its topics learn: JSON by field name.
        task: the task whose last event this becomes in the snapshots, if any.
        job: the job that the snapshots show it for; "" for none in particular.
        parent: the job that this one is a part of; "" for none.
        idempotency_key: a second event with the same key and first topic is not
            appended; its append returns the first one's id.
        ephemeral: notified, never stored, no id.
        unless: idempotency keys of other events with the same first topic; once
            one of these has been appended, this one is not, and its append
            returns that one's id.
        part_of: the name of the whole of which it is a part; that is still to come.
        whole_of: the name of the whole that it is: it says all that the parts of that
            name said, which are removed from its topics. One that is a part as well
            replaces those before it.
        trace: where in which trace it was published; the fields say it, if they have room.
    """

    topics: tuple[str, ...]
    type: str
    fields: bytes
    terminal: bool = False
    changes: dict[str, bytes] = {}
    task: str | None = None
    job: str = ""
    parent: str = ""
    idempotency_key: str | None = None
    ephemeral: bool = False
    unless: tuple[str, ...] = ()
    part_of: str | None = None
    whole_of: str | None = None
    trace: Trace | None = None

    @property
    def completed_job(self) -> str | None:
        """The job that has completed with it: there is nothing left for it to go on from."""
        if not self.terminal or self.type != "completed":
            return None
        return next((name for name in map(job_of, self.topics) if name is not None), None)


def new_event(
    topics: str | Iterable[str],
    event_type: str,
    fields: Mapping[str, Any] | None = None,
    *,
    idempotency_key: str | None = None,
    ephemeral: bool = False,
    unless: Iterable[str] = (),
    part_of: str | None = None,
    whole_of: str | None = None,
    trace: Trace | None = None,
    max_bytes: int = MAX_EVENT_BYTES,
    by_server: bool = False,
) -> NewEvent:
    """Check and encode an event; the one door into the log for every publisher.

    ``project_id`` and ``job_id`` are added to the fields where a topic names
    them and the publisher did not. So is `trace`, as ``traceparent`` and ``tracestate``,
    unless the fields name one, or would then be too large; what they name and is malformed
    is left out.

    Raises:
        InvalidTopic: no topic, too many, or a malformed one.
        InvalidType: `event_type` is not ``[a-z][a-z0-9_.-]{0,63}``.
        ReservedType: `event_type` is one of the server's own.
        InvalidFields: `fields` cannot be encoded or are wrong for the type.
        InvalidParameter: the idempotency key, or the name of a whole, is empty or too long;
            or a job's event or an ephemeral one has to do with a whole.
        EventTooLarge: its SSE frame, the largest of its forms, could be over
            `max_bytes` bytes.
    """
    listed = (topics,) if isinstance(topics, str) else tuple(topics)
    checked_topics, named = _check_topics(listed)
    if not (by_server and event_type == READ):
        check_type(event_type)
    if event_type in {JOIN, LEAVE} and not by_server and _is_of_chat(checked_topics):
        raise ReservedType(f"the type {event_type!r} is the server's own on {CHATS}…")
    if ephemeral and len(checked_topics) > 1:
        # It has no id by which a reader of two of its topics could know it again.
        raise InvalidTopic(f"{len(checked_topics)} topics given; an ephemeral event has one")
    if idempotency_key is not None:
        check_key(idempotency_key)
    if part_of is not None or whole_of is not None:
        _check_whole(event_type, part_of, whole_of, ephemeral=ephemeral)
    given = {**named, **(fields or {})}
    if event_type in JOB_EVENT_TYPES and "progress" in given:
        given["progress"] = round_progress(given["progress"])
    check_depth(given)
    if not _OF_SERVER.isdisjoint(given):
        name = next(name for name in _SERVER_FIELDS if name in given)
        raise InvalidFields(f"the field {name!r} is set by the server; choose another name")
    trace = _take_trace(given) or trace
    job_event = check_job_event(event_type, given)
    encoded = _encode(event_type, checked_topics, given, trace, max_bytes)
    changes = {} if ephemeral else snapshot_changes(job_event)
    return NewEvent(
        topics=checked_topics,
        type=event_type,
        fields=encoded,
        terminal=is_terminal(job_event) and not ephemeral,
        changes={name: encode_line(value) for name, value in changes.items()},
        task=job_event.task_name if job_event is not None and not ephemeral else None,
        job=(job_event.job_id or "") if job_event is not None else "",
        parent=(job_event.parent_id or "") if job_event is not None else "",
        idempotency_key=idempotency_key,
        ephemeral=ephemeral,
        unless=tuple(unless),
        part_of=part_of,
        whole_of=whole_of,
        trace=trace,
    )


def check_type(event_type: str) -> str:
    """Return `event_type` if a publisher may use it.

    Raises:
        InvalidType: it is not ``[a-z][a-z0-9_.-]{0,63}``.
        ReservedType: it is one of the server's own.
    """
    # Only what may be one is remembered: whoever publishes could fill memory with the rest.
    is_short = isinstance(event_type, str) and len(event_type) <= _MAX_TYPE
    if not is_short or not _is_type(event_type):
        shown = repr(event_type)[:80]
        raise InvalidType(
            f"{shown} is not an event type; it must be a lower-case letter followed by "
            "at most 63 of the characters a-z 0-9 _ . -"
        )
    if event_type in CONTROL_TYPES or event_type == READ:
        reserved = ", ".join(sorted({*CONTROL_TYPES, READ}))
        raise ReservedType(f"the type {event_type!r} is the server's own, as are: {reserved}")
    return event_type


# Publishers say the same few types again and again.
@lru_cache(maxsize=1024)
def _is_type(text: str) -> bool:
    return _TYPE.fullmatch(text) is not None


def _is_of_chat(topics: tuple[str, ...]) -> bool:
    return any(topic.startswith(CHATS) for topic in topics)


def check_key(idempotency_key: str) -> None:
    """Raise `InvalidParameter` if the key is empty or too long."""
    if not 1 <= len(idempotency_key) <= MAX_KEY_LENGTH:
        raise InvalidParameter(
            f"the idempotency key has {len(idempotency_key)} characters; "
            f"it must have 1 to {MAX_KEY_LENGTH}"
        )


def _check_whole(
    event_type: str, part_of: str | None, whole_of: str | None, *, ephemeral: bool
) -> None:
    names = {name for name in (part_of, whole_of) if name is not None}
    if len(names) > 1:
        raise InvalidParameter("an event is a part of the whole that it replaces, or of none")
    for name in names:
        if not 1 <= len(name) <= MAX_KEY_LENGTH:
            raise InvalidParameter(
                f"the name of the whole has {len(name)} characters; "
                f"it must have 1 to {MAX_KEY_LENGTH}"
            )
    if ephemeral or event_type in JOB_EVENT_TYPES:
        kind = "an ephemeral event" if ephemeral else f"an event of the type {event_type!r}"
        raise InvalidParameter(f"{kind} is not a part of a whole, nor a whole")


def frame_size(event_type: str, topics: tuple[str, ...], fields: bytes) -> int:
    """Bytes of the event's SSE frame, with the longest id that the log could give it."""
    body = Event(_WIDEST_ID, event_type, topics, fields).body
    # An error is named failed: one letter more.
    name = len(event_type) + (event_type == "error")
    return _FRAME_BYTES + name + len(body) + len(str(_WIDEST_ID))


def _take_trace(given: dict[str, Any]) -> Trace | None:
    """The trace that the fields name themselves, taken out of them."""
    if PARENT not in given and STATE not in given:
        return None
    return read_trace(given.pop(PARENT, None), given.pop(STATE, None))


def _encode(
    event_type: str,
    topics: tuple[str, ...],
    given: dict[str, Any],
    trace: Trace | None,
    max_bytes: int,
) -> bytes:
    """The fields as a line, with the trace if there is room for it; raises `EventTooLarge`."""
    fields = encode_line(given)
    _check_size(event_type, topics, fields, max_bytes)
    if trace is None:
        return fields
    comma = b"" if fields == b"{}" else b","
    traced = fields[:-1] + comma + encode_line(trace.to_fields())[1:]
    return traced if _fits(event_type, topics, traced, max_bytes) else fields


def _fits(event_type: str, topics: tuple[str, ...], fields: bytes, max_bytes: int) -> bool:
    # Nearly all are far below the limit, and are not encoded twice.
    return (
        len(fields) + _MOST_AROUND_FIELDS <= max_bytes
        or frame_size(event_type, topics, fields) <= max_bytes
    )


def _check_size(event_type: str, topics: tuple[str, ...], fields: bytes, max_bytes: int) -> None:
    if not _fits(event_type, topics, fields, max_bytes):
        size = frame_size(event_type, topics, fields)
        raise EventTooLarge(
            f"the event has {size} bytes as it is sent over SSE; at most {max_bytes} are "
            "allowed. Publish a reference to large data, not the data"
        )


# Publishers say the same few topics again and again.
@lru_cache(maxsize=4096)
def _check_topics(listed: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The topics without repeats, and the fields that they name; not to be changed."""
    topics = tuple(dict.fromkeys(listed))
    if not 1 <= len(topics) <= MAX_TOPICS:
        raise InvalidTopic(f"{len(topics)} topics given; an event has 1 to {MAX_TOPICS}")
    for topic in topics:
        check_topic(topic)
    named: dict[str, Any] = {}
    for key, name_of in (("project_id", project_of), ("job_id", job_of)):
        found = next((name for name in map(name_of, topics) if name is not None), None)
        if found is not None:
            named[key] = found
    return topics, named


def check_depth(fields: Mapping[str, Any]) -> None:
    """Refuse what would overflow the stack of some client's JSON parser.

    Raises:
        InvalidFields: it is nested more than `MAX_DEPTH` deep.
    """
    level = _containers(fields.values())
    for _ in range(MAX_DEPTH - 1):
        if not level:
            return
        level = [
            inner
            # By identity: what refers to itself many times over is looked at once.
            for outer in {id(outer): outer for outer in level}.values()
            for inner in _containers(outer.values() if isinstance(outer, Mapping) else outer)
        ]
    if level:
        raise InvalidFields(f"the fields are nested more than {MAX_DEPTH} deep")


def _containers(values: Iterable[Any]) -> list[Any]:
    return [
        value
        for value in values
        # The plain types first: an abstract class is slow to ask.
        if type(value) in _CONTAINERS
        or (type(value) not in _SCALARS and isinstance(value, Mapping | list | tuple))
    ]


_CONTAINERS: Final = frozenset({dict, list, tuple})
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
