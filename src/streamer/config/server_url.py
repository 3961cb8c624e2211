"""The URL of a Streamer server, as clients are given it, and the path below it."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

from .redacted import HIDDEN, malformed

#: The path below which a server has everything but its page and its health.
API: Final = "/api/v1"
#: What is allowed, in words, for whoever set something else.
ALLOWED: Final = "http://host[:port] or https://host[:port], with the path before /api if any"
#: A name beyond ASCII is written in its form for DNS, xn--.
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_HIGHEST_PORT: Final = 65535


class InvalidServerURL(ValueError):
    """A URL that names no server; ``problem`` says why, without any part of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; allowed is {ALLOWED}")
        self.problem: Final = problem


def check_server_url(text: str) -> str:
    """Return `text` without a slash at its end.

    Raises:
        InvalidServerURL: it is not the URL of a server; never with its password.
    """
    if not text.isprintable() or any(character.isspace() for character in text):
        raise InvalidServerURL("it has a space, or an invisible character")
    if not text.lower().startswith(("http://", "https://")):
        raise InvalidServerURL("it does not start with http:// or https://")
    place, _, rest = text.partition("://")[2].partition("/")
    if "@" in rest:
        raise InvalidServerURL("it has a '/' before an '@'; in a password write %2F")
    if "?" in text or "#" in text:
        raise InvalidServerURL("it has a '?' or a '#'; in a password write %3F and %23")
    userinfo, _, address = place.rpartition("@")
    if set("@[]") & set(userinfo):
        raise InvalidServerURL("it has an '@' or a bracket in a password; write %40, %5B and %5D")
    if not address:
        raise InvalidServerURL("it names no host")
    match = _ADDRESS.fullmatch(address)
    if match is None or not _is_host(match[1]) or int(match[2] or 0) > _HIGHEST_PORT:
        # Without it: it may be the end of a password that is followed by no host.
        raise InvalidServerURL("its host or its port is malformed")
    return text.rstrip("/")


def _is_host(text: str) -> bool:
    try:
        if text.startswith("["):
            IPv6Address(text.strip("[]"))
        else:
            text.encode("idna")  # a label that is empty or too long
    except ValueError:
        return False
    return True


def is_local(url: str) -> bool:
    """Whether a URL that was checked names this machine."""
    place = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return re.fullmatch(r"(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?", place) is not None


def without_userinfo(url: str) -> str:
    """`url` as it may be shown: ``***`` for its user and password."""
    try:
        check_server_url(url)
    except InvalidServerURL:
        return malformed(url)
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{HIDDEN}@{rest.rpartition('@')[2]}" if "@" in rest else url
