"""How long each reader may stay: until what it proved itself with ends, or is taken back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import StreamerError, TokenExpired, TokenRevoked
from .controls import expiring_control
from .reader import alone
from .second_wheel import SecondWheel

if TYPE_CHECKING:
    from .attach import Attach
    from .reader import Reader

#: Seconds that the clock of the machine may move against the time that passes, from one
#: second to the next: more is not drift, it was set.
_STEP: Final = 1.0
#: Seconds that a reader may stay at least whose time is over because the clock was set:
#: enough to be warned and to prove itself anew, so that a step cuts nobody off unwarned.
GRACE: Final = 30.0
#: Whether a credential was taken back; it is given what an `Attach` has.
IsRevoked = Callable[[Any], bool]


class Stay:
    """That of one reader.

    Attributes:
        reader: whose it is.
        credential: what it proved itself with; whoever made it knows what it says.
        expires: when that ends; seconds since 1970, None is never.
        ends: when the reader is ended: at `expires`, but for a clock that was set.
        warned: whether it knows that this is soon.
        second: where it sits in the wheel.
        refresh: where it may prove itself anew, without the stream's id.
    """

    __slots__ = ("credential", "ends", "expires", "reader", "refresh", "second", "warned")

    def __init__(
        self, reader: Reader, credential: object, expires: float | None, refresh: str
    ) -> None:
        self.reader = reader
        self.credential = credential
        self.expires = expires
        self.ends = expires
        self.warned = False
        self.second = 0
        self.refresh = refresh

    def sits(self, second: int) -> None:
        """It is due in `second`."""
        self.second = second

    def is_over(self, now: float) -> bool:
        """Whether its end has come."""
        return self.ends is not None and now >= self.ends

    def warn(self) -> None:
        """It has been warned."""
        self.warned = True

    def step(self, now: float, seconds: float) -> None:
        """The clock, which shows `now`, was set by `seconds`: more of them have not passed.

        A clock that was set back lets nobody stay longer. One that was set forward may
        have been behind: then the time of many is over, and they have `GRACE`.
        """
        assert self.ends is not None  # noqa: S101
        assert self.expires is not None  # noqa: S101
        self.ends = min(self.ends + seconds, max(self.expires, now + GRACE))


class Stays:
    """The stays of a process's readers that proved themselves with anything.

    Args:
        clock: seconds since 1970. It may be set; what passes is measured by the loop's.
        warning: seconds before its end that a reader is warned; it is half of what it
            has left if that is less.
        most: readers that are served before control returns to the event loop.
        ended: called with each reader that is ended here, and why.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        warning: float,
        most: int,
        ended: Callable[[Reader, StreamerError], None],
    ) -> None:
        self._clock: Final = clock
        self._warning: Final = warning
        self._most: Final = most
        self._ended: Final = ended
        self._known: Final[dict[str, Stay]] = {}
        self._wheel: SecondWheel[Stay] = SecondWheel(clock())
        self._due: Final[deque[tuple[Callable[[Stay], None], Stay]]] = deque()
        self._offset = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_revoked: IsRevoked = lambda _credential: False

    def start(self) -> None:
        """Begin; call it on the event loop, once."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()

    # Readers come, prove themselves anew, and go

    def refuse_if_over(self, attach: Attach) -> None:
        """Raise if what `attach` has proved itself with holds no longer.

        Raises:
            TokenExpired: its time is over.
            TokenRevoked: it was taken back.
        """
        self._refuse_if_over(attach.credential, attach.expires)

    def is_revoked(self, credential: object) -> bool:
        """Whether `credential` was taken back; None is nothing, and is not."""
        return credential is not None and self._is_revoked(credential)

    def left(self, attach: Attach) -> float:
        """Seconds that `attach` may stay from now on."""
        return float("inf") if attach.expires is None else attach.expires - self._clock()

    def enter(self, reader: Reader, attach: Attach) -> None:
        """Let `reader` stay as long as what it has proved itself with holds."""
        if attach.credential is not None or attach.expires is not None:
            self._begin(Stay(reader, attach.credential, attach.expires, attach.refresh))

    def find(self, stream_id: str) -> Stay | None:
        """The stay of a stream, unless it is over, or there never was one."""
        return self._known.get(stream_id)

    def extend(self, stay: Stay, credential: object, expires: float | None) -> None:
        """Let the reader of `stay` stay as long as `credential` holds, and no longer.

        Raises:
            TokenExpired, TokenRevoked: it holds no longer; nothing has changed.
        """
        self._refuse_if_over(credential, expires)
        self.leave(stay.reader)
        self._begin(Stay(stay.reader, credential, expires, stay.refresh))

    def leave(self, reader: Reader) -> None:
        """`reader` is over."""
        stay = self._known.pop(reader.stream_id, None)
        if stay is not None:
            self._wheel.remove(stay, stay.second)

    def end_revoked(self, is_revoked: IsRevoked) -> None:
        """End all whose credential was taken back; whoever comes is asked the same."""
        self._is_revoked = is_revoked
        self._serve_all(self._end_if_revoked, list(self._known.values()))

    def _refuse_if_over(self, credential: object, expires: float | None) -> None:
        if expires is not None and expires <= self._clock():
            raise TokenExpired("the token has expired; come back with a new one")
        if self.is_revoked(credential):
            raise TokenRevoked("the token was revoked")

    def _begin(self, stay: Stay) -> None:
        self._known[stay.reader.stream_id] = stay
        if stay.ends is not None:
            self._follow_clock()
            self._seat(stay)

    # Time

    def _seat(self, stay: Stay) -> None:
        assert stay.ends is not None  # noqa: S101
        at = stay.ends
        if not stay.warned:
            at -= min(self._warning, (at - self._clock()) / 2)
        self._wake_at(at, stay)

    def _wake_at(self, at: float, stay: Stay) -> None:
        stay.sits(self._wheel.add(stay, at))
        if self._timer is None:
            self._wait()

    def _wait(self) -> None:
        """Wake at the clock's next whole second: at those, nearly all tokens end."""
        self._timer = self._loop.call_later(1.0 - self._clock() % 1.0, self._turn)

    def _turn(self) -> None:
        self._timer = None
        self._follow_clock()
        now = self._clock()
        due = self._wheel.advance(now)
        # Decided now: the clock may be set while they wait for each other.
        self._serve_all(self._expire, [stay for stay in due if stay.is_over(now)])
        self._serve_all(self._warn, [stay for stay in due if not stay.is_over(now)])
        if self._wheel and self._timer is None:
            self._wait()

    def _follow_clock(self) -> None:
        """Seat everybody again if the clock was set since it was last looked at."""
        now = self._clock()
        before, self._offset = self._offset, now - self._loop.time()
        step = self._offset - before
        if abs(step) <= _STEP:
            return
        stays = self._wheel.clear()
        self._wheel = SecondWheel(now)
        for stay in stays:
            stay.step(now, step)
            self._seat(stay)

    def _serve_all(self, act: Callable[[Stay], None], stays: list[Stay]) -> None:
        is_serving = bool(self._due)
        self._due.extend((act, stay) for stay in stays)
        if self._due and not is_serving:
            self._serve()

    def _serve(self) -> None:
        """Serve some, and let others have the loop: ten thousand may end in one second."""
        for _ in range(min(self._most, len(self._due))):
            act, stay = self._due.popleft()
            # It may have gone, or proved itself anew, while it was waiting.
            if self._known.get(stay.reader.stream_id) is stay:
                alone(stay.reader, partial(act, stay))
        if self._due:
            self._loop.call_soon(self._serve)

    def _expire(self, stay: Stay) -> None:
        self._end(stay, TokenExpired("the token of this stream has expired"))

    def _warn(self, stay: Stay) -> None:
        assert stay.ends is not None  # noqa: S101
        reader = stay.reader
        if not reader.writer.full:  # else it is tried again, each second
            address = f"{stay.refresh}/{reader.stream_id}/token"
            reader.write([expiring_control(stay.ends, address)])
            stay.warn()
        self._wake_at(stay.ends if stay.warned else min(self._clock() + 1.0, stay.ends), stay)

    def _end_if_revoked(self, stay: Stay) -> None:
        if self.is_revoked(stay.credential):
            self._end(stay, TokenRevoked("the token of this stream was revoked"))

    def _end(self, stay: Stay, error: StreamerError) -> None:
        stay.reader.expire(error)
        self._ended(stay.reader, error)
