"""The answer to a poll: waited for, and handed over as fast as the client takes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from litestar.types import Receive, Scope, Send

from ..events.cursor import Cursor
from ..hub.attach import Attach
from ..hub.controls import gap_control
from ..hub.hub import Hub
from ..hub.writer import offered_writer
from ..wire.poll import answer

logger = logging.getLogger(__name__)

#: Bytes handed over at a time: the next ones wait until the network took most of these.
_PIECE: Final = 64 * 1024


class PollAnswer:
    """An ASGI app that is one poll; it counts among the readers until its answer is taken.

    Args:
        after, limit, wait: what was asked for; see `Hub.poll`.
        send_timeout: seconds in which the client must take a piece of the answer.
    """

    def __init__(
        self,
        hub: Hub,
        attach: Attach,
        after: Cursor,
        limit: int,
        wait: float,
        *,
        send_timeout: float,
    ) -> None:
        self._hub: Final = hub
        self._attach: Final = attach
        self._page: Final = (after, limit, wait)
        self._send_timeout: Final = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the client leaves before."""
        answering = asyncio.create_task(self._answer(scope, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()  # if it is done, that does nothing
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        if not answering.cancelled():
            answering.result()

    async def _answer(self, scope: Scope, send: Send) -> None:
        async with self._hub.poll(self._attach, *self._page) as page:
            gap = None if page.gap is None else gap_control(page.gap, page.cursor)
            body = answer(page.events, page.cursor, gap)
            try:
                await self._send(send, body)
            except TimeoutError:
                logger.info("%s did not read its poll's answer, and is cut", self._attach.client)
                writer = offered_writer(scope)  # type: ignore[arg-type]
                if writer is not None:
                    writer.abort()

    async def _send(self, send: Send, body: bytes) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece, is_last in _pieces(body):
            async with asyncio.timeout(self._send_timeout):
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})


def _pieces(body: bytes) -> Iterator[tuple[bytes, bool]]:
    if len(body) <= _PIECE:
        yield body, True
        return
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE], False
    yield b"", True  # once all else was taken


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
