"""Nagle's algorithm on many sockets: what is small waits until what went before is acknowledged."""

from __future__ import annotations

import ctypes
import mmap
import socket
import sys
from array import array
from typing import Final

from .io_uring import Ring

#: Sockets of one system call: as many as a cohort has.
MANY: Final = 512

_OP_COMMAND: Final = 46
_SET_OPTION: Final = 3  # Linux 6.7
_SQE_COMMAND, _SQE_LEVEL, _SQE_OPTION, _SQE_LENGTH, _SQE_VALUE = 2, 4, 5, 11, 12
_LENGTH: Final = ctypes.sizeof(ctypes.c_int)


class NodelayRing(Ring):
    """Sets `TCP_NODELAY` of many sockets.

    Args:
        entries: most sockets of one `set`; a power of two.

    Raises:
        OSError: as of `Ring`.
    """

    def __init__(self, entries: int) -> None:
        super().__init__(entries, _OP_COMMAND)
        self._value = mmap.mmap(-1, mmap.PAGESIZE)
        self.set_address_in_all(_SQE_VALUE, self._value)
        for word, value in (
            (_SQE_COMMAND, _SET_OPTION),
            (_SQE_LEVEL, socket.IPPROTO_TCP),
            (_SQE_OPTION, socket.TCP_NODELAY),
            (_SQE_LENGTH, _LENGTH),
        ):
            self.set_in_all(word, value)

    def set(self, descriptors: array[int], value: int) -> bool:
        """Set it; whether every socket has taken it."""
        self._value[:_LENGTH] = value.to_bytes(_LENGTH, sys.byteorder)
        _, answers = self.ask(descriptors)
        return answers.count(0) == len(descriptors)


class Nagle:
    """Switches it on and off, in the quickest way there is.

    A socket that cannot have it is left as it is.

    Args:
        io_uring: whether to use the kernel's io_uring, where it lets us.
    """

    def __init__(self, *, io_uring: bool = True) -> None:
        self._wants_ring = io_uring
        self._ring: NodelayRing | None = None

    def on(self, descriptors: array[int]) -> None:
        """Let what is small wait until what went before is acknowledged."""
        self._set(descriptors, 0)

    def off(self, descriptors: array[int]) -> None:
        """Send what waits, as Linux does then, and whatever follows at once."""
        self._set(descriptors, 1)

    def _set(self, descriptors: array[int], nodelay: int) -> None:
        for start in range(0, len(descriptors), MANY):
            part = descriptors[start : start + MANY]
            ring = self._opened()
            # A kernel that has no such request refuses all of them; then, as where one is
            # gone, it does no harm to ask again.
            if ring is None or not ring.set(part, nodelay):
                set_each(part, nodelay)

    def _opened(self) -> NodelayRing | None:
        if self._wants_ring:
            self._wants_ring = False  # it is not needed badly enough to be tried for again
            try:
                self._ring = NodelayRing(MANY)
            except OSError:
                self._ring = None
        return self._ring


def set_each(descriptors: array[int], nodelay: int) -> None:
    """Set it with a system call for each, and touch no object of theirs."""
    setsockopt, value = ctypes.CDLL(None).setsockopt, ctypes.c_int(nodelay)
    for descriptor in descriptors:
        setsockopt(descriptor, socket.IPPROTO_TCP, socket.TCP_NODELAY, ctypes.byref(value), _LENGTH)
