"""A Redis whose files may be forbidden to grow: a full disk that needs no disk."""

from __future__ import annotations

import resource
from pathlib import Path

from .requirements import needs
from .servers import Server


class QuotaRedis(Server):
    """A Redis that is told when its append-only file may not grow, and not killed for it."""

    def __init__(self, directory: Path, *settings: str) -> None:
        binary = directory / "redis"
        # A file over its limit (RLIMIT_FSIZE) is a signal that ends the program, unless it
        # is ignored: then it is an error of write(), as a full disk is.
        binary.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec {needs('redis-server')} \"$@\"\n")
        binary.chmod(0o700)
        super().__init__(str(binary), directory, *settings)
        self._directory = directory

    def fill(self) -> None:
        """Let no file grow from now on."""
        sizes = [file.stat().st_size for file in self._directory.rglob("*.incr.aof")]
        self._limit(max(sizes))

    def empty(self) -> None:
        """Let files grow again."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        with self.client() as client:
            pid: int = client.info("server")["process_id"]
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
