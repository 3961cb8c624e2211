"""Which web pages may open a WebSocket here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit


def is_allowed(headers: Mapping[str, str], allowed: Sequence[str]) -> bool:
    """Whether the page that opens a WebSocket may.

    No CORS check of the browser stands before a WebSocket (RFC 6455, section
    10.2): without this one, any page a user visits could read streams with the
    user's credentials. Clients that are no browsers send no ``Origin``.
    """
    origin = headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed:
        return True
    return urlsplit(origin).netloc == headers.get("host")
