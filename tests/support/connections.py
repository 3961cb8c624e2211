"""The TCP sockets that a process holds at a port of its own (proc(5))."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"
#: They hold nothing of the process, which has closed them: FIN_WAIT, TIME_WAIT, LAST_ACK.
_LEFT: Final = frozenset({"04", "05", "06", "09"})


def listens(pid: int, port: int) -> bool:
    """Whether the process itself, and not a child of it, holds a socket that listens there."""
    listening = _sockets(port, {_LISTEN})
    assert listening, f"nobody listens at port {port}"
    return bool(listening & _held(pid))


def connections(pid: int, port: int) -> set[str]:
    """The connections to that port which the process has not closed."""
    states = {f"{state:02X}" for state in range(1, 13)} - _LEFT - {_LISTEN}
    return _sockets(port, states) & _held(pid)


def _sockets(port: int, states: Collection[str]) -> set[str]:
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {
        f"socket:[{inode}]"
        for _, local, _, state, _, _, _, _, _, inode, *_ in lines
        if state in states and local.endswith(f":{port:04X}")
    }


def _held(pid: int) -> set[str]:
    return {_target(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:  # it was closed since
        return ""
