"""The event log is opened as the settings say."""

from __future__ import annotations

import pytest

from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.eventlog.open import open_event_log
from streamer.events.cursor import ORIGIN
from streamer.events.new_event import new_event
from support.servers import Server


def test_without_a_redis_there_is_none_to_open() -> None:
    with pytest.raises(ValueError, match="no redis_url"):
        open_event_log(Settings())


async def test_it_has_the_prefix_and_the_retention_of_the_settings(
    redis_server: Server, prefix: str
) -> None:
    settings = Settings(redis_url=redis_server.url, prefix=prefix, retention_length=2)
    log = open_event_log(settings)
    other = open_event_log(Settings(redis_url=redis_server.url, prefix=f"{prefix}other"))
    try:
        ids = [await log.append(new_event("ticks/1", "tick", {"n": n})) for n in range(200)]
        page = await log.read(["ticks/1"], ORIGIN, 1000)
        assert 2 <= len(page.events) < len(ids)
        assert page.events[-1].id == ids[-1]
        assert (await other.read(["ticks/1"], ORIGIN, 1000)).events == ()
    finally:
        await log.close()
        await other.close()


async def test_it_waits_for_as_many_replicas_as_the_settings_say(
    redis_server: Server, prefix: str
) -> None:
    log = open_event_log(Settings(redis_url=redis_server.url, prefix=prefix, redis_wait_replicas=1))
    try:
        with pytest.raises(LogUnavailable, match="on 0 replicas"):
            await log.append(new_event("ticks/1", "tick", {}))
    finally:
        await log.close()


async def test_a_url_that_was_found_goes_before_that_of_the_settings(
    redis_server: Server, prefix: str
) -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1", prefix=prefix)
    log = open_event_log(settings, url=redis_server.url)
    try:
        assert await log.append(new_event("ticks/1", "tick", {})) is not None
    finally:
        await log.close()
