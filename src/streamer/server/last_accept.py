"""The end of listening: whoever has connected already is not cut off.

The kernel completes connections by itself and keeps them until they are accepted. Those that
wait when the last socket of a listener is closed are reset: their requests, which no server
has read, look to a proxy as if one had died over them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Final

#: Connections that are taken from one listener at most: others may be listening on it, too,
#: and go on, so that there is no end to those who come.
_MOST: Final = 4096


async def stop_listening(
    servers: Iterable[asyncio.Server], protocol: Callable[[], asyncio.Protocol]
) -> None:
    """Close `servers`, and give each connection that waited to be accepted a `protocol`."""
    loop = asyncio.get_running_loop()
    for server in servers:
        listeners: list[socket.socket] = []
        with contextlib.suppress(OSError):  # without a file to spare nobody can be accepted
            # A copy keeps the listener open beyond the loop's own end of it.
            listeners += (_copy(listening.fileno()) for listening in server.sockets)
        server.close()
        for listener in listeners:
            with listener:
                waiting = list(accepted(listener))
            for connection in waiting:
                with contextlib.suppress(OSError):  # it has left since
                    await loop.connect_accepted_socket(protocol, connection)


def accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept what waits, until nothing does."""
    for _ in range(_MOST):
        try:
            connection, _address = listener.accept()
        except ConnectionError:  # it has left already
            continue
        except OSError:  # none waits, or there is no room for it
            return
        yield connection


def _copy(descriptor: int) -> socket.socket:
    copy = socket.socket(fileno=os.dup(descriptor))
    copy.settimeout(0)
    return copy
