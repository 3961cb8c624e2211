"""Offers to upgrade a connection (RFC 9110, section 7.8): a WebSocket is the one that we take."""

from __future__ import annotations

from collections.abc import Sequence

#: Fields of a head, with names in lower case.
Fields = Sequence[tuple[bytes, bytes]]


def offers_websocket(method: bytes, version: str, fields: Fields) -> bool:
    """Whether a head is the handshake of a WebSocket (RFC 6455, section 4.1).

    Among other offers it must be complete; alone, an incomplete one counts too, so
    that the refusal can name what is missing. Any other offer, or one with another
    method, is ignored.
    """
    if method != b"GET" or version != "1.1":
        return False
    if _is_plain(fields):
        return True
    offers = [
        offer.strip().lower()
        for name, value in fields
        if name == b"upgrade"
        for offer in value.split(b",")
    ]
    has_key = any(name == b"sec-websocket-key" for name, _ in fields)
    return b"websocket" in offers and (len(offers) == 1 or has_key)


def only_websocket(fields: Fields) -> list[tuple[bytes, bytes]]:
    """`fields`, with WebSocket as the only offer."""
    if _is_plain(fields):
        return list(fields)
    return [*_without_offers(fields), (b"upgrade", b"websocket")]


def head_without_offers(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The same request, as one that offers nothing sends it."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    lines += [b"%b: %b" % field for field in _without_offers(fields)]
    return b"\r\n".join([*lines, b"", b""])


def _is_plain(fields: Fields) -> bool:
    """Whether WebSocket is the only offer, and nothing comes twice: so are nearly all."""
    named = dict(fields)
    return len(named) == len(fields) and named.get(b"upgrade") == b"websocket"


def _without_offers(fields: Fields) -> list[tuple[bytes, bytes]]:
    return [field for field in fields if field[0] != b"upgrade"]
