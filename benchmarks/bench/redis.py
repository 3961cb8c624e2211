"""A Redis of the benchmark's own, started anew for each run, nothing on disk."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path

from .process import Process, free_port


class Redis(Process):
    """`redis-server` without persistence: its disk is not what is measured."""

    def __init__(self, *, cores: frozenset[int], directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        super().__init__(
            [
                shutil.which("redis-server") or "redis-server",
                *("--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no"),
                # A burst to a server under test must not cut its subscription.
                *("--client-output-buffer-limit", "pubsub 256mb 256mb 60"),
            ],
            cores=cores,
            directory=directory,
        )
        self.wait_for_port(self.port)

    def calls(self) -> dict[str, int]:
        """How often each command has been called, also by scripts."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"INFO commandstats\r\n")
            with connection.makefile("rb") as answer:
                text = answer.read(int(answer.readline()[1:])).decode()
        return {name: int(n) for name, n in re.findall(r"cmdstat_([^:]+):calls=(\d+)", text)}


def missing() -> str | None:
    return None if shutil.which("redis-server") else "redis-server is not installed"
