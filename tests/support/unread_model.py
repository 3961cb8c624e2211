"""How much of each topic somebody has not read, as its events themselves say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streamer.events.cursor import Cursor
from streamer.events.reading import ReadState


class UnreadModel:
    """Events that a log keeps of each topic, and how far each subject has read them.

    Args:
        kept: how many events are kept of a topic.
    """

    def __init__(self, topics: Sequence[str], kept: int) -> None:
        self._most: Final = kept
        self._kept: Final[dict[str, list[tuple[Cursor, bool]]]] = {topic: [] for topic in topics}
        self._cursors: Final[dict[tuple[str, str], Cursor]] = {}
        #: All that was ever published, on any topic.
        self.ids: Final[list[Cursor]] = []

    def published(self, topic: str, id_: Cursor, *, counts: bool) -> None:
        """Note an event; the oldest is removed if there are too many."""
        self.ids.append(id_)
        self._kept[topic] = [*self._kept[topic], (id_, counts)][-self._most :]

    def marked(self, topic: str, subject: str, to: Cursor) -> bool:
        """Note that `subject` says to have read up to `to`; whether that is further than before."""
        had = self._cursors.get((topic, subject))
        self._cursors[topic, subject] = max(to, had or to)
        return had is None or to > had

    def state(self, topic: str, subject: str) -> ReadState:
        """Where its cursor is, and how much comes after it."""
        cursor = self._cursors.get((topic, subject))
        after = (counts and (cursor is None or id_ > cursor) for id_, counts in self._kept[topic])
        return ReadState(cursor, sum(after))
