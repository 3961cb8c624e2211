"""Events of topics as values, in order: for a stream that says them in words of its own.

The hub reads, replays, beats and ends as for any reader; only what is written is another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import msgspec
from litestar.types import Receive, Scope, Send

from ...hub.attach import Attach
from ...hub.hub import Hub
from ...hub.writer import offered_writer
from ...wire import sse
from ...wire.bodies import BodyLines
from .portable import PortableWriter

#: An event, or a control event, as every transport of ours sends it.
Body = dict[str, Any]


class _Bodies(BodyLines):
    """A line for each body; an empty one is a heartbeat."""

    heartbeat = b"\n"


_BODIES: Final = _Bodies("followed", lambda event: (event.body,), lambda control: (control.body(),))
_bodies: Final = msgspec.json.Decoder(Body)


class CutShort(Exception):
    """What is followed is not over, and nothing more of it comes here."""


class Followed:
    """A reader of the hub whose events are taken one batch at a time.

    Args:
        high_water: bytes that wait here, at most; beyond that it is a cursor.
    """

    def __init__(self, hub: Hub, *, high_water: int) -> None:
        self.writer: Final = PortableWriter(_BODIES, high_water=high_water)
        self._hub: Final = hub
        self._buffers: Final = self.writer.buffers()
        self._next: asyncio.Future[bytes] | None = None

    async def begin(self, attach: Attach) -> None:
        """Read what `attach` asks for; raises as `Hub.attach`."""
        await self._hub.attach(attach, self.writer)

    async def take(self, seconds: float | None = None) -> list[Body]:
        """What comes next: events and controls; nothing is a heartbeat.

        Raises:
            TimeoutError: nothing came for so long; ask again.
            CutShort: the hub has ended it.
        """
        if self._next is None:
            # Not awaited in place: who does not wait any longer must not end what is written.
            self._next = asyncio.ensure_future(anext(self._buffers))
        done, _ = await asyncio.wait({self._next}, timeout=seconds)
        if not done:
            raise TimeoutError
        came, self._next = self._next, None
        try:
            lines = came.result()
        except StopAsyncIteration as error:
            raise CutShort from error
        return [_bodies.decode(line) for line in lines.split(b"\n") if line]

    def end(self) -> None:
        """Read no more; may be repeated."""
        self.writer.lose()
        if self._next is not None:
            self._next.cancel()
            self._next = None


class Retold:
    """The answer: what is made of what is followed, until it is over, or else is cut.

    A client takes a stream that ends for one that is whole. So only what is whole ends: if
    `frames` raise `CutShort`, the connection is cut.

    Args:
        frames: what is sent, as server-sent events.
        headers: of the answer, beside those of every stream.
        seconds: that it may take.
    """

    def __init__(
        self,
        followed: Followed,
        frames: AsyncIterator[bytes],
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        seconds: float,
    ) -> None:
        self._followed: Final = followed
        self._frames: Final = frames
        self._seconds: Final = seconds
        own = ((name.lower().encode(), value.encode()) for name, value in sse.HEADERS.items())
        self._headers: Final = [*own, *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        # A client that takes nothing holds `send`.
        self._followed.writer.on_abort(sending.cancel)
        tasks = {sending, leaving}
        try:
            await asyncio.wait(tasks, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._followed.end()
            await asyncio.wait(tasks)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            if not isinstance(error, CutShort):
                raise error
            await _cut(scope)
        elif sending.cancelled() and not leaving.done():
            await _cut(scope)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope) -> None:
    """End the connection without the end of the answer."""
    # A server that is not ours does so by itself when an app returns with half an answer.
    offered = offered_writer(scope)  # type: ignore[arg-type]
    if offered is not None:
        offered.abort()
        await asyncio.sleep(0)  # it is known to be lost in the loop's next turn
