"""Lua scripts beside this module, run by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

from .link.connection import Reply
from .link.pipeline import PipelinedConnection


class Script:
    """One script, of one file or several; all its keys are declared, and share a slot."""

    def __init__(self, *names: str) -> None:
        files = resources.files(__package__)
        self.text = "".join(files.joinpath(name).read_text("utf-8") for name in names)
        # Redis's own name for a script; nothing secret.
        self.digest = hashlib.sha1(self.text.encode()).hexdigest()  # noqa: S324

    async def run(
        self, connection: PipelinedConnection, keys: Sequence[str], arguments: Sequence[Any]
    ) -> Reply:
        """Its reply."""
        try:
            return await connection.call("EVALSHA", self.digest, len(keys), *keys, *arguments)
        except exceptions.NoScriptError:
            # Redis was restarted or its scripts flushed: nothing was run.
            return await connection.call("EVAL", self.text, len(keys), *keys, *arguments)

    async def run_and_wait(
        self,
        client: Redis,
        keys: Sequence[str],
        arguments: Sequence[Any],
        replicas: int,
        milliseconds: int,
    ) -> tuple[Any, int]:
        """Its reply, and how many of `replicas` have all that it wrote by then.

        Both over one connection: WAIT is about what that connection wrote.
        """
        try:
            replies = await _piped(
                client,
                ("EVALSHA", self.digest, len(keys), *keys, *arguments),
                ("WAIT", replicas, milliseconds),
            )
        except exceptions.NoScriptError:
            replies = await _piped(
                client,
                ("EVAL", self.text, len(keys), *keys, *arguments),
                ("WAIT", replicas, milliseconds),
            )
        reply, acknowledged = replies
        return reply, acknowledged


async def _piped(client: Redis, *commands: Sequence[Any]) -> Any:  # noqa: ANN401 - two replies
    async with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        replies = await pipeline.execute(raise_on_error=False)
    for reply in replies:  # raised here: redis-py would write all arguments into the text
        if isinstance(reply, Exception):
            raise reply
    return replies
