"""Which sockets have a peer that is near, and acknowledges as soon as it has read: by TCP_INFO."""

from __future__ import annotations

import ctypes
import socket
import sys
from array import array
from typing import Final

#: Seconds that a packet and its acknowledgement take, at least, of a peer that is not near:
#: within a data centre it is a tenth of that.
FAR: Final = 0.002
#: Seconds that they take on average of one that waits before it acknowledges, whether it has
#: read or not: systems wait 40 ms or longer.
SLOW: Final = 0.03

# Of Linux's `struct tcp_info`, in words of 32 bits.
_SMOOTHED: Final = 17
_LEAST: Final = 37
_WORDS: Final = 38
_MICRO: Final = 1_000_000


def near(descriptors: array[int]) -> array[int]:
    """Those of `descriptors` whose peer is near, and reads before it acknowledges.

    None where the system does not tell (it is Linux that does), and none that are not TCP's.
    """
    found = array("i")
    if sys.platform != "linux":
        return found
    getsockopt = ctypes.CDLL(None).getsockopt
    told = (ctypes.c_uint32 * _WORDS)()
    room = ctypes.sizeof(told)
    for descriptor in descriptors:
        length = ctypes.c_uint32(room)
        failed = getsockopt(
            descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, told, ctypes.byref(length)
        )
        if not failed and length.value == room and is_near(told[_LEAST], told[_SMOOTHED]):
            found.append(descriptor)
    return found


def is_near(least: int, smoothed: int) -> bool:
    """Whether a peer is, by its least and its mean round trip in microseconds; 0 is unknown."""
    return 0 < least < FAR * _MICRO and 0 < smoothed < SLOW * _MICRO
