"""Names of streams, which nobody can guess."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from itertools import count
from typing import Final

#: Bytes of a process's name. Public: it says where a stream is, and proves nothing.
_PROCESS_BYTES: Final = 6
#: Bytes of a stream's own name: 2^128 of them cannot be tried.
_STREAM_BYTES: Final = 16
#: Characters of a stream's own name that a line of the log has.
_SHOWN: Final = 8
_KEY_BYTES: Final = 32
_COUNT_BYTES: Final = 8


class StreamIds:
    """Gives each stream of a process the id ``<process>.<random>``.

    Every attach needs one, and the operating system's random numbers cost a system
    call each. So one secret is drawn for the process, and each stream's part is a
    count, hashed with it: keyed BLAKE2b is a pseudorandom function (RFC 7693, section
    1; Luykx, Mennink and Neves, 2016), so whoever has any number of ids, but not the
    key, can neither tell the others from random numbers nor compute them. The count is
    never repeated, and neither are the ids, but with a chance of 2^-64 among four billion.
    """

    def __init__(self) -> None:
        #: The process, as its ids begin.
        self.process: Final = secrets.token_hex(_PROCESS_BYTES)
        self._key: Final = secrets.token_bytes(_KEY_BYTES)
        self._counts: Final = count()

    def next(self) -> str:
        """An id that no stream has had."""
        number = next(self._counts).to_bytes(_COUNT_BYTES, "big")
        digest = blake2b(number, digest_size=_STREAM_BYTES, key=self._key)
        return f"{self.process}.{digest.hexdigest()}"


def shown(stream_id: str) -> str:
    """The beginning of a stream's id: enough to find it in a log, and no use for anything else."""
    process, _, own = stream_id.partition(".")
    return f"{process}.{own[:_SHOWN]}"


def process_of(stream_id: str) -> str:
    """The process that has the stream, if anybody has; any text is taken."""
    return stream_id.partition(".")[0]
