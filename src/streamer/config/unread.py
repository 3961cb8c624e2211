"""Which events of a topic count as unread until a reader's cursor has passed them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


class Counted(msgspec.Struct, frozen=True):
    """The types of events that count on one topic.

    Attributes:
        types: these alone; or, if `is_all_but`, all others.
        is_all_but: whether `types` are those that do not count.
    """

    types: frozenset[str]
    is_all_but: bool = False

    def counts(self, event_type: str) -> bool:
        """Whether an event of this type counts."""
        return (event_type in self.types) is not self.is_all_but

    def __str__(self) -> str:
        """As a setting has it: ``message+call``, or ``!progress+read`` for all others."""
        return "!" * self.is_all_but + "+".join(sorted(self.types))

    def to_fields(self) -> dict[str, list[str]]:
        """As a client is told: ``{"only": […]}``, or ``{"all_but": […]}``."""
        return {"all_but" if self.is_all_but else "only": sorted(self.types)}

    @classmethod
    def read(cls, text: str) -> Counted:
        """Read what `str` has written.

        Raises:
            ValueError: it is anything else.
        """
        names = text.removeprefix("!").split("+")
        if not all(_TYPE.fullmatch(name) for name in names):
            raise ValueError(text)
        return cls(frozenset(names), is_all_but=text.startswith("!"))


#: What counts where nothing else is set: what somebody is to be told, and what is said.
#: How far something is counts nowhere: a badge would show how often it moved.
DEFAULT_UNREAD: Final[Mapping[str, Counted]] = {
    "users": Counted(frozenset({"progress", "read", "transcode_progress"}), is_all_but=True),
    "admin": Counted(frozenset({"progress", "read", "transcode_progress"}), is_all_but=True),
    "system": Counted(frozenset({"progress", "read"}), is_all_but=True),
    "chats": Counted(frozenset({"message", "ai_complete"})),
}


class UnreadPolicy:
    """What counts on every topic: the rule of its longest configured prefix.

    A prefix is whole segments: ``chats`` covers ``chats`` and ``chats/42``, not
    ``chatsworth``. On a topic without a rule nothing is counted, which costs nothing.
    """

    def __init__(self, prefixes: Mapping[str, Counted] | None = None) -> None:
        self.prefixes: Final = dict(DEFAULT_UNREAD if prefixes is None else prefixes)

    def of(self, topic: str) -> Counted | None:
        """The rule of `topic`; None where nothing counts."""
        prefix = topic
        while self.prefixes and prefix:
            if prefix in self.prefixes:
                return self.prefixes[prefix]
            prefix, _, _ = prefix.rpartition("/")
        return None
