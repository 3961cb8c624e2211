"""Offers of permessage-deflate (RFC 7692, section 7.1), and what is agreed to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_NAME: Final = "permessage-deflate"
_BITS: Final = frozenset(map(str, range(8, 16)))
#: Of the window that is shared by all clients, as a power of two.
_SHARED: Final = "15"


def agreed(offers: Iterable[str]) -> str | None:
    """The answer to the first of `offers` that can be taken: a ``Sec-WebSocket-Extensions``.

    What is sent is compressed once for all, with a window of 32 KiB that is kept from one
    message to the next; a client that has none so large, or keeps none, is sent all as it
    is. Of what it sends nothing is kept, so that it costs no window.
    """
    return _agreed(",".join(offers))


# Each browser makes one offer, always.
@lru_cache(maxsize=128)
def _agreed(offers: str) -> str | None:
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == _NAME and (answer := _taken(parameters)) is not None:
            return answer
    return None


def _taken(parameters: list[str]) -> str | None:
    """What to answer; None where a parameter is unknown, has no such value, or asks too much."""
    answer = [_NAME, "client_no_context_takeover"]
    seen = set[str]()
    for parameter in parameters:
        name, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if name in seen:
            return None
        seen.add(name)
        match name:
            case "client_no_context_takeover" if not equals:
                pass
            # It may say so without a value; any window can be read.
            case "client_max_window_bits" if not equals or value in _BITS:
                pass
            case "server_max_window_bits" if value == _SHARED:
                answer.append(f"{name}={value}")
            case _:
                return None
    return "; ".join(answer)
