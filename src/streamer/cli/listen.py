"""The socket that servers accept from, bound before any of them starts."""

from __future__ import annotations

import errno
import socket
from typing import Final

import rich_click as click

#: Connections that may wait to be accepted: readers come back all at once.
_BACKLOG: Final = 2048


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen.

    Raises:
        click.ClickException: it cannot be had, with what to do about it.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # "::" is every address: IPv4's too, as 0.0.0.0 could never be.
        dual = host == "::" and socket.has_dualstack_ipv6()
        bound = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual
        )
    except OSError as error:
        raise click.ClickException(_advice(host, port, error)) from error
    bound.set_inheritable(True)
    return bound


def address(bound: socket.socket) -> tuple[str, int]:
    """The host and port of a bound socket."""
    name = bound.getsockname()
    return str(name[0]), int(name[1])


def _advice(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} is in use. Choose another with --port {port + 1}, "
                f"or see who has it: lsof -i :{port}"
            )
        case errno.EACCES:
            return f"Port {port} is for root only. Choose one above 1023, as in --port 8000"
        case _:
            return f"Cannot listen on {host} port {port}: {error.strerror or error}"
