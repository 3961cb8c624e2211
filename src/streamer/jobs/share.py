"""How tasks within one another add up; pure."""

from __future__ import annotations

from typing import Final

#: Tasks within one another, and open tasks of one task; more of them count for nothing.
MAX_DEPTH: Final = 32
MAX_PARTS: Final = 1000


class Share:
    """How far one task is: 0.0 to 1.0.

    With a `total` it is what it has counted of that, and what its parts have done of the
    unit that it is at; without one, the mean of its parts, by their weights.

    Attributes:
        total: what there is to count; None: nobody knows.
        done: what has been counted.
        weight: of it, beside the other parts of what it is a part of.
        parts: those that are not over, in the order in which they came.
        is_over: it has ended.
    """

    __slots__ = (
        "_final",
        "_held",
        "_is_blind",
        "_past",
        "_past_weight",
        "depth",
        "done",
        "is_over",
        "parent",
        "parts",
        "total",
        "weight",
    )

    def __init__(
        self, parent: Share | None, total: float | None, weight: float, *, is_blind: bool = False
    ) -> None:
        self.parent: Final = parent
        self.depth: Final[int] = 0 if parent is None else parent.depth + 1
        self.total = total
        self.done: float = 0
        self.weight: Final = weight
        self.parts: dict[Share, None] = {}
        self.is_over = False
        #: Of what has no end that anybody knows, its parts say nothing.
        self._is_blind: Final = is_blind
        self._final = 0.0
        # What those of its parts that are over came to, and weigh.
        self._past = 0.0
        self._past_weight: float = 0
        self._held = 0.0

    @property
    def has_parts(self) -> bool:
        """Whether it has, or has had, parts of the unit that it is at."""
        return bool(self._past_weight or self.parts)

    @property
    def is_open(self) -> bool:
        """Whether neither it nor what it is a part of is over."""
        share: Share | None = self
        while share is not None:
            if share.is_over:
                return False
            share = share.parent
        return True

    def value(self) -> float:
        """How far it is now."""
        if self.is_over:
            return self._final
        if self._is_blind:
            return 0.0
        if self.total is None:
            return self.mean()
        if self._past_weight or self.parts:
            # A part that comes later in the same unit does not undo what was done of it.
            self._held = max(self._held, self.mean())
        return min(1.0, (self.done + self._held) / self.total)

    def mean(self) -> float:
        """That of its parts, by their weights."""
        value, weight = self._past, self._past_weight
        for part in self.parts:
            value += part.weight * part.value()
            weight += part.weight
        return min(1.0, value / weight) if weight else 0.0

    def begin_unit(self) -> None:
        """Another unit is counted: its parts that are over are in that; others are of the next."""
        self._past = self._held = 0.0
        self._past_weight = 0

    def join(self) -> bool:
        """Become a part of its parent, if that has room for it; whether it has."""
        parent = self.parent
        if parent is None or parent.is_over or self.depth > MAX_DEPTH:
            return False
        if len(parent.parts) >= MAX_PARTS:
            return False
        parent.parts[self] = None
        return True

    def end(self, *, is_whole: bool) -> None:
        """Be over: done, or else as far as it came."""
        if self.is_over:
            return
        self._final = 1.0 if is_whole else self.value()
        self.is_over = True
        self.parts.clear()
        parent = self.parent
        if parent is not None and self in parent.parts:
            del parent.parts[self]
            parent.count_past(self.weight, self._final)

    def count_past(self, weight: float, value: float) -> None:
        """Count what a part came to that is over."""
        self._past += weight * value
        self._past_weight += weight
