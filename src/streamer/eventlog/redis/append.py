"""Lay out a batch of events as append.lua takes it."""

from __future__ import annotations

from collections.abc import Sequence

from ...config.retention import RetentionPolicy
from ...config.unread import Counted, UnreadPolicy
from ...events.event import Event
from ...events.job_states import MAX_ENDED, MAX_JOBS
from ...events.json_line import encode_line
from ...events.new_event import NewEvent
from ...events.snapshot import MAX_TASKS
from ..base import BatchKey
from ..lifetimes import BATCH_TTL, IDEMPOTENCY_TTL, TOMBSTONE_TTL
from .keys import Keys

Argument = str | bytes | int


def append_arguments(
    events: Sequence[NewEvent],
    batch: BatchKey | None,
    keys: Keys,
    retention: RetentionPolicy,
    unread: UnreadPolicy,
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
    ]
    arguments: list[Argument] = [
        wait_replicas,
        str(batch.sequence) if batch is not None else "",
        BATCH_TTL,
        IDEMPOTENCY_TTL,
        TOMBSTONE_TTL,
        int(retention.longest_age * 1000),
        MAX_TASKS,
        MAX_JOBS,
        MAX_ENDED,
        len(numbers),
    ]
    rules: dict[str, Counted | None] = {}
    for topic in numbers:
        kept = retention.of(topic)
        names += (keys.stream(topic), keys.meta(topic), keys.snapshot(topic), keys.tasks(topic))
        max_age = int(kept.max_age * 1000)
        rules[topic] = unread.of(topic)
        is_counted = int(rules[topic] is not None)
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
            rule = rules[topic]
            counts = rule is not None and rule.counts(event.type)
            arguments.append(-numbers[topic] if counts else numbers[topic])
        arguments.append(len(event.changes))
        for name, value in event.changes.items():
            arguments += (name, value)
        arguments.append(len(event.unless))
        for key in event.unless:
            names.append(keys.idempotency(event.topics[0], key))
            arguments.append(len(names))
    return names, arguments


def entry_of(event: NewEvent) -> bytes:
    """The entry that `Event.from_entry` reads, for an event without an id yet."""
    return Event(None, event.type, event.topics, event.fields, terminal=event.terminal).entry()


def _kind(event: NewEvent) -> str:
    if event.ephemeral:
        return "E"
    if event.terminal:
        return "T"
    return "P" if event.type == "progress" else "-"
