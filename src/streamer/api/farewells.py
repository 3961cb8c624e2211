"""How a WebSocket that gets no stream learns so, and is closed without a hurry."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from litestar import WebSocket

from ..errors import StreamerError, TooManyConnections
from ..events.control import Control
from ..hub.quotas import Crowd
from ..wire.websocket import close_reason

Socket = WebSocket[Any, Any, Any]

#: Seconds from the last frame to the close. A client that connects again whenever it
#: is closed, as a loop of `websockets` does, asks once a second then and not 600 times.
LINGER: Final = 1.0
#: Sockets of the process that linger at the same time, and those of one address: some
#: 40 kB and a descriptor each. Beyond that a socket is closed at once.
MAX_LINGERING: Final = 1000
MAX_LINGERING_PER_CLIENT: Final = 100
#: Frames that a client may still send meanwhile; they are thrown away.
_LATE_FRAMES: Final = 20


def refused_control(error: StreamerError) -> Control:
    """What is reported to a client of its mistake, or of ours; no event looks like it."""
    fields = {
        "code": error.code,
        "detail": error.detail,
        "status": error.outcome.status,
        "retry": error.outcome.retry,
        "retry_after": error.retry_after,
    }
    if error.topic is not None:
        fields["topic"] = error.topic
    return Control("refused", fields)


def older_refused_control(error: StreamerError) -> Control:
    """The same in the words of the older address, whose clients know no ``refused``."""
    fields = {
        "code": error.code,
        "error": error.detail,
        "retry": error.outcome.retry,
        "retry_after": error.retry_after,
    }
    return Control("error", fields)


class Farewells:
    """Sockets that were sent all there is, and are closed a moment later."""

    def __init__(self) -> None:
        self._count = 0
        self._clients: Final = Crowd(MAX_LINGERING_PER_CLIENT, "address")

    async def close(
        self, socket: Socket, last: Sequence[Control], client: str, code: int, reason: str
    ) -> None:
        """Send `last`, and close the accepted `socket` of the address `client`."""
        for control in last:
            await socket.send_text(control.body().decode())
        if await self._linger(socket, client):
            await socket.close(code, close_reason(reason))

    async def _linger(self, socket: Socket, client: str) -> bool:
        """Wait for the moment to close; False if the client, or the server, ended it before."""
        try:
            self._clients.refuse_if_full(client, LINGER)
        except TooManyConnections:
            return True
        if self._count >= MAX_LINGERING:
            return True
        self._count += 1
        self._clients.enter(client)
        try:
            async with asyncio.timeout(LINGER):
                for _ in range(_LATE_FRAMES):
                    if (await socket.receive())["type"] == "websocket.disconnect":
                        return False
        except TimeoutError:
            pass
        finally:
            self._count -= 1
            self._clients.leave(client)
        return True
