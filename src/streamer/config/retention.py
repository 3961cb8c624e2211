"""How much of each topic the log keeps, by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

#: Newest events of a topic that may be kept: its replay is read by pages, but Redis
#: holds all of it in memory.
MAX_RETENTION_LENGTH: Final = 1_000_000_000
#: Seconds: a hundred years. Redis counts a key's age in milliseconds, in 63 bits.
MAX_RETENTION_AGE: Final = 100 * 365 * 86400


class Retention(msgspec.Struct, frozen=True):
    """What is kept of one topic.

    Attributes:
        max_length: newest events kept, exactly.
        max_age: seconds that a topic at rest is kept after its last event. A
            topic is at rest unless a job on it is queued, running or retrying:
            that one is kept for a week longer, counted again from each event, so
            that a job which reports is never expired under its readers.
    """

    max_length: int = 1000
    max_age: float = 24 * 3600.0


#: What is kept of topics of these first parts where nothing else is set: a notification is
#: looked at when somebody is back, not while they are there, and a conversation is gone on
#: with. Of that one most events are not messages: who came, who left, who has read.
DEFAULT_PREFIXES: Final[Mapping[str, Retention]] = {
    **{prefix: Retention(max_age=30 * 86400.0) for prefix in ("users", "admin", "system")},
    "chats": Retention(max_length=5000, max_age=90 * 86400.0),
    # An hour of a recorded stream, whose first frames are wanted as much as its last.
    **{prefix: Retention(max_length=20_000) for prefix in ("responses", "completions")},
}


class RetentionPolicy:
    """The retention of every topic: that of its longest configured prefix, else the default.

    A prefix is whole segments: ``chats`` covers ``chats`` and ``chats/42``, not
    ``chatsworth``.
    """

    def __init__(
        self, default: Retention | None = None, prefixes: Mapping[str, Retention] | None = None
    ) -> None:
        self.default: Final = default if default is not None else Retention()
        self.prefixes: Final = dict(prefixes or {})

    def of(self, topic: str) -> Retention:
        """The retention of `topic`."""
        prefix = self.prefix_of(topic)
        return self.prefixes[prefix] if prefix else self.default

    def prefix_of(self, topic: str) -> str:
        """The prefix whose retention is that of `topic`; "" for the default."""
        prefix = topic
        while self.prefixes and prefix:
            if prefix in self.prefixes:
                return prefix
            prefix, _, _ = prefix.rpartition("/")
        return ""

    @property
    def longest_age(self) -> float:
        """Seconds after which nothing at rest is kept, whatever its topic."""
        return max(kept.max_age for kept in (self.default, *self.prefixes.values()))
