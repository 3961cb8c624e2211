"""Which party a connection belongs to, judged by its address."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

#: Leading bits of an IPv6 address that are one subscriber's (RFC 6177).
_SUBSCRIBER_BITS: Final = 64


@lru_cache(maxsize=4096)
def party_of(host: str) -> str:
    """Return the address, or of IPv6 the network that one subscriber has.

    Whoever has 2^64 addresses must not count as that many parties. What is not an
    address is returned as it is.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return host
    if address.ipv4_mapped is not None:  # a socket of both families says so
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _SUBSCRIBER_BITS), strict=False))
