"""What is read once for all requests that ask alike: after a restart, of a page that all read."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: Requests that are remembered, and bytes of one; anybody may send others.
_MOST: Final = 512
_BYTES: Final = 2048

#: What of a request says what is asked, and how it is answered, whoever sends it: no token.
Like = tuple[str | bytes | None, ...]


class Alike(Generic[T]):
    """What was made of requests, until there are too many."""

    def __init__(self) -> None:
        self._made: Final[dict[Like, T]] = {}
        #: What was made of such a request; None if nothing was, or it is forgotten.
        self.get: Final = self._made.get

    def keep(self, like: Like, made: T) -> T:
        """Remember what was `made` of such a request, and return it."""
        if sum(len(part) for part in like if part is not None) <= _BYTES:
            if len(self._made) >= _MOST:
                self._made.clear()
            self._made[like] = made
        return made
