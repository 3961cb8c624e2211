"""Offers of permessage-deflate (RFC 7692, section 7.1), and what is agreed to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ..wire.websocket import WINDOW_BITS

_NAME: Final = "permessage-deflate"
_BITS: Final = {str(bits): bits for bits in range(8, 16)}
#: The smallest window that zlib compresses raw with.
_LEAST: Final = 9
_FLAGS: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover"})


class Deflate(msgspec.Struct, frozen=True, gc=False):
    """What was agreed to.

    Attributes:
        window_bits: of the window of what is sent, as a power of two.
        answer: the value of ``Sec-WebSocket-Extensions`` that says so.
    """

    window_bits: int
    answer: str


def agreed(offers: Iterable[str]) -> Deflate | None:
    """The first of `offers` that can be taken: the values of ``Sec-WebSocket-Extensions``.

    Nothing that was sent or received is kept for the next message, on either side: a frame
    is shared by all readers, and a client costs no window while it says nothing.
    """
    for offer in ",".join(offers).split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == _NAME and (found := _taken(parameters)) is not None:
            return found
    return None


def _taken(parameters: list[str]) -> Deflate | None:
    """What to agree to; None where a parameter is unknown, or has no such value."""
    bits = WINDOW_BITS
    seen = set[str]()
    for parameter in parameters:
        name, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if name in seen:
            return None
        seen.add(name)
        if name in _FLAGS:
            if equals:
                return None
        elif name == "client_max_window_bits":
            # It may say so without a value; any window can be read.
            if equals and value not in _BITS:
                return None
        elif name == "server_max_window_bits" and value in _BITS:
            bits = min(bits, _BITS[value])
        else:
            return None
    if bits < _LEAST:
        return None
    answer = "; ".join((_NAME, *sorted(_FLAGS, reverse=True), f"server_max_window_bits={bits}"))
    return Deflate(bits, answer)
