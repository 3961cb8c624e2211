"""What a client of several topics has of each, and whether what it is sent next fits that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streamer.events.cursor import ORIGIN, Cursor


class Places:
    """The client's own cursor in each topic, over all of its connections.

    Every method but `connect` takes what the server said, and breaks with an
    `AssertionError` if it is against the rules: an event that was had already, a
    cursor that goes back, one that passes an event which comes after all.

    Attributes:
        start: by topic, what comes after is owed.
        had: by topic, everything up to here was given, or reported as lost.
        subscribed: the topics of the connection.
        top: the connection's cursor, as far as the server has said.
        pending: the topic that was added last, as long as it is not known that all
            is given which was missed of it: only that may come with ids below `top`.
    """

    def __init__(self, topics: Sequence[str]) -> None:
        self.topics: Final = tuple(topics)
        self.start: dict[str, Cursor] = {}
        self.had: dict[str, Cursor] = {}
        self.subscribed: tuple[str, ...] = ()
        self.top = ORIGIN
        self.pending: str | None = None
        self._asked: Cursor | None = None

    @property
    def missing(self) -> list[str]:
        """The topics that the connection does not read."""
        return [topic for topic in self.topics if topic not in self.subscribed]

    def have_all(self, cursor: Cursor) -> bool:
        """Whether every topic is read, and up to `cursor`."""
        return not self.missing and all(had >= cursor for had in self.had.values())

    def connect(self, first: str) -> tuple[tuple[str, ...], Cursor | None]:
        """Return what to connect with: `first` and all that stand where it does, and where."""
        self.subscribed = ()
        self.pending = None
        self._asked = self.had.get(first)
        if self._asked is None:
            return self.topics, None
        return tuple(t for t in self.topics if self.had[t] == self._asked), self._asked

    def connected(self, topics: Sequence[str], cursor: Cursor) -> None:
        """Begin; without a cursor of its own, with the one that it is given."""
        self.subscribed = tuple(topics)
        if self._asked is None:
            self.start = dict.fromkeys(topics, cursor)
            self.had = dict(self.start)
        else:
            assert cursor == self._asked, f"came back from {self._asked}, taken up at {cursor}"
        self.top = cursor

    def added(self, topic: str, topics: Sequence[str]) -> None:
        """Read `topic` too, from what was had of it on."""
        assert set(topics) == {*self.subscribed, topic}, f"{topics}, with {topic} added"
        self.subscribed = tuple(topics)
        self.pending = topic

    def left(self, topic: str, topics: Sequence[str]) -> None:
        """Read `topic` no more."""
        assert set(topics) == {*self.subscribed} - {topic}, f"{topics}, without {topic}"
        self.subscribed = tuple(topics)
        if self.pending == topic:
            self.pending = None

    def caught_up(self, cursor: Cursor) -> None:
        """Take the position that everything is given up to."""
        assert cursor >= self.top, f"caught up at {cursor}, after {self.top}"
        self.pending = None
        self._move(cursor)

    def event(self, id_: Cursor, topics: Sequence[str]) -> None:
        """Take an event of `topics`."""
        own = [topic for topic in topics if topic in self.subscribed]
        assert own, f"{id_} is of {topics}; subscribed are {self.subscribed}"
        wanted = [topic for topic in own if self.had[topic] < id_]
        assert wanted, f"{id_} of {own} came again: {self.had}"
        if self.pending not in topics:
            self.pending = None  # what was missed of it comes before all else
        if id_ > self.top:
            self._move(id_)
            return
        assert self.pending in wanted, f"{id_} of {own} came after {self.top}: {self.had}"
        assert self.pending is not None
        self.had[self.pending] = id_

    def gap(self, topic: str | None, until: Cursor, cursor: Cursor) -> None:
        """Take a loss of `topic` (of all, if None) up to `until`, told with `cursor`."""
        assert topic is None or topic in self.subscribed, f"a gap of {topic}: {self.subscribed}"
        assert cursor >= self.top, f"a gap moves to {cursor}, from {self.top}"
        if self.pending is None or topic != self.pending:
            self._move(cursor)
            return
        # Of what was missed of a topic that was added; what is kept of it still comes.
        self.had[topic] = max(self.had[topic], until)
        self.top = cursor
        for other in self.subscribed:
            if other != topic:
                self.had[other] = max(self.had[other], cursor)

    def _move(self, cursor: Cursor) -> None:
        self.top = cursor
        for topic in self.subscribed:
            self.had[topic] = max(self.had[topic], cursor)
