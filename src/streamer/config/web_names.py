"""The names of servers and of web pages, as a ``Host`` and an ``Origin`` write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Characters of a name in DNS, at most (RFC 1035 section 2.3.4), and of an address.
_NAME: Final = r"[A-Za-z0-9._-]{1,253}"
_IPV6: Final = r"\[[0-9A-Fa-f:.]{2,45}\]"
#: RFC 9110 section 7.2, with the names that a browser can ask for.
_HOST: Final = re.compile(rf"({_IPV6}|{_NAME})(?::([0-9]{{0,5}}))?")
#: RFC 6454 section 6.2; everything else is nobody's origin.
_ORIGIN: Final = re.compile(rf"([a-z][a-z0-9+.-]{{0,31}})://({_IPV6}|{_NAME})(?::([0-9]{{1,5}}))?")
_MAX_PORT: Final = 65535
_PORTS: Final = {"http": 80, "https": 443}


class Host(NamedTuple):
    """A name in lower case or an address without brackets, and a port if one was given."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Where a page came from; the port is that of its scheme where it names none."""

    scheme: str
    name: str
    port: int | None


@lru_cache(maxsize=256)
def read_host(text: str) -> Host | None:
    """Read a ``Host``; None for what is malformed (RFC 9112 section 3.2)."""
    match = _HOST.fullmatch(text)
    if match is None or int(match[2] or 0) > _MAX_PORT:
        return None
    name = _plain(match[1])
    return None if name is None else Host(name, int(match[2]) if match[2] else None)


@lru_cache(maxsize=256)
def read_origin(text: str) -> Origin | None:
    """Read an ``Origin``; None for ``null`` and for what is malformed."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[3] or 0) > _MAX_PORT:
        return None
    name = _plain(match[2])
    port = int(match[3]) if match[3] else _PORTS.get(match[1])
    return None if name is None else Origin(match[1], name, port)


def read_address(text: str) -> Address | None:
    """The address that `text` is, or None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def read_network(text: str) -> Network | None:
    """The network, or the one address, that `text` is; None for a name."""
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def check_origins(listed: Iterable[str]) -> None:
    """Return if each is ``*``, ``null`` or an origin; else raise `ValueError`."""
    for text in listed:
        if text not in {"*", "null"} and read_origin(text) is None:
            raise ValueError(text)


def check_hosts(listed: Iterable[str]) -> None:
    """Return if each is ``*``, a name, ``*.name``, an address or a network; else `ValueError`."""
    for text in listed:
        name = text.removeprefix("*.")
        if text != "*" and read_network(text) is None and re.fullmatch(_NAME, name) is None:
            raise ValueError(text)


def _plain(name: str) -> str | None:
    if name.startswith("["):
        address = read_address(name[1:-1])
        return None if address is None else str(address)
    return name.lower().removesuffix(".") or None
