"""What a reader is told first: encoded once for all who are told alike, but for what is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..events.control import Control
from ..events.cursor import ORIGIN, Cursor

if TYPE_CHECKING:
    from ..events.event import Event
    from ..wire.form import Form

#: Milliseconds that no reader is told to wait, of as many digits as can be.
_MANY: Final = 1_234_567_890
_FEW: Final = 1
#: Bytes of what is kept for others, at most; more is seldom, and takes longer to send than to
#: encode.
_KEPT: Final = 4096

#: Where others had caught up who were told alike; and what they were told, with places for what was
#: their own, None until several were.
Kept = dict[object, tuple[Cursor | None, bytes | None]]
_NOBODY: Final = (ORIGIN, None)

#: Makes ``connected``, by the milliseconds after which its reader comes back, and its stream's id.
Connected = Callable[[int, str], Control]


class Welcome:
    """``connected``, and what follows it at once.

    After a restart a thousand come to where a topic stands. They are told the same, but for the
    two things that `connected` takes.

    Args:
        connected: makes it.
        own: what it is made of, for this reader.
        over: what follows it in any case.
        kept: what others were told of the same snapshot; None where there is more to it than
            that, than what they have alike, and than what is a reader's own.
        alike: its topic, and whether they have been here before.
    """

    __slots__ = ("_alike", "_connected", "_kept", "_over", "_own")

    def __init__(
        self,
        connected: Connected,
        own: tuple[int, str],
        over: Sequence[Event | Control],
        kept: Kept | None,
        alike: tuple[str, bool],
    ) -> None:
        self._connected = connected
        self._own = own
        self._over = over
        self._kept = None if over else kept
        self._alike = alike

    def items(self) -> list[Event | Control]:
        """All of it."""
        return [self._connected(*self._own), *self._over]

    def with_caught_up(self, form: Form, rest: Sequence[Event | Control]) -> bytes | None:
        """All of it in `form`, ready for one write, and `rest` behind it: ``caught_up``.

        None where it is to be encoded by itself: of others there are none, or `rest` is more.
        """
        if self._kept is None or len(rest) != 1:
            return None
        key, at = (form, self._alike), rest[0].id
        place, pattern = self._kept.get(key, _NOBODY)
        if place != at:
            self._kept[key] = at, None
        elif pattern is None:
            # The second that comes is a sign that there will be a third.
            self._kept[key] = at, self._pattern(form, rest)
        elif pattern:
            return form.wrap(pattern % _named(*self._own))
        return None

    def _pattern(self, form: Form, rest: Sequence[Event | Control]) -> bytes:
        """What `form` writes, with places for what is a reader's own; b"" where it has none such.

        Two are compared: whatever the one says that was taken for its own by chance, such as a
        number, or a length that depends on it, would be another in the other.
        """
        length = len(self._own[1])
        one, other = (_MANY, "1" * length), (_FEW, "2" * length)
        pattern = (
            self._frames(form, *one, rest)
            .replace(b"%", b"%%")
            .replace(b"%d" % _MANY, b"%(retry)d")
            .replace(one[1].encode(), b"%(stream)b")
        )
        is_one = (
            pattern % _named(*other) == self._frames(form, *other, rest) and len(pattern) <= _KEPT
        )
        return pattern if is_one else b""

    def _frames(
        self, form: Form, retry_ms: int, stream_id: str, rest: Sequence[Event | Control]
    ) -> bytes:
        said = (self._connected(retry_ms, stream_id), *rest)
        return b"".join(form.control(item) for item in said if isinstance(item, Control))


def _named(retry_ms: int, stream_id: str) -> dict[bytes, int | bytes]:
    return {b"retry": retry_ms, b"stream": stream_id.encode()}
