"""The URL of a Streamer server, as clients are given it."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

from .redacted import HIDDEN, malformed

#: What is allowed, in words, for whoever set something else.
ALLOWED: Final = "http://host[:port] or https://host[:port], with the path before /api if any"


class InvalidServerURL(ValueError):
    """A URL that names no server; ``problem`` says why, without any part of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; allowed is {ALLOWED}")
        self.problem: Final = problem


def check_server_url(text: str) -> str:
    """Return `text` without a slash at its end.

    Raises:
        InvalidServerURL: it is no URL of a server; never with its password.
    """
    if not text.isprintable() or any(character.isspace() for character in text):
        raise InvalidServerURL("it has a space, or a character that cannot be seen")
    if not text.lower().startswith(("http://", "https://")):
        raise InvalidServerURL("it does not start with http:// or https://")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        if host is not None and ":" in host:
            IPv6Address(host)
        elif host is not None:
            host.encode("idna")
    except ValueError:
        # Not chained: that error quotes what may be a password.
        raise InvalidServerURL("its host or its port is malformed") from None
    if not host or "%" in host:
        raise InvalidServerURL("it names no host")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise InvalidServerURL("it has a '?' or a '#'; in a password write %3F and %23")
    if "@" in parts.path:
        raise InvalidServerURL("it has a '/' before an '@'; in a password write %2F")
    return text.rstrip("/")


def without_userinfo(url: str) -> str:
    """`url` as it may be shown: ``***`` for its user and password."""
    try:
        check_server_url(url)
    except InvalidServerURL:
        return malformed(url)
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}" if "@" in rest else url
