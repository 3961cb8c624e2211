"""Events as the log keeps them and as every reader sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from .cursor import Cursor

#: Types that only the server sends; every client tells them from events by these.
CONTROL_TYPES: Final = frozenset(
    {
        "caught_up",
        "connected",
        "end",
        "expired",
        "expiring",
        "gap",
        "moved",
        "open",
        "pong",
        "reconnect",
        "refreshed",
        "refused",
        "stats",
        "subscribed",
        "unsubscribed",
    }
)

#: Somebody comes to a conversation, somebody leaves it. On topics of conversations only the
#: server publishes them: else anybody could say so of anybody.
JOIN: Final = "user_join"
LEAVE: Final = "user_leave"


class Event:
    """One event, immutable, with the bytes each wire sends for it cached.

    Attributes:
        id: the position the log gave it; None for an ephemeral event, which is
            notified and never stored.
        type: what happened, ``[a-z][a-z0-9_.-]{0,63}``.
        topics: every topic it was published to; its body names the first as ``topic``,
            and all of them as ``topics`` where there are several.
        fields: the publisher's fields, one line of JSON, an object.
        terminal: whether it ends its job.
    """

    __slots__ = ("_body", "_encoded", "fields", "id", "terminal", "topics", "type")

    def __init__(
        self,
        id: Cursor | None,  # noqa: A002 - the field's own name, in every API of ours
        type: str,  # noqa: A002
        topics: tuple[str, ...],
        fields: bytes,
        *,
        terminal: bool = False,
    ) -> None:
        self.id = id
        self.type = type
        self.topics = topics
        self.fields = fields
        self.terminal = terminal
        self._body: bytes | None = None
        self._encoded: dict[str, bytes] | None = None

    @property
    def end(self) -> Cursor:
        """Where a reader stands that has been given it; needs an id.

        Behind a terminal event there is a position that no event has: whoever comes
        when it is the last of the log stands there, and has not been given it.
        """
        assert self.id is not None, "an ephemeral event has no place in the log"  # noqa: S101
        return self.id.next() if self.terminal else self.id

    @property
    def body(self) -> bytes:
        """The flat JSON object, one line, that every transport sends."""
        if self._body is None:
            self._body = self._encode_body()
        return self._body

    def encoded(self, form: str, encode: Callable[[Event], bytes]) -> bytes:
        """This event in the wire form named `form`, encoded at most once."""
        if self._encoded is None:
            self._encoded = {}
        frame = self._encoded.get(form)
        if frame is None:
            frame = self._encoded[form] = encode(self)
        return frame

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep this event in memory."""
        return len(self.fields) * 3 + 400

    def entry(self) -> bytes:
        r"""The event without its id, as the log stores it; `from_entry` reads it back.

        ``<flag> <type> <topic>...\n<fields>``: the flag is ``T`` for a terminal
        event, else ``-``. Neither types nor topics can hold a space.
        """
        flag = "T" if self.terminal else "-"
        return f"{flag} {self.type} {' '.join(self.topics)}\n".encode() + self.fields

    @classmethod
    def from_entry(cls, id: Cursor | None, entry: bytes) -> Event:  # noqa: A002
        """Read what `entry` wrote; no JSON is decoded.

        Raises:
            ValueError: if `entry` is not of that shape.
        """
        head, newline, fields = entry.partition(b"\n")
        flag, event_type, *topics = head.decode("ascii").split(" ")
        if not newline or not topics:
            raise ValueError("not an event log entry")
        return cls(id, event_type, tuple(topics), fields, terminal=flag == "T")

    def _encode_body(self) -> bytes:
        # Types, topics and ids need no JSON escape: their alphabets have none.
        rest = b"}" if self.fields == b"{}" else b"," + self.fields[1:]
        named = f'"topic":"{self.topics[0]}"'
        if len(self.topics) > 1:
            # Whoever reads one that is not the first must find it.
            named += ',"topics":["' + '","'.join(self.topics) + '"]'
        if self.id is None:
            head = f'{{"type":"{self.type}",{named}'
        else:
            head = (
                f'{{"id":"{self.id.ms}-{self.id.seq}","type":"{self.type}",'
                f'{named},"timestamp":"{self.id.timestamp()}"'
            )
        return head.encode("ascii") + rest

    def __repr__(self) -> str:
        """For a person who debugs."""
        return f"Event({self.id}, {self.type!r}, {self.topics}, {self.fields!r})"


class Run(list[Event]):
    """Events that several readers are sent at once: written once for all who read one form.

    Attributes:
        buffers: the events as one buffer, by wire form.
        merged: the same in fewer, once somebody has asked for it; see `merging`.
    """

    __slots__ = ("buffers", "merged")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        super().__init__(events)
        self.buffers: dict[object, bytes] = {}
        self.merged: Run | None = None
