"""Ports for programs that cannot be told to choose one themselves."""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import Final

#: Below those that systems hand out by themselves, to clients and to whoever binds port 0: what
#: is free here is not theirs a moment later.
_PORTS: Final = range(12_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now, nor is given before it is used."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> list[int]:
    """So many of them, no two the same."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
