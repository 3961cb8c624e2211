"""The wire forms of streams of server-sent events: as they are, and in content codings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...wire import sse
from ...wire.coded import Coded
from ...wire.coding import Coding
from ...wire.form import Form
from ...wire.gzip import GZIP
from ...wire.zstd import ZSTD
from ..codings import coding_of, is_allowed
from ..stream_request import Query, reads_messages
from .shared_windows import WINDOWS


class SseForms:
    """The wire forms of one kind of stream.

    Args:
        plain: as any server sends it.
        chunked: with the chunks of HTTP/1.1, for the fast path.
        headers: what the answer has beside what every stream has.

    Attributes:
        plain, chunked: as above.
        headers: all those of the answer.
        head: the same, as ASGI has them.
    """

    def __init__(
        self, plain: Form, chunked: Form, headers: Mapping[str, str] | None = None
    ) -> None:
        self.plain: Final = plain
        self.chunked: Final = chunked
        self.headers: Final = {**sse.HEADERS, **(headers or {})}
        self.head: Final = tuple(
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in self.headers.items()
        )


#: A cache, if there is one, must not hand to one client what another asked for.
_VARY: Final = {"Vary": "Accept-Encoding"}


def _forms_of(plain: sse.Sse, chunked: sse.Sse) -> dict[str, SseForms]:
    """By content coding: "" is none."""
    codings: tuple[Coding, ...] = (GZIP, ZSTD)
    return {"": SseForms(plain, chunked, _VARY)} | {
        coding.name: SseForms(
            Coded(plain, coding, WINDOWS),
            Coded(plain, coding, WINDOWS, chunked=True),
            {"Content-Encoding": coding.name, **_VARY},
        )
        for coding in codings
    }


#: Events with names, and without: by content coding, of which "" is none.
NAMED: Final = _forms_of(sse.NAMED, sse.NAMED_CHUNKED)
UNNAMED: Final = _forms_of(sse.UNNAMED, sse.UNNAMED_CHUNKED)


def forms_for(accepted: str, query: Query, compression: str, *, is_open: bool) -> SseForms:
    """Those that a request asks for, and may have.

    Args:
        accepted: its ``Accept-Encoding``.
        query: says whether events have names.
        compression: ``STREAMER_COMPRESSION``.
        is_open: nobody is asked who they are.

    Raises:
        InvalidParameter: there are no such events as it asks for.
    """
    forms = UNNAMED if reads_messages(query) else NAMED
    return forms[coding_of(accepted) if is_allowed(compression, is_open=is_open) else ""]
