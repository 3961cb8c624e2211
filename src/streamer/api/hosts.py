"""Under which names this server may be asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ..config.web_names import Network, read_address, read_host, read_network
from ..errors import InvalidHost, UnknownHost

#: What a machine calls itself: RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291.
LOOPBACK: Final = ("localhost", "*.localhost", "127.0.0.0/8", "::1")
#: Any address: a page under a foreign *name* is the danger, and an address is not one.
ANY_ADDRESS: Final = ("0.0.0.0/0", "::/0")
#: What listens on these is reached under every address of its machine.
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def hosts_of(bound: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The hosts of a server that listens on `bound`; `allowed` is the setting.

    A page under an attacker's name whose DNS answer changes to our address is, to
    its browser, a page of ours: it could read everything (DNS rebinding). All that
    distinguishes it from ours is the ``Host`` it names. A server that listens beyond
    the loopback has names that only its operator knows; until they are set, any is taken.
    """
    if is_loopback(bound):
        return (*LOOPBACK, *allowed)
    if not allowed:
        return ("*",)
    if bound in _EVERYWHERE:
        return (*LOOPBACK, *ANY_ADDRESS, *allowed)
    return (bound, *allowed)


def is_loopback(name: str) -> bool:
    """Whether `name`, or what listens on it, is reached from its own machine alone."""
    address = read_address(name.strip("[]"))
    if address is None:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback


class Hosts:
    """The names and addresses that ``Host`` may be.

    `allowed` are names, ``*.name`` for all below one, addresses, networks such as
    ``10.0.0.0/8``, or ``*`` for any. A name without a dot is always one: the public
    DNS answers none (ICANN SAC053), so no attacker's page is under it, and a machine
    or a container is called so by its neighbours.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._any: Final = "*" in allowed
        self._networks: Final[list[Network]] = []
        self._names: Final[set[str]] = set()
        self._below: tuple[str, ...] = ()
        for entry in (text.lower() for text in allowed):
            network = read_network(entry)
            if network is not None:
                self._networks.append(network)
            elif entry.startswith("*."):
                self._below += (entry[1:],)
            else:
                self._names.add(entry)
        # Clients ask under few names; what is refused is not kept.
        self.check = lru_cache(maxsize=128)(self._check)

    def _check(self, host: str | None) -> None:
        """Return if a request with this ``Host`` is for us; its port is not looked at.

        Raises:
            InvalidHost: it is malformed, or missing where names are checked.
            UnknownHost: it is the host of somebody else.
        """
        if host is None:
            if not self._any:
                raise InvalidHost("the request has no Host; it must name the server it is for")
            return
        read = read_host(host)
        if read is None:
            raise InvalidHost(
                f"the Host {host[:80]!r} is malformed; it must be a name or an address, "
                "and may have a port, as in localhost:8000"
            )
        if not self._any and not self._knows(read.name):
            raise UnknownHost(
                f"the host {read.name[:80]!r} is not one of this server's; "
                "STREAMER_ALLOWED_HOSTS lists them"
            )

    def _knows(self, name: str) -> bool:
        address = read_address(name)
        if address is None:
            return "." not in name or name in self._names or name.endswith(self._below)
        return any(address in network for network in self._networks)
