"""The handshake of a WebSocket (RFC 6455, section 4.2): read, and answered."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import msgspec

from ..errors import HeadTooLarge, InvalidRequest

#: RFC 6455, section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = b"13"
#: Bytes of a key, before it is written in base64.
_KEY_BYTES: Final = 16
#: Fields of a head, and bytes that a name or a value in it must have less than: more than any
#: client sends that is one.
MAX_FIELDS: Final = 128
MAX_LINE: Final = 8192

#: The field that offers them.
_SUBPROTOCOLS: Final = b"sec-websocket-protocol"
#: Fields that come once.
_ONCE: Final = frozenset({b"sec-websocket-key", b"sec-websocket-version", b"content-length"})

#: A token (RFC 9110, section 5.6.2), which each subprotocol is.
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

Fields = Sequence[tuple[bytes, bytes]]


class Handshake(msgspec.Struct, frozen=True):
    """A request for a WebSocket.

    Attributes:
        target: as of the request line.
        fields: with names in lower case.
        accept: the value of ``Sec-WebSocket-Accept`` that answers it.
        subprotocols: those that are offered, in order.
    """

    target: bytes
    fields: Fields
    accept: bytes
    subprotocols: Sequence[str]

    def values(self, name: bytes) -> list[str]:
        """Those of a field, in order."""
        return [value.decode("latin-1") for known, value in self.fields if known == name]


def read_handshake(head: bytes) -> Handshake:
    """Read a whole head, which a parser of HTTP has read before.

    Raises:
        HeadTooLarge, InvalidRequest: as `handshake_of`.
    """
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(b": ")
        if not (name and colon):
            raise _no_handshake("a line of its head is no header field")
        fields.append((name.lower(), value))
    return handshake_of(first.split(b" ")[1], fields)


def handshake_of(target: bytes, fields: Fields) -> Handshake:
    """The handshake whose head has this target, and these fields, with names in lower case.

    Raises:
        HeadTooLarge: it is larger than that of any client.
        InvalidRequest: it is no handshake.
    """
    if len(fields) > MAX_FIELDS or max(map(len, chain((target,), *fields))) >= MAX_LINE:
        raise HeadTooLarge(
            "the handshake of a WebSocket is too large: it may have "
            f"{MAX_FIELDS} header fields, and a name or a value less than {MAX_LINE} bytes"
        )
    named = dict(fields)
    if len(named) < len(fields):
        names = [name for name, _ in fields]
        for name in _ONCE:
            if names.count(name) > 1:
                raise _no_handshake(f"{name.decode()} comes twice")
    if named.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in named:
        raise _no_handshake("it has a body")
    if (version := named.get(b"sec-websocket-version")) != _VERSION:
        raise _no_handshake(f"Sec-WebSocket-Version must be 13, and is {_shown(version)}")
    key = named.get(b"sec-websocket-key", b"")
    if not _is_key(key):
        raise _no_handshake("Sec-WebSocket-Key must be 16 bytes, in base64")
    offered = _subprotocols(fields) if _SUBPROTOCOLS in named else ()
    return Handshake(target, fields, accept_of(key), offered)


def accept_of(key: bytes) -> bytes:
    """What answers `key`, the value of ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def switching(handshake: Handshake, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The answer that accepts `handshake`, with more `fields`.

    Raises:
        ValueError: one of them has the end of a line in it.
    """
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (handshake.accept, lines_of(fields))
    )


def lines_of(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """`fields` as lines of a head.

    Raises:
        ValueError: one of them has the end of a line in it.
    """
    lines = [b"%b: %b\r\n" % field for field in fields]
    text = b"".join(lines)
    if not text.count(b"\r") == text.count(b"\n") == len(lines):
        raise ValueError("a header field has the end of a line in it")
    return text


def _subprotocols(fields: Fields) -> list[str]:
    values = [value for name, value in fields if name == _SUBPROTOCOLS]
    offered = [name.strip(b" \t") for value in values for name in value.split(b",")]
    # An answer names one of them, so nothing else may be in them.
    if not all(map(_TOKEN.fullmatch, filter(None, offered))):
        raise _no_handshake("Sec-WebSocket-Protocol must be a list of tokens")
    return [name.decode("ascii") for name in offered if name]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _shown(version: bytes | None) -> str:
    return "missing" if version is None else repr(version[:16].decode("latin-1"))


def _no_handshake(why: str) -> InvalidRequest:
    return InvalidRequest(f"this is not a WebSocket handshake: {why}")
