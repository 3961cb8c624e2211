"""Lua scripts beside this module, run by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from redis import exceptions

from .link.connection import Reply
from .link.pipelined import PipelinedConnection


class Script:
    """One script, of one file or several; all its keys are declared, and share a slot."""

    def __init__(self, *names: str) -> None:
        self.text = "".join(map(_text, names))
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
        connection: PipelinedConnection,
        keys: Sequence[str],
        arguments: Sequence[Any],
        replicas: int,
        milliseconds: int,
    ) -> tuple[Reply, int]:
        """Its reply, and how many of `replicas` have all that it wrote by then.

        Both over one connection: WAIT is about what that connection wrote.
        """
        wait = ("WAIT", replicas, milliseconds)
        try:
            reply, acknowledged = await connection.call_all(
                ("EVALSHA", self.digest, len(keys), *keys, *arguments), wait
            )
        except exceptions.NoScriptError:
            reply, acknowledged = await connection.call_all(
                ("EVAL", self.text, len(keys), *keys, *arguments), wait
            )
        return reply, acknowledged


@cache  # most begin with the same files
def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
