"""What is kept of a WebSocket's handshake while its stream lives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar.connection import ASGIConnection

from .asker import Connection

#: What is of the handshake alone: what it proved itself with, what the framework has made of
#: it, and what would hold the connection itself.
_LET_GO: Final = frozenset({"extensions", "headers", "state", "subprotocols"})


def kept_scope(scope: Mapping[str, Any]) -> dict[str, Any]:
    """What of an ASGI scope says who asks, and for what."""
    kept = dict(scope)
    for name in _LET_GO:
        kept.pop(name, None)
    return kept


def connection_of(kept: Mapping[str, Any]) -> Connection:
    """A connection of what is kept, for whoever asks who it is; it can send nothing."""
    scope: Any = {**kept, "headers": [], "subprotocols": [], "state": {}}
    return ASGIConnection(scope)
