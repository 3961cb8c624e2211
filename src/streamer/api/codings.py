"""Which content coding a stream has: what its client takes, and what may be compressed at all.

What is compressed tells by its length what it says twice. Where somebody can have text of their
own put beside a secret, in one window, and see how long the bytes on the wire are, they can guess
the secret letter by letter (BREACH). All readers of a topic share its window, so what is in it
everybody may read who reads it; what is left is whoever sees the wire, and may write to the topic.
Where nobody has to prove who they are there is no secret in it either. So that is the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from litestar.types import Scope

#: Those there are. Of two that a client likes as much the first is taken: more clients read it
#: right (docs/COMPRESSION.md).
NAMES: Final = ("gzip", "zstd")

#: requests asks for gzip whatever reads its answers. PyPI's sseclient, of 2020, reads below it, and
#: would be told nothing at all; nobody sees who stands on it.
_ASKS_FOR_OTHERS: Final = b"python-requests/"
#: A coding, and how much it is liked (RFC 9110, section 12.5.3).
_LIKED: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=([01](?:\.\d{0,3})?))?"
)


def is_allowed(way: str, *, is_open: bool) -> bool:
    """Whether streams are compressed, by `STREAMER_COMPRESSION`; `is_open`: nobody is asked."""
    return way == "on" or (way == "public" and is_open)


# Each browser has one such field, and sends it with every request.
@lru_cache(maxsize=128)
def coding_of(accepted: str) -> str:
    """The one of `NAMES` that ``Accept-Encoding: accepted`` likes best; "" is none.

    ``*`` asks for none: who means one names it.
    """
    liked: dict[str, float] = {}
    for part in accepted.lower().split(","):
        found = _LIKED.fullmatch(part.strip(" \t"))
        if found is not None:
            liked[found[1]] = float(found[2] or 1)
    best = max(NAMES, key=lambda name: liked.get(name, 0.0))
    quality = liked.get(best, 0.0)
    return best if quality > 0 and quality >= liked.get("identity", 0.0) else ""


def accepted_in(headers: Mapping[bytes, bytes]) -> str:
    """As `accepted_by`, of headers none of which came twice."""
    if headers.get(b"user-agent", b"").startswith(_ASKS_FOR_OTHERS):
        return ""
    return headers.get(b"accept-encoding", b"").decode("latin-1")


def accepted_by(scope: Scope) -> str:
    """All values of ``Accept-Encoding``, as one; none of whoever does not mean it.

    Nor of an older client, which speaks HTTP/1.0: few of those undo it as it comes.
    """
    if scope["http_version"] == "1.0":
        return ""
    values = []
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            values.append(value)
        elif name == b"user-agent" and value.startswith(_ASKS_FOR_OTHERS):
            return ""
    return b",".join(values).decode("latin-1")
