"""The socket that servers accept from, bound before any of them starts."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import rich_click as click

from .announced import announced

#: Connections that may wait to be accepted: readers come back all at once.
_BACKLOG: Final = 2048
#: Seconds that the server of a run that was killed may take to release its port.
_ORPHAN: Final = 15.0
#: Seconds between its last word and the end of its socket.
_LAST_MOMENT: Final = 1.0
_LOOK_AGAIN: Final = 0.05
#: Ports above the one in use that are tried for a suggestion.
_TRIED: Final = 50
_HIGHEST_PORT: Final = 65535
#: Below this one only root may listen, unless the kernel is set otherwise.
_FIRST_FREE_FOR_ALL: Final = 1024


def listen(host: str, port: int, data_dir: Path, say: Callable[[str], None]) -> socket.socket:
    """Bind and listen.

    A server of the same data directory whose parent was killed is about to end:
    its port is waited for, once `say` has reported that.

    Raises:
        click.ClickException: it cannot be bound, with what to do about it.
    """
    until: float | None = None
    while True:
        # Before the attempt: an orphan that is gone by now has released the port.
        orphaned = _orphan_has(port, data_dir)
        try:
            bound = _bind(host, port)
        except (OSError, UnicodeError) as error:
            now = time.monotonic()
            in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not in_use or now >= (until if until is not None else now + orphaned):
                raise click.ClickException(_advice(host, port, error)) from error
            if until is None:
                say(f"Port {port} is still held by the server of a run that was killed; waiting.")
                until = now + _ORPHAN
            elif not orphaned:
                until = min(until, now + _LAST_MOMENT)
            time.sleep(_LOOK_AGAIN)
        else:
            bound.set_inheritable(True)
            return bound


def address(bound: socket.socket) -> tuple[str, int]:
    """The host and port of a bound socket."""
    name = bound.getsockname()
    return str(name[0]), int(name[1])


def why_not_bindable(host: str, port: int) -> str | None:
    """Why nobody could listen there; None if one could."""
    try:
        _bind(host, port).close()
    except (OSError, UnicodeError) as error:
        return _problem(host, port, error)
    return None


def _bind(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # "::" is every address: IPv4's too, as 0.0.0.0 could never be.
    dual = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual)


def _orphan_has(port: int, data_dir: Path) -> bool:
    server = announced(data_dir)
    return server is not None and server.orphaned and server.url.endswith(f":{port}")


def _advice(host: str, port: int, error: Exception) -> str:
    problem = _problem(host, port, error)
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return (
                f"{problem}. Choose another with --port {_free_port(host, port)}, "
                f"or see who has it: lsof -i :{port}"
            )
        case OSError(errno=errno.EACCES) if port < _FIRST_FREE_FOR_ALL:
            return f"{problem}. Choose one above 1023, as in --port {_free_port(host, 8000 - 1)}"
        case OSError(errno=errno.EADDRNOTAVAIL):
            return (
                f"{problem}. Choose one of its own with --host: 127.0.0.1 for this machine "
                "only, 0.0.0.0 for all"
            )
        case _:
            return problem


def _problem(host: str, port: int, error: Exception) -> str:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} is in use"
        case OSError(errno=errno.EACCES) if port < _FIRST_FREE_FOR_ALL:
            return f"Port {port} is for root only"
        case OSError(errno=errno.EADDRNOTAVAIL):
            return f"{host} is not an address of this machine"
        case socket.gaierror() | UnicodeError():
            why = error.strerror if isinstance(error, OSError) else "it is not a valid name"
            return f"Cannot listen on {host}: its address is not known ({why})"
        case OSError():
            return f"Cannot listen on {host} port {port}: {error.strerror or error}"
        case _:
            return f"Cannot listen on {host} port {port}: {error}"


def _free_port(host: str, taken: int) -> int:
    """A port that is free now: one of the next above `taken`, else any."""
    for port in range(taken + 1, min(taken + _TRIED, _HIGHEST_PORT) + 1):
        if why_not_bindable(host, port) is None:
            return port
    with _bind(host, 0) as bound:
        return address(bound)[1]
