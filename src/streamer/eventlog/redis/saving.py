"""Have a Redis write all that it holds to one file, as it is in one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ...config.redis_url import parse_redis_url
from ...errors import LogUnavailable
from .keys import Keys
from .link.commands import Commands

#: Seconds between two looks at how far it is.
_LOOK: Final = 0.1
#: Seconds without any progress after which it is given up: a disk that takes nothing.
_STUCK: Final = 60.0
#: Seconds without anything at work after which it has failed: what is scheduled begins
#: within a tenth of one.
_IDLE: Final = 2.0
#: Seconds that one command may take.
_TIMEOUT: Final = 10.0
#: Keys looked at in one step through all of them.
_SCAN_STEP: Final = 1000


async def save(url: str, on_progress: Callable[[float], None] = lambda _: None) -> None:
    """Have the one server at `url` write its file (``BGSAVE``), and wait until it has.

    It goes on serving meanwhile. `on_progress` is told the share of its keys that are
    written, from 0.0 to 1.0.

    Raises:
        LogUnavailable: it could not, or is gone; or nothing was written for a minute.
    """
    commands = Commands(parse_redis_url(url), None, _TIMEOUT)
    try:
        begun = int((await _persistence(commands))["rdb_saves"])
        # SCHEDULE: while it writes its append-only file anew, afterwards.
        await commands.call("BGSAVE", "SCHEDULE", repeatable=False)
        await _wait(commands, begun, on_progress)
    finally:
        await commands.close()


async def prefixes_in(url: str) -> list[str]:
    """The prefixes of all logs that the one server at `url` holds.

    Raises:
        LogUnavailable: it cannot be reached.
    """
    pattern = Keys("*").birth
    before, _, after = pattern.partition("*")
    commands = Commands(parse_redis_url(url), None, _TIMEOUT)
    found, cursor = set(), "0"
    try:
        while True:
            answer, names = await commands.call(
                "SCAN", cursor, "MATCH", pattern, "COUNT", _SCAN_STEP
            )
            found |= {name.decode().removeprefix(before).removesuffix(after) for name in names}
            cursor = answer.decode()
            if cursor == "0":
                return sorted(found)
    finally:
        await commands.close()


async def _wait(commands: Commands, begun: int, on_progress: Callable[[float], None]) -> None:
    clock = asyncio.get_running_loop().time
    written, moved_at, worked_at = "", clock(), clock()
    while True:
        now = await _persistence(commands)
        if "1" in (now["rdb_bgsave_in_progress"], now["aof_rewrite_in_progress"]):
            worked_at = clock()
        elif int(now["rdb_saves"]) > begun and now["rdb_last_bgsave_status"] == "ok":
            on_progress(1.0)
            return
        elif clock() - worked_at > _IDLE:
            raise LogUnavailable(
                "the event log could not be written to a file: is the disk full? "
                "server.log in the data directory says why"
            )
        if now["current_save_keys_processed"] != written:
            written, moved_at = now["current_save_keys_processed"], clock()
        elif clock() - moved_at > _STUCK:
            raise LogUnavailable(f"nothing of the event log was written for {_STUCK:.0f} s")
        on_progress(int(written) / max(1, int(now["current_save_keys_total"])))
        await asyncio.sleep(_LOOK)


async def _persistence(commands: Commands) -> dict[str, str]:
    """What the server reports of its files; it counts a save when it begins."""
    info = (await commands.call("INFO", "persistence")).decode()
    lines = (line.partition(":") for line in info.split("\r\n"))
    return {name: value for name, colon, value in lines if colon}
