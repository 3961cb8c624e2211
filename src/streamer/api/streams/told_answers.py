"""An answer of a conversation, followed from where it is found to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request

from ...access.grants import EVERYTHING
from ...chats.answer_reading import AnswerReading, Said
from ...events.cursor import Cursor
from ...hub.attach import Attach
from ..asker import asker_of
from .followed import Body, CutShort, Followed


async def follow(request: Request[Any, Any, Any], topic: str, after: Cursor) -> Followed:
    """Read a topic from a position on; whether it may be read was asked before.

    Raises:
        StreamerError: as `Hub.attach`.
    """
    asker, state = asker_of(request), request.app.state
    followed = Followed(state.hub, high_water=state.settings.high_water)
    await followed.begin(
        Attach(
            topics=(topic,),
            start=after,
            heartbeat=max(1, round(state.settings.heartbeat)),
            client=asker.client,
            subject=asker.subject,
            credential=asker.credential,
            expires=None if asker.grants is EVERYTHING else asker.grants.expires,
            transport="sse",
        )
    )
    return followed


async def said(
    followed: Followed, reading: AnswerReading
) -> AsyncIterator[tuple[Said, list[Body]]]:
    """Yield what is said more, and the events of which it is, until the answer is over.

    No events are a heartbeat.

    Raises:
        CutShort: it is not over, and no more of it comes here.
    """
    bodies: list[Body] = []
    while True:
        if any(body["type"] == "gap" for body in bodies):
            raise CutShort
        more = reading.take(bodies)
        if more is None:
            raise CutShort
        yield more, bodies
        if reading.is_over:
            return
        bodies = await followed.take()
