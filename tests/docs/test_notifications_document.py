"""docs/NOTIFICATIONS.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN
from support.servers import Server

TEXT: Final = (Path(__file__).parents[2] / "docs" / "NOTIFICATIONS.md").read_text("utf-8")


async def test_what_is_notified_there_reaches_whom_it_says(
    redis_server: Server, prefix: str
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    made = f'RedisEventLog("{redis_server.url}", prefix="{prefix}")'
    code = code.replace('RedisEventLog("redis://localhost:6379")', made)
    names: dict[str, Any] = {}
    exec(compile(code, "NOTIFICATIONS.md", "exec"), names)
    names["publisher"].close()
    log = RedisEventLog(redis_server.url, prefix=prefix)
    told = {
        topic: [event.type for event in (await log.read([topic], ORIGIN, 10)).events]
        for topic in ("users/7", "admin", "system")
    }
    await log.close()
    of_transcodes = ["transcode_progress", "transcode_complete", "transcode_failed"]
    assert told == {
        "users/7": [*of_transcodes, "invited"],
        "admin": of_transcodes,
        "system": ["system_message"],
    }
