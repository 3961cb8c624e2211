"""Recordings as a server sees them: asked for, cancelled, and ended for a worker that is lost."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ...errors import NotFound
from ...eventlog.base import EventLog
from ...events.cursor import ORIGIN, Cursor
from ...events.event import Event
from ...publishing.publisher import Publisher
from ..submit import Jobs
from .frames import COMPLETIONS, RESPONSES, Of
from .playback import Playback
from .record_events import RecordEvents
from .recording import RECORDING, Recording

#: What a recording of each kind is called, before the id of its job; and its topic, before that.
_PREFIX: Final[dict[Of, str]] = {RESPONSES: "resp_", COMPLETIONS: "chatcmpl-"}
_TOPIC: Final[dict[Of, str]] = {RESPONSES: "responses/", COMPLETIONS: "completions/"}
_NAME: Final = re.compile("(resp_|chatcmpl-)([0-9a-f]{32})")
#: Events that are read at once, from either end.
_PAGE: Final = 200


class Named(msgspec.Struct, frozen=True):
    """One recording, by its name.

    Attributes:
        of: what it is a recording of: `RESPONSES` or `COMPLETIONS`.
        name: what clients call it.
        job_id: of the job that records it.
    """

    of: Of
    name: str
    job_id: str

    @property
    def topic(self) -> str:
        """Where it is recorded."""
        return _TOPIC[self.of] + self.name

    @classmethod
    def known(cls, of: Of, name: str) -> Named:
        """The recording that a client calls `name`.

        Raises:
            NotFound: nothing is called so.
        """
        if (found := _NAME.fullmatch(name)) is None or found[1] != _PREFIX[of]:
            raise unknown(name)
        return cls(of, name, found[2])

    @classmethod
    def new(cls, of: Of, key: str | None) -> Named:
        """A new one; with a `key` the same for the same."""
        made = uuid.uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]
        return cls(of, _PREFIX[of] + made, made)


def unknown(name: str) -> NotFound:
    """The answer for a recording that is not there."""
    return NotFound(f"no recording {name[:80]!r} is known; it may have been forgotten")


class Recordings:
    """The recordings of a server.

    Args:
        jobs: makes what queues jobs, when it is first wanted.
    """

    def __init__(self, jobs: Callable[[], Jobs], log: EventLog, publisher: Publisher) -> None:
        self._jobs: Final = jobs
        self._log: Final = log
        self._publisher: Final = publisher

    async def ask(self, recording: Recording, named: Named) -> None:
        """Have a worker record it, once, however often this is asked.

        Raises:
            JobsUnavailable, TooManyJobs, LogUnavailable: as `Jobs.ask`.
        """
        await self._jobs().ask(RECORDING, recording, named.job_id)

    async def check(self, named: Named) -> None:
        """Return if there is such a recording, be it that it waits to begin.

        Raises:
            NotFound: there is none, or it is no longer kept.
        """
        page = await self._log.read((named.topic,), ORIGIN, 1)
        if not page.events:
            await self._job(named)

    async def cancel(self, named: Named) -> None:
        """Have its worker stop; may be repeated. One that is over is left as it is.

        Raises:
            NotFound: there is no such recording.
        """
        await self._job(named)
        state = await self._jobs().cancel(named.job_id)
        if state["status"] == "cancelled":
            await self.settle(named, "cancelled")

    async def settle(self, named: Named, status: str) -> None:
        """End it as its job ended, or stalled, unless it is over."""
        events = RecordEvents(named.topic, max_bytes=self._publisher.max_event_bytes)
        if status == "cancelled":
            end = events.ended("cancelled", "cancelled", "it was cancelled")
        else:
            end = events.ended("failed", "worker_lost", "the worker that recorded it was lost")
        # Whatever attempt was the last: it is the end.
        await self._publisher.append(msgspec.structs.replace(end, unless=()))

    async def state(self, named: Named) -> Playback:
        """Its frames that have the whole response, and its end: the newest of them.

        Raises:
            NotFound: there is no such recording.
        """
        topics, state = (named.topic,), Playback()
        first = await self._log.read(topics, ORIGIN, _PAGE)
        for event in first.events:
            state.take(event.type, _fields(event))
        if not first.complete:
            await self._take_end(topics, state)
        if not state.is_over:
            await self._settle_if_lost(named, state)
        return state

    async def _take_end(self, topics: tuple[str, ...], state: Playback) -> None:
        """Give `state` the last events, back to one that has the response."""
        events: list[Event] = []
        before: Cursor | None = None
        while True:
            page = await self._log.read_back(topics, before, _PAGE)
            events += page.events
            last = Playback()
            for event in reversed(events):
                last.take(event.type, _fields(event))
            if not page.more or not last.is_over or last.response is not None:
                break
            before = page.events[-1].id
        state.response = last.response or state.response
        state.number = max(state.number, last.number)
        state.end, state.refusal = last.end, last.refusal

    async def _settle_if_lost(self, named: Named, state: Playback) -> None:
        """End it if its job is over without it, or stands without a worker in the middle."""
        try:
            status = (await self._job(named))["status"]
        except NotFound:
            if not state.begun and state.number < 0:
                raise
            status = "failed"  # so long ago that the job is forgotten
        is_lost = status in ("completed", "failed", "cancelled")
        if is_lost or (status == "stalled" and state.number >= 0):
            await self.settle(named, status)
            back = await self._log.read_back((named.topic,), None, 1)
            for event in back.events:
                state.take(event.type, _fields(event))

    async def _job(self, named: Named) -> dict[str, Any]:
        try:
            state = await self._jobs().state(named.job_id)
        except NotFound as error:
            raise unknown(named.name) from error
        if state.get("kind") != RECORDING.name:
            raise unknown(named.name)
        return state


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(event.fields)
    return fields
