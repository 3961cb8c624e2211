"""The token that a client presents: sent in a header, and shown nowhere."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final

import httpx

from .refusals import Refused

#: RFC 6750 section 2.1, ``b64token``.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class Bearer(httpx.Auth):
    """Sends ``Authorization: Bearer``; not to another server that it is redirected to.

    Raises:
        Refused: `token` is nothing that a header can carry. It is not quoted.
    """

    def __init__(self, token: str) -> None:
        if _TOKEN.fullmatch(token) is None:
            raise Refused(0, "the token is empty, or has a character that no header can carry")
        self._authorization: Final = f"Bearer {token}"

    def __repr__(self) -> str:
        """Without the token: it may end in a traceback."""
        return "Bearer(***)"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add it to `request`."""
        request.headers["Authorization"] = self._authorization
        yield request


def presented(token: str | None) -> dict[str, Any]:
    """What a request of httpx is given to present `token`; nothing if there is none."""
    return {} if token is None else {"auth": Bearer(token)}
