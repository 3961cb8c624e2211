"""One buffer to many sockets."""

from __future__ import annotations

import errno
import logging
import os
import time
from array import array
from collections.abc import Callable
from typing import Final

from .io_uring import SendRing
from .nagle import Nagle
from .round_trips import near

logger = logging.getLogger(__name__)

#: Sockets from which one system call for all is quicker than one for each.
FEW: Final = 16
#: Sockets of one system call: as many as a cohort has (`HubLimits.cohort_readers`).
MANY: Final = 512
#: Bytes of the largest buffer that is sent so; of a larger one, copying it is the cost.
LARGE: Final = 64 * 1024
#: Seconds until a ring is tried for again that the system had no means for.
TRY_AGAIN: Final = 30.0

#: What a system may lack now and have later: descriptors, memory. Anything else says
#: that the kernel has no such ring, or does not let us.
_LACKING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


class FanOut:
    """Sends to sockets that are not to be waited for, in the quickest way there is.

    Args:
        io_uring: whether to use the kernel's io_uring, where it lets us.
        clock: seconds, of any clock that does not go back.
        near: those of given descriptors on which Nagle's algorithm may be switched on.

    Attributes:
        clock, near: as given.
        nagle: switches it on and off.
    """

    def __init__(
        self,
        *,
        io_uring: bool = True,
        clock: Callable[[], float] = time.monotonic,
        near: Callable[[array[int]], array[int]] = near,
    ) -> None:
        self.clock: Final = clock
        self.nagle: Final = Nagle(io_uring=io_uring)
        self.near: Final = near
        # When the ring is to be tried for, if ever.
        self._try_at: float | None = clock() if io_uring else None
        self._ring: SendRing | None = None

    def send(self, descriptors: array[int], buffer: bytes) -> list[tuple[int, int]]:
        """Send `buffer` to each of `descriptors`; none is waited for.

        Returns:
            The sockets that did not take all of it, and how many bytes each took: 0 of
            a socket that is full, or broken.
        """
        is_worth_it = len(descriptors) >= FEW and len(buffer) <= LARGE
        ring = self._opened() if is_worth_it else None
        if ring is None:
            return write_to_each(descriptors, buffer)
        short = []
        for start in range(0, len(descriptors), MANY):
            short += ring.send(descriptors[start : start + MANY], buffer)
        return short

    def _opened(self) -> SendRing | None:
        """The ring, opened when it is first needed; None if we have none."""
        if self._try_at is not None and self.clock() >= self._try_at:
            self._try_at = None
            try:
                self._ring = SendRing(MANY, LARGE)
            except OSError as error:
                if error.errno in _LACKING:
                    self._try_at = self.clock() + TRY_AGAIN
                    logger.warning(
                        "no io_uring for now (%s): one system call for each reader; "
                        "it is tried again in %.0f s",
                        error,
                        TRY_AGAIN,
                    )
                else:
                    logger.info("no io_uring here (%s): one system call for each reader", error)
        return self._ring


def io_uring_problem() -> str | None:
    """Why there is no io_uring to be had on this machine, if so."""
    try:
        SendRing(MANY, LARGE)
    except OSError as error:
        return error.strerror or str(error)
    return None


def write_to_each(descriptors: array[int], buffer: bytes) -> list[tuple[int, int]]:
    """Send with a system call for each socket; as `FanOut.send`."""
    size = len(buffer)
    write = os.write
    short = []
    for descriptor in descriptors:
        try:
            sent = write(descriptor, buffer)
        except OSError:
            sent = 0
        if sent != size:
            short.append((descriptor, sent))
    return short
