"""The fields that every answer has beside its own: what browsers need to hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .origins import Origins
from .request_ids import HEADER

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]

#: A body is what its content type says: no browser runs an event's text as a script.
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
#: No other site learns at what address somebody was: there may be a token in it.
_NO_REFERRER: Final = (b"referrer-policy", b"no-referrer")
#: On every answer.
ALWAYS: Final = (NOSNIFF, _NO_REFERRER)
#: No cache may serve one page's answer to another.
VARY: Final = (b"vary", b"origin")
_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")
#: What a page may read of an answer beside its body (Fetch standard, 3.3.4).
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b", ".join(
        (
            *(b"location", b"ratelimit", b"ratelimit-policy", b"retry-after", b"tus-extension"),
            *(b"tus-max-size", b"tus-resumable", b"tus-version", b"upload-expires"),
            *(b"upload-length", b"upload-metadata", b"upload-offset", b"www-authenticate"),
            HEADER.encode(),
        )
    ),
)
_ALLOWED: Final = frozenset({b"access-control-allow-origin"})


def added_to_all(origins: Origins, origin: str | None, host: str | None) -> Fields:
    """The fields of an answer to a page of `origin` that asked for `host`.

    Where they do not name the page's origin, the browser lets no page read it.
    """
    if origins.any:
        if origin is None:
            return ALWAYS
        # With "*" no credentials: any page could read with the user's.
        return (*ALWAYS, (b"access-control-allow-origin", b"*"), _EXPOSED)
    if origin is None or not origins.allows(origin, host):
        return (*ALWAYS, VARY)
    named = (b"access-control-allow-origin", origin.encode("latin-1"))
    return (*ALWAYS, VARY, named, _CREDENTIALS, _EXPOSED)


def fields_of(own: Iterable[Field], added: Fields) -> Iterator[Field]:
    """All fields of an answer: its `own`, and behind them those that are `added`."""
    # What any page may read says so itself; a browser wants to hear it once.
    replaced = _ALLOWED & {name for name, _ in added}
    for field in own:
        if field not in ALWAYS and field[0] not in replaced:
            yield field
    yield from added


def lines_of(fields: Iterable[Field]) -> bytes:
    """`fields` as they are sent: a line for each."""
    return b"".join(b"%b: %b\r\n" % field for field in fields)
