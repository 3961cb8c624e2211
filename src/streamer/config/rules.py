"""What holds for every topic of a log: how much of it is kept, and what counts as unread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from ..errors import TooManyRules
from .retention import Retention, RetentionPolicy
from .unread import Counted, UnreadPolicy

#: Prefixes for which it may be set by hand what is kept: every append has the rules with it.
MAX_SET: Final = 100


class _Stored(msgspec.Struct, omit_defaults=True):
    retention: Retention
    retention_of: dict[str, Retention]
    unread_of: dict[str, Counted]
    # Put there by with_set.lua, and so not by us.
    set: dict[str, Retention] = {}


class Rules:
    """The rules of a log.

    Attributes:
        retention: how much of each topic is kept, with what was set by hand.
        unread: which events count as unread on each topic.
        set: what was set by hand, by prefix: it wins over the settings of servers.
        text: all as JSON, the same for the same rules; `read` reads it.
    """

    def __init__(
        self,
        retention: RetentionPolicy | None = None,
        unread: UnreadPolicy | None = None,
        *,
        text: bytes | None = None,
        by_hand: Mapping[str, Retention] | None = None,
    ) -> None:
        kept = retention if retention is not None else RetentionPolicy()
        self.set: Final = dict(by_hand or {})
        self.retention: Final = RetentionPolicy(kept.default, kept.prefixes | self.set)
        self.unread: Final = unread if unread is not None else UnreadPolicy()
        self.text: Final = self._written() if text is None else text

    @classmethod
    def read(cls, text: bytes) -> Rules:
        """The rules of `text`, which may come from a newer version: that knows more of them.

        Raises:
            msgspec.MsgspecError: they are no rules.
        """
        stored = msgspec.json.decode(text, type=_Stored)
        retention = RetentionPolicy(stored.retention, stored.retention_of)
        return cls(retention, UnreadPolicy(stored.unread_of), text=text, by_hand=stored.set)

    @property
    def set_text(self) -> bytes:
        """What was set by hand, as JSON; empty for nothing."""
        return written(self.set)

    def _written(self) -> bytes:
        stored = _Stored(self.retention.default, self.retention.prefixes, self.unread.prefixes)
        # Sorted: a set has no order that two processes share.
        return msgspec.json.encode(stored, order="sorted")


def written(by_hand: Mapping[str, Retention]) -> bytes:
    """What was set by hand, as JSON that is the same for the same; empty for nothing."""
    return msgspec.json.encode(dict(by_hand), order="sorted") if by_hand else b""


def changed(
    by_hand: Mapping[str, Retention], prefix: str, kept: Retention | None
) -> dict[str, Retention]:
    """What is set once `kept` is set for `prefix`; nothing is, where it is None.

    Raises:
        TooManyRules: it would be set for more than `MAX_SET` prefixes.
    """
    rules = {name: rule for name, rule in by_hand.items() if name != prefix}
    if kept is not None:
        rules[prefix] = kept
    if len(rules) > MAX_SET:
        raise TooManyRules.of(MAX_SET)
    return rules
