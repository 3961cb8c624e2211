"""Lay out a batch of events as append.lua takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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

#: Of a topic on which events are counted: that it is a user's, who may have to be pushed.
_OF_USER: Final = 2


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
    names = [
        *keys.position,
        keys.batch(batch.publisher if batch is not None else ""),
        keys.rules,
    ]
    arguments: list[Argument] = [
        wait_replicas,
        str(batch.sequence) if batch is not None else "",
        BATCH_TTL,
        IDEMPOTENCY_TTL,
        TOMBSTONE_TTL,
        int(rules.retention.longest_age * 1000),
        MAX_TASKS,
        MAX_JOBS,
        MAX_ENDED,
        MAX_PARTS,
        len(numbers),
        rules.text,
    ]
    counted: dict[str, Counted | None] = {}
    is_of_user = False
    for topic in numbers:
        kept = rules.retention.of(topic)
        names += (keys.stream(topic), keys.meta(topic), keys.snapshot(topic), keys.tasks(topic))
        names.append(keys.parts(topic))
        max_age = int(kept.max_age * 1000)
        counted[topic] = rules.unread.of(topic)
        is_counted = 0 if counted[topic] is None else _OF_USER if user_of(topic) is not None else 1
        is_of_user = is_of_user or is_counted == _OF_USER
        arguments += (topic, keys.notification(topic), kept.max_length, max_age, is_counted)
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
        if event.part_of is not None or event.whole_of is not None:
            arguments.append(event.part_of or event.whole_of or "")
    return [*names, *([keys.push_due] * is_of_user)], arguments


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
