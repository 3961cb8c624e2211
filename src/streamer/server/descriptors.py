"""Open files of a process, and how many connections there is room for among them."""

from __future__ import annotations

import logging
import resource
from typing import Final, NamedTuple

_logger: Final = logging.getLogger(__name__)

#: Descriptors that the process needs for itself: the log's connections and pools,
#: standard streams, listening sockets, files that are served.
OWN: Final = 128
#: Connections that are not readers, and have room beside them: pages, polls,
#: publishers, probes; half of them may be idle or slow.
OTHERS: Final = 2000
#: Most descriptors that are asked for where nothing says how many are needed.
_MOST: Final = 1 << 20


class Room(NamedTuple):
    """What there is room for in one process.

    Attributes:
        readers: streams and sockets; 0 is no limit of ours.
        waiting: connections that are idle, or whose request is not whole.
        connections: all together.
    """

    readers: int
    waiting: int
    connections: int


def make_room(max_readers: int) -> Room:
    """Raise the limit of open files as far as is needed and allowed; what there is room for.

    `max_readers` is what is set; 0 is no limit. If there is room for fewer, a line
    in the log says so.
    """
    limit = _raised(attainable(max_readers))
    room = room_in(limit, max_readers)
    if room.readers < max_readers:
        _logger.warning(
            "%d open files are allowed: room for %d readers, not %d; raise the hard limit "
            "(ulimit -Hn, LimitNOFILE=) to %d",
            limit,
            room.readers,
            max_readers,
            _wanted(max_readers),
        )
    return room


def room_in(limit: int, max_readers: int) -> Room:
    """What `limit` open files give room for, as `make_room`."""
    connections = max(limit - OWN, limit // 2)
    others = min(OTHERS, connections // 4)
    readers = connections - others
    return Room(
        readers=min(readers, max_readers) if max_readers else readers,
        waiting=max(1, others // 2),
        connections=connections,
    )


def attainable(max_readers: int) -> int:
    """How many open files the process can be allowed, as far as `max_readers` needs them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _wanted(max_readers)
    if hard == resource.RLIM_INFINITY:
        return wanted
    return min(max(soft, wanted), hard)


def _wanted(max_readers: int) -> int:
    return max_readers + OTHERS + OWN if max_readers else _MOST


def _raised(limit: int) -> int:
    """Raise the soft limit to `limit`, or as near as may be; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return limit
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except (ValueError, OSError):  # macOS allows less than its hard limit says
        return soft
    return limit
