"""Which web pages may change something here, open a WebSocket, or read an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from ..config.web_names import Origin, read_host, read_origin
from ..errors import Forbidden
from .hosts import is_loopback

_PORTS: Final = {"http": 80, "https": 443}
#: What a browser says of a request from a page of another origin (Fetch metadata).
_FOREIGN: Final = frozenset({"cross-site", "same-site"})


class Origins:
    """The pages that are not foreign.

    Our own never are; pages of this machine (``http://localhost:3000``) are not
    where `loopback_pages`; the others are those in `allowed`, or all if it holds
    ``*``.
    """

    def __init__(self, allowed: Sequence[str], *, loopback_pages: bool) -> None:
        self.any: Final = "*" in allowed
        self._listed: Final = frozenset(read_origin(text) or text for text in allowed)
        self._loopback_pages: Final = loopback_pages
        self.allows = lru_cache(maxsize=256)(self._allows)

    def _allows(self, origin: str, host: str | None) -> bool:
        """Whether a page of `origin` may do what any client may that asks for `host`."""
        return self.any or self._knows(origin, host)

    def _knows(self, origin: str, host: str | None) -> bool:
        page = read_origin(origin)
        if page is None:
            return origin in self._listed  # "null", if somebody insists
        return page in self._listed or self._is_of_this_machine(page) or _is_own(page, host)

    def _is_of_this_machine(self, page: Origin) -> bool:
        return self._loopback_pages and page.scheme in _PORTS and is_loopback(page.name)

    def check(self, headers: Mapping[str, str]) -> None:
        """Return if the sender of `headers` may change something, or open a WebSocket.

        No CORS check of the browser stands before a WebSocket (RFC 6455 section
        10.2), nor before a POST of ``text/plain``: without this one any page that a
        user visits could act here as the user. Clients that are not browsers send
        neither header, and no page can forge them.

        Raises:
            Forbidden: it comes from a page of a foreign origin.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if self.any or site == "same-origin":  # even behind a proxy that changes the host
            return
        if origin is None:
            if site not in _FOREIGN:
                return
            said = f"a page of another origin ({site})"
        elif self.allows(origin, headers.get("host")):
            return
        else:
            said = f"the origin {origin[:200]}"
        raise Forbidden(f"{said} is not allowed here; STREAMER_ALLOWED_ORIGINS lists what is")

    def check_ambient(self, headers: Mapping[str, str]) -> None:
        """Return if who sent `headers` may use what a browser adds by itself, such as a cookie.

        Not only to change something: a WebSocket and an EventSource are opened by a
        foreign page as well. And where any page may do what anybody may (``*``), none may
        do what its visitor may, unless it is of this server.

        A page names no origin where it loads an image or a script. It reads nothing of
        those, but holds them open in its visitor's name, and learns by what fails whether
        there is something. A link that is followed is none of that, and says so.

        Raises:
            Forbidden: it comes from a page of a foreign origin.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site == "same-origin":
            return
        if origin is None:
            if site != "cross-site" or headers.get("sec-fetch-dest") == "document":
                return
            said = f"a page of another site ({site})"
        elif self._knows(origin, headers.get("host")):
            return
        else:
            said = f"a page of the origin {origin[:200]}"
        raise Forbidden(
            f"{said} may not use the cookies of its visitors here; "
            "STREAMER_ALLOWED_ORIGINS names those that may, and * is none of them"
        )


def _is_own(page: Origin, host: str | None) -> bool:
    """Whether `page` came from the server that is asked, over whatever scheme."""
    read = None if host is None else read_host(host)
    if read is None or page.scheme not in _PORTS:
        return False
    return (read.name, read.port or _PORTS[page.scheme]) == (page.name, page.port)
