"""What is said of topics and of what is kept of them, as JSON has it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..config.retention import Retention
from ..eventlog.upkeep import Holding
from ..events.cursor import Cursor, timestamp_of

SetBy = Literal["hand", "settings"]


class KeptTopic(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a topic, and how many read it now.

    Attributes:
        topic: its name.
        events: how many are kept.
        bytes: what they take in the log's memory, about; null if it may not be asked.
        parts: parts of what is not whole yet, beside them.
        first: the id of the first event that is kept, and when that was.
        last: the id of the last event, or of the deletion, and when that was.
        expires_at: when all of it goes, unless something is published to it before.
        busy: whether a job that is reported there is queued, running or retrying.
        readers: how many read it now, over all processes.
        cursors: how many subjects have a cursor on it.
    """

    topic: str
    events: int
    bytes: int | None
    parts: int
    first: str | None
    first_at: str | None
    last: str | None
    last_at: str | None
    expires_at: str | None
    busy: bool
    readers: int
    cursors: int


class TopicList(msgspec.Struct, frozen=True):
    """Topics; where the next list begins, null if this was the last; whether these are all."""

    topics: list[KeptTopic]
    next: str | None
    whole: bool


class Rule(msgspec.Struct, frozen=True):
    """What is kept of the topics of a prefix: so many events, for so many seconds at rest.

    `prefix` is null for all that no other rule names.
    """

    prefix: str | None
    length: int
    age: float
    set_by: SetBy


class RuleList(msgspec.Struct, frozen=True):
    """What is kept, by prefix."""

    rules: list[Rule]


class Retained(Rule, frozen=True):
    """A rule that holds from now on, and how many events were removed by it."""

    trimmed: int


class NewestEvent(msgspec.Struct, frozen=True):
    """An event in short: of its fields the first characters, and how many bytes they have."""

    id: str
    type: str
    fields: str
    size: int


class InspectedTopic(KeptTopic, frozen=True, kw_only=True):
    """All that is known of a topic.

    Attributes:
        trimmed: the id of the last event that was removed.
        reason: why it was: `trimmed`, `expired` or `deleted`.
        retention: how much of it is kept.
        snapshot: its state.
        read_to: the cursors on it, by subject: of those who moved theirs last.
        newest: its newest events, the newest first.
    """

    trimmed: str | None
    reason: str | None
    retention: Rule
    snapshot: dict[str, Any]
    read_to: dict[str, str]
    newest: list[NewestEvent]


class DeletedTopic(msgspec.Struct, frozen=True):
    """A topic that was deleted, and the id of its deletion."""

    topic: str
    id: str


def held(holding: Holding, readers: int) -> dict[str, Any]:
    """The fields of a `KeptTopic`."""
    first, last = holding.first, holding.last
    return {
        "topic": holding.topic,
        "events": holding.events,
        "bytes": holding.bytes,
        "parts": holding.parts,
        "first": text_of(first),
        "first_at": None if first is None else first.timestamp(),
        "last": text_of(last),
        "last_at": None if last is None else last.timestamp(),
        "expires_at": None if holding.expires is None else timestamp_of(holding.expires),
        "busy": holding.busy,
        "readers": readers,
        "cursors": holding.cursors,
    }


def rule(prefix: str, kept: Retention, *, by_hand: bool) -> Rule:
    """What is kept of the topics of `prefix`; "" for the default."""
    return Rule(prefix or None, kept.max_length, kept.max_age, "hand" if by_hand else "settings")


def text_of(cursor: Cursor | None) -> str | None:
    """An id as JSON has it."""
    return None if cursor is None else str(cursor)
