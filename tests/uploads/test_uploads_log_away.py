"""An event log that is away, or does not answer, holds no upload up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from streamer.config.settings import Settings
from streamer.eventlog.base import BatchKey
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import Cursor
from streamer.events.new_event import NewEvent
from streamer.publishing.publisher import Publisher
from streamer.uploads import uploads as module
from streamer.uploads.uploads import Uploads
from support.live import StartLive
from support.servers import Server
from support.tus import begin, chunks_of, id_of, look, media, send
from support.waiting import wait_until


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_redis_is_away_a_video_goes_up_all_the_same(
    start_live: StartLive, own_server: Server, project: str, film: bytes, how: str
) -> None:
    live = start_live(redis_url=own_server.url)
    url = begin(live, project, len(film))
    if how == "killed":
        own_server.kill()
    else:
        own_server.freeze()
    assert send(url, 0, film[:1000]).status_code == 204
    assert send(url, 1000, film[1000:]).status_code == 204
    assert (media(live) / "uploads" / id_of(url)).read_bytes() == film
    other = begin(live, project, len(film))
    assert look(other).headers["upload-offset"] == "0"


class MuteLog(MemoryEventLog):
    """A log that takes events and does not answer until it is `heard`."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    async def append_all(
        self, events: Sequence[NewEvent], batch: BatchKey | None = None
    ) -> list[Cursor | None]:
        await self.heard.wait()
        return await super().append_all(events, batch)


async def test_no_request_waits_for_a_log_that_does_not_answer(
    settings: Settings, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOG_SECONDS", 0.01)
    log = MuteLog()
    uploads = Uploads(settings, log, Publisher(log))
    stored, record = await uploads.create("a.mp4", "p", len(film))
    assert await uploads.receive(stored, record, 0, chunks_of(film)) == len(film)
    assert not stored.read().reported
    other, _ = await uploads.create("b.mp4", "p", 10)
    assert await uploads.cancel(other.id)
    log.heard.set()
    await wait_until(lambda: stored.read().reported, "its end was not reported")
