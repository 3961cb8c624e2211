"""Lay out a batch of events as append.lua takes it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ...config.rules import Rules
from ...config.unread import Counted
from ...events.event import Event
from ...events.job_states import MAX_ENDED, MAX_JOBS
from ...events.json_line import encode_line
from ...events.new_event import NewEvent
from ...events.snapshot import MAX_TASKS
from ...events.topic import user_of
from ..base import MAX_PARTS, BatchKey
from ..lifetimes import BATCH_TTL, IDEMPOTENCY_TTL, TOMBSTONE_TTL
from .keys import Keys

Argument = str | bytes | int

#: Logs and rules of a process, which are one and one: rules change as an operator changes them.
_LAYOUTS: Final = 8
#: Topics that are kept laid out, of those that were published to lately.
_TOPICS: Final = 4096

#: Of a topic on which events are counted: that it is a user's, who may have to be pushed.
_OF_USER: Final = 2


class _OfTopic(NamedTuple):
    """What every append to a topic says of it."""

    names: tuple[str, ...]
    arguments: tuple[Argument, ...]
    counted: Counted | None
    is_of_user: bool


class _Layout:
    """What every append says under the same rules, and has to be made once."""

    def __init__(self, keys: Keys, rules: Rules) -> None:
        self._keys: Final = keys
        self._rules: Final = rules
        self.numbers: Final[tuple[Argument, ...]] = tuple(
            b"%d" % number
            for number in (
                BATCH_TTL,
                IDEMPOTENCY_TTL,
                TOMBSTONE_TTL,
                int(rules.retention.longest_age * 1000),
                MAX_TASKS,
                MAX_JOBS,
                MAX_ENDED,
                MAX_PARTS,
            )
        )
        self.of: Final = lru_cache(_TOPICS)(self._of)

    def _of(self, topic: str) -> _OfTopic:
        keys, kept, counted = (
            self._keys,
            self._rules.retention.of(topic),
            self._rules.unread.of(topic),
        )
        is_of_user = counted is not None and user_of(topic) is not None
        is_counted = 0 if counted is None else _OF_USER if is_of_user else 1
        return _OfTopic(
            names=(
                *(keys.stream(topic), keys.meta(topic), keys.snapshot(topic), keys.tasks(topic)),
                keys.parts(topic),
            ),
            arguments=(
                *(topic, keys.notification(topic), b"%d" % kept.max_length),
                *(b"%d" % int(kept.max_age * 1000), b"%d" % is_counted),
            ),
            counted=counted,
            is_of_user=is_of_user,
        )


_layout_of: Final = lru_cache(_LAYOUTS)(_Layout)


def append_arguments(
    events: Sequence[NewEvent],
    batch: BatchKey | None,
    keys: Keys,
    rules: Rules,
    *,
    wait_replicas: int,
) -> tuple[list[str], list[Argument]]:
    """The KEYS and ARGV of append.lua for `events`, but for the first two of ARGV."""
    numbers: dict[str, int] = {}
    for event in events:
        for topic in event.topics:
            numbers.setdefault(topic, len(numbers) + 1)
    layout = _layout_of(keys, rules)
    names = [
        *keys.position,
        keys.batch(batch.publisher if batch is not None else ""),
        keys.rules,
    ]
    arguments: list[Argument] = [
        wait_replicas,
        str(batch.sequence) if batch is not None else "",
        *layout.numbers,
        len(numbers),
        rules.text,
    ]
    counted: dict[str, Counted | None] = {}
    is_of_user = False
    for topic in numbers:
        of_topic = layout.of(topic)
        names += of_topic.names
        arguments += of_topic.arguments
        counted[topic] = of_topic.counted
        is_of_user = is_of_user or of_topic.is_of_user
    for event in events:
        number_of_key = 0
        if event.idempotency_key is not None:
            names.append(keys.idempotency(event.topics[0], event.idempotency_key))
            number_of_key = len(names)
        arguments += (
            entry_of(event),
            _kind(event),
            number_of_key,
            "" if event.task is None else "=" + event.task,
            b"" if event.task is None else encode_line(event.task),
            event.job,
            event.parent,
            len(event.topics),
        )
        for topic in event.topics:
            rule = counted[topic]
            counts = rule is not None and rule.counts(event.type)
            arguments.append(-numbers[topic] if counts else numbers[topic])
        arguments.append(len(event.changes))
        for name, value in event.changes.items():
            arguments += (name, value)
        arguments.append(len(event.unless))
        for key in event.unless:
            names.append(keys.idempotency(event.topics[0], key))
            arguments.append(len(names))
        arguments += _of_its_kind(event, names, keys)
    return [*names, *([keys.push_due] * is_of_user)], arguments


def _of_its_kind(event: NewEvent, names: list[str], keys: Keys) -> tuple[Argument, ...]:
    """What only an event of its kind says; keys that are in it are added to `names`."""
    if event.part_of is not None or event.whole_of is not None:
        return (event.part_of or event.whole_of or "",)
    if not event.terminal:
        return ()
    if (job_id := event.completed_job) is None:
        return (0,)
    names.append(keys.checkpoint(job_id))
    return (len(names),)


def entry_of(event: NewEvent) -> bytes:
    """The entry that `Event.from_entry` reads, for an event without an id yet."""
    return Event(None, event.type, event.topics, event.fields, terminal=event.terminal).entry()


def _kind(event: NewEvent) -> str:
    if event.ephemeral:
        return "E"
    if event.terminal:
        return "T"
    if event.whole_of is not None:
        return "W" if event.part_of is None else "B"
    if event.part_of is not None:
        return "C"
    return "P" if event.type == "progress" else "-"
