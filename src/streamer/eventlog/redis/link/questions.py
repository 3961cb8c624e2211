"""A few questions to one server, which need not have the log."""

from __future__ import annotations

import asyncio
from typing import Final

from redis import exceptions

from ....config.redis_url import RedisURL
from .connection import Command, Reply, connect
from .pipelined import PipelinedConnection
from .route import Address

#: Seconds that one Sentinel or node may take to answer where the log is; then
#: the next is asked.
ASK_TIMEOUT: Final = 1.0


async def ask(url: RedisURL, address: Address, patience: float, *questions: Command) -> list[Reply]:
    """Connect to `address`, as `url` says; ask, and disconnect; `patience` is in seconds.

    Raises:
        OSError: there is no connection.
        redis.exceptions.RedisError: there is no answer in time, or it is a refusal.
    """
    try:
        async with asyncio.timeout(patience):
            connection = await connect(url, address, lambda: PipelinedConnection(address, patience))
            try:
                return await connection.call_all(*questions)
            finally:
                connection.abort("answered")
    except TimeoutError:
        raise exceptions.TimeoutError("no answer in time") from None
