"""Which topics somebody may read or publish to: topics, and patterns of topics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..errors import InvalidTopic
from ..events.topic import MAX_SEGMENTS, check_topic

#: One segment, whatever it is.
ONE: Final = "*"
#: The rest of a topic: one segment or more.
REST: Final = "**"
#: Patterns that one token may hold: they are looked through for each topic.
MAX_PATTERNS: Final = 256


def check_pattern(text: object) -> str:
    """Return `text` if it is a topic, or one with ``*`` for segments or ``**`` for its end.

    A ``*`` stands for a whole segment, never for a part of one: ``users/7*`` is refused,
    for who writes it means less than ``users/70`` to ``users/79999``.

    Raises:
        InvalidTopic: if it is anything else.
    """
    if not isinstance(text, str):
        raise InvalidTopic(f"a pattern of topics is a string, not {type(text).__name__}")
    segments = text.split("/")
    named = [segment for segment in segments if segment not in {ONE, REST}]
    if REST in segments[:-1] or len(segments) > MAX_SEGMENTS or not _are_segments(named):
        raise InvalidTopic(
            f"{text[:80]!r} is not a pattern of topics; it must be a topic, in which * stands "
            "for one whole segment and ** at the end for all that follow"
        )
    return text


def _are_segments(named: list[str]) -> bool:
    try:
        return not any("/" in check_topic(segment) for segment in named)
    except InvalidTopic:
        return False


class Patterns:
    """A set of topics, by name and by pattern; equal ones allow the same.

    Args:
        allowed: topics and patterns.

    Raises:
        InvalidTopic: one of them is malformed, or there are too many.
    """

    __slots__ = ("_names", "_patterns", "allowed")

    def __init__(self, allowed: Iterable[object]) -> None:
        self.allowed: Final = frozenset(check_pattern(text) for text in allowed)
        if len(self.allowed) > MAX_PATTERNS:
            raise InvalidTopic(f"{len(self.allowed)} patterns; at most {MAX_PATTERNS} are read")
        self._names = frozenset(text for text in self.allowed if ONE not in text)
        self._patterns = tuple(
            tuple(text.split("/")) for text in sorted(self.allowed - self._names)
        )

    def __eq__(self, other: object) -> bool:
        """Whether both are written alike."""
        return isinstance(other, Patterns) and self.allowed == other.allowed

    def __hash__(self) -> int:
        """Of what is written."""
        return hash(self.allowed)

    def __repr__(self) -> str:
        """As it may be written."""
        return f"Patterns({sorted(self.allowed)})"

    def cover(self, topic: str) -> bool:
        """Whether `topic`, or all topics of a pattern, are among these.

        It is compared as the text it is. Nothing is decoded or normalized, here or where
        it is read: ``projects/../users/7`` is four segments, and not ``users/7``.
        """
        if topic in self._names:
            return True
        if not self._patterns:
            return False
        segments = topic.split("/")
        for pattern in self._patterns:  # noqa: SIM110 - it is asked for each publish
            if _covers(pattern, segments):
                return True
        return False


def _covers(pattern: tuple[str, ...], segments: list[str]) -> bool:
    if pattern[-1] == REST:
        # "**" is one segment or more, so "a/**" is of what lies below a, and not a itself.
        if len(segments) < len(pattern):
            return False
        pattern = pattern[:-1]
    elif len(segments) != len(pattern):
        return False
    for part, segment in zip(pattern, segments, strict=False):
        if part != segment and (part != ONE or segment == REST):
            return False
    return True
