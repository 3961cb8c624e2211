"""While passes take most of the time, events of a reader may share a packet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

#: Seconds; a pass that took less is none to save.
_LONG: Final = 0.0015
#: What passes take with packing, of what they took: at best.
_SAVED: Final = 1 / 4
#: Seconds between two looks at who is near, and at whether there is time again.
LOOK: Final = 1.0


class Packed(Protocol):
    """Those who are written to as one: a cohort."""

    def pack(self) -> None:
        """Let what is sent to those who are near wait until they have acknowledged the last."""

    def send_at_once(self) -> None:
        """Let nothing wait."""


class Packing:
    """How busy a feed is with passes, and what follows from it.

    A packet costs the system several times what it costs to append to one that waits. So while
    passes take most of the time, the system lets what is sent to a reader wait until the reader
    has acknowledged what it was sent before: Nagle's algorithm. Whoever has read that
    waits for a round trip at most, and who has not could not have read more. A lone event never
    waits. Whom that may be done to, `round_trips.near` says.

    Args:
        cohorts: those there are now.
        busy: the part of the time that passes may take.
        clock: seconds, of any clock that does not go back.
        call_later: of the event loop.
        call_soon: of the event loop, which is let go of between two cohorts.
    """

    __slots__ = (
        *("_began", "_busy", "_call_later", "_call_soon", "_clock", "_cohorts", "_ended"),
        *("_is_on", "_looked", "_spent"),
    )

    def __init__(
        self,
        cohorts: Callable[[], Sequence[Packed]],
        *,
        busy: float,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._cohorts: Final = cohorts
        self._busy: Final = busy
        self._clock: Final = clock
        self._call_later: Final = call_later
        self._call_soon: Final = call_soon
        self._began = self._ended = self._looked = clock()
        self._spent = 0.0  # seconds, on passes since it was looked
        self._is_on = False

    def began(self) -> None:
        """Note that a pass begins."""
        now = self._clock()
        took, since = self._ended - self._began, now - self._began
        self._began = self._ended = now
        if not self._is_on and took >= _LONG and took > since * self._busy:
            self._is_on = True
            self._call_soon(self._look)

    def ended(self) -> None:
        """Note that it has come to its end."""
        self._ended = self._clock()
        self._spent += self._ended - self._began

    def _look(self) -> None:
        self._looked, self._spent = self._clock(), 0.0
        self._each(list(self._cohorts()), _pack, self._wait)

    def _wait(self) -> None:
        self._call_later(LOOK, self._look_again)

    def _look_again(self) -> None:
        if self._spent > (self._clock() - self._looked) * self._busy * _SAVED:
            self._look()
        else:
            self._each(list(self._cohorts()), _send_at_once, self._have_time)

    def _have_time(self) -> None:
        self._is_on = False

    def _each(
        self, left: list[Packed], act: Callable[[Packed], None], then: Callable[[], None]
    ) -> None:
        """Do it to each cohort that is left, one in each turn of the loop."""
        if left:
            act(left.pop())
            self._call_soon(partial(self._each, left, act, then))
        else:
            then()


def _pack(cohort: Packed) -> None:
    cohort.pack()


def _send_at_once(cohort: Packed) -> None:
    cohort.send_at_once()
