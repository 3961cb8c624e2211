"""Videos of an editor, and what its worker publishes of them."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

from streamer.eventlog.redis.log import RedisEventLog
from streamer.publishing.publisher import Publisher

from .live import Live

#: Seconds: the sample is made first, by two jobs at once.
SLOW: Final = 120.0


def a_video() -> str:
    """The id of a video that no other test has."""
    return f"v-{secrets.token_hex(6)}"


def publish(live: Live, video: str, *events: tuple[str, dict[str, Any]]) -> None:
    """Append straight to the log, as a worker does while the server is away."""

    async def append() -> None:
        environ = live.environ
        log = RedisEventLog(environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
        try:
            publisher = Publisher(log)
            for event_type, fields in events:
                await publisher.publish(f"videos/{video}", event_type, fields)
        finally:
            await log.close()

    asyncio.run(append())
