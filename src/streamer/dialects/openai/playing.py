"""A recording for one client: its frames as they come, or the response itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from ...api.streams.followed import Body, CutShort, Followed
from ...errors import NotFound
from ...events.topic import job_topic
from ...hub.attach import Attach
from ...jobs.recording.frames import RESPONSES, Frame
from ...jobs.recording.playback import Playback
from ...jobs.recording.recordings import Named, Recordings
from ...wire.sse import HEARTBEAT
from .frames import end_of_completion, end_of_response, response_of, sse

#: Ends of jobs, by the types of their events; a recording has its own before.
_JOB_ENDS: Final = {"completed": "failed", "error": "failed", "cancelled": "cancelled"}


class Playing:
    """One client's way through a recording.

    Args:
        after: the number of the last frame that the client has; -1 if it has none.
    """

    def __init__(
        self, recordings: Recordings, followed: Followed, named: Named, *, after: int = -1
    ) -> None:
        self.played: Final = Playback()
        self.named: Final = named
        self._recordings: Final = recordings
        self.followed: Final = followed
        self._after: Final = after
        self._ready: list[Frame] = []
        self._lost: str | None = None
        self._settled = False
        self._is_live = False

    @staticmethod
    def topics(named: Named) -> tuple[str, ...]:
        """What is read: the recording, and its job, which says if nobody records any more."""
        return (named.topic, job_topic(named.job_id))

    async def begin(self, attach: Attach) -> None:
        """Read what `attach` asks for; raises as `Hub.attach`."""
        await self.followed.begin(attach)

    def end(self) -> None:
        """Read no more."""
        self.followed.end()

    async def wait_for_first(self, seconds: float) -> None:
        """Return once there is something to answer with, or after `seconds`.

        Raises:
            NotFound: what comes after the client's last frame is no longer kept.
            CutShort: it cannot be known now.
        """
        played, deadline = self.played, time.monotonic() + seconds
        while not (self._ready or played.is_over or (self._is_live and played.number >= 0)):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            try:
                await self._take(left)
            except TimeoutError:
                return

    async def wait_for_end(self, seconds: float) -> None:
        """Return once it is over; raises `TimeoutError` after `seconds`, or as above."""
        async with asyncio.timeout(seconds):
            while not self.played.is_over:
                await self._take(None)
                self._ready.clear()

    def response(self) -> dict[str, Any]:
        """The response, as it is now."""
        return response_of(self.played, self.named.name)

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield what the client is sent, until the recording is over.

        Raises:
            CutShort: it is not over, and no more of it comes here; or it is a completion
                that is not whole, and whose end must not look as if it were.
        """
        while True:
            ready, self._ready = self._ready, []
            if ready:
                yield b"".join(map(sse, ready))
            if self.played.is_over:
                break
            if not await self._take(None):
                yield HEARTBEAT
        async for frame in self._last():
            yield frame

    async def _last(self) -> AsyncIterator[bytes]:
        played, named = self.played, self.named
        if played.refusal is not None:
            raise CutShort
        if named.of == RESPONSES:
            last = end_of_response(played, named.name)
        else:
            last = end_of_completion(played)
        if last is not None and last.number > self._after:
            yield sse(last)
        if last is not None and named.of != RESPONSES:
            raise CutShort

    async def _take(self, seconds: float | None) -> bool:
        """Take what comes next; False if it is a heartbeat."""
        bodies = await self.followed.take(seconds)
        for body in bodies:
            self._take_one(body)
        if self._lost is not None and self._is_live and not (self.played.is_over or self._settled):
            # Nobody records any more, and nobody has said so.
            self._settled = True
            await self._recordings.settle(self.named, self._lost)
        return bool(bodies)

    def _take_one(self, body: Body) -> None:
        kind = body["type"]
        if kind == "gap":
            raise CutShort
        if kind == "caught_up":
            self._is_live = True
        elif body.get("topic") == self.named.topic:
            self._take_recorded(kind, body)
        elif kind in _JOB_ENDS:
            self._lost = _JOB_ENDS[kind]
        elif kind == "status":
            status = body.get("status")
            if status == "cancelled":
                self._lost = status
            elif status == "stalled" and self.played.number >= 0:
                # In the middle of a stream, which no other worker can go on with.
                self._lost = status
            elif status in ("running", "started"):
                self._lost = None

    def _take_recorded(self, kind: str, body: Body) -> None:
        frames = self.played.take(kind, body)
        if frames and not self.played.begun and frames[0].number > self._after + 1:
            raise NotFound(f"the beginning of {self.named.name} is no longer kept")
        self._ready += [frame for frame in frames if frame.number > self._after]
