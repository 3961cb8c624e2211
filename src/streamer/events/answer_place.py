"""How far into an answer somebody has come, and what of a whole they lack; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .answer import DELTAS, Part, is_kept, key_of
from .json_line import encode_line


class Place:
    """How far a reader has come in one attempt at an answer.

    It knows of the segment at hand how much of each part was said, and nothing of the text: so
    that, once a whole has taken the place of pieces, the rest can be said, and nothing twice.

    Attributes:
        segment: the segment, counted from 1.
    """

    __slots__ = ("_count", "_seen", "segment")

    def __init__(self, segment: int = 1, parts: Iterable[Part] = ()) -> None:
        self.segment = segment
        # Parts as `Parts` counts them; of each that is named, how many characters, or which value.
        self._count = 0
        self._seen: Final[dict[str, int]] = {}
        for part in parts:
            self.take(part)

    def take(self, part: Part) -> None:
        """Come past `part`."""
        if not is_kept(part):
            return
        key = key_of(part)
        if key is None or key not in self._seen:
            self._count += 1
        if key is None:
            return
        if part["type"] in DELTAS:
            before = self._seen.get(key, 0)
            self._seen[key] = before + len(part["text"]) if before >= 0 else before
        else:
            self._seen[key] = _mark(part)

    def rest(self, parts: Iterable[Part]) -> list[Part]:
        """What of a segment's parts, which are whole, was not come past yet."""
        rest: list[Part] = []
        for number, part in enumerate(parts):
            key = key_of(part)
            seen = None if key is None else self._seen.get(key)
            if seen is None:
                if key is not None or number >= self._count:
                    rest.append(part)
            elif part["type"] in DELTAS:
                if 0 <= seen < len(part["text"]):
                    more = {**part, "text": part["text"][seen:]}
                    more.pop("opens", None)  # that was said with the first piece of it
                    rest.append(more)
            elif seen != _mark(part):
                rest.append(part)
        return rest


def _mark(part: Part) -> int:
    """Which value it is, below zero: as no number of characters is."""
    return -1 - abs(hash(encode_line({name: part[name] for name in sorted(part)})))
