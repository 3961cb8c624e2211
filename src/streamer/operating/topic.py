"""All that is known of one topic; and that it is deleted."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import NotFound
from ..eventlog.base import EventLog
from ..events.event import Event
from .answers import DeletedTopic, InspectedTopic, NewestEvent, held, rule, text_of

#: Events of a topic that are shown, and readers whose cursors are.
NEWEST: Final = 10
SHOWN_CURSORS: Final = 20
#: Characters of an event's fields that are shown.
_SHORT: Final = 200


async def inspect(log: EventLog, topic: str) -> InspectedTopic:
    """What is kept of a topic and by which rule, its state, its readers, its newest events.

    Raises:
        NotFound: nothing is known of it.
    """
    await log.rules.look()
    (holding,) = await log.upkeep.describe([topic])
    readers = (await log.connections(but="")).get(topic, 0)
    if holding.is_empty and holding.last is None and not readers:
        raise nothing_kept(topic)
    snapshot = (await log.snapshots([topic]))[topic]
    cursors = await log.reader_cursors.readers(topic)
    back = await log.read_back([topic], None, NEWEST)
    rules = log.rules.current
    prefix = rules.retention.prefix_of(topic)
    return InspectedTopic(
        **held(holding, readers),
        trimmed=text_of(holding.trimmed),
        reason=holding.reason,
        retention=rule(prefix, rules.retention.of(topic), by_hand=prefix in rules.set),
        # As large as one of a frame may be.
        snapshot=msgspec.json.decode(snapshot.alone),
        read_to={subject: str(at) for subject, at in list(cursors.items())[:SHOWN_CURSORS]},
        newest=[_in_short(event) for event in back.events],
    )


async def delete(log: EventLog, topic: str, *, force: bool) -> DeletedTopic:
    """Delete a topic.

    Raises:
        NotFound: nothing is kept of it.
        TopicBusy: a job of it is not over, and it is not forced.
    """
    id_ = await log.upkeep.delete(topic, force=force)
    if id_ is None:
        raise nothing_kept(topic)
    return DeletedTopic(topic, str(id_))


def nothing_kept(topic: str) -> NotFound:
    """Why there is nothing to be seen, or deleted."""
    return NotFound(f"nothing is kept of {topic}")


def _in_short(event: Event) -> NewestEvent:
    text = event.fields.decode()
    short = text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
    return NewestEvent(str(event.id), event.type, short, len(event.fields))
