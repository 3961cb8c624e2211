"""A cohort: live readers that have all been written the same, and are written to as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .cursor import Cursor
from .wire.form import Form

if TYPE_CHECKING:
    from .reader import Reader


class Cohort:
    """Readers of one form that stand at one position.

    Their cursors are kept here, as one: with a thousand readers no processor
    cache holds them all, so that what is touched for each write is what a
    fan-out costs. This touches nothing of a reader but its transport's `write`.

    Attributes:
        form: the wire form of its readers' writers.
        position: everything up to here has been handed to every one of them.
    """

    __slots__ = ("_members", "_writes", "form", "position")

    def __init__(self, form: Form, position: Cursor) -> None:
        self.form = form
        self.position = position
        self._members: dict[Reader, Callable[[bytes], None]] = {}
        self._writes: list[Callable[[bytes], None]] | None = None

    def __len__(self) -> int:
        """How many readers it has."""
        return len(self._members)

    def add(self, reader: Reader) -> None:
        """Take a reader that stands at `position`."""
        self._members[reader] = reader.writer.write
        self._writes = None
        reader.cohort = self

    def remove(self, reader: Reader) -> None:
        """Let a reader go on by itself, from `position`."""
        del self._members[reader]
        self._writes = None
        reader.cohort = None
        reader.session.cursor = self.position

    def write(self, buffer: bytes, position: Cursor) -> None:
        """Hand `buffer`, everything up to `position`, to every reader.

        A reader whose transport is full thereby leaves at once, at `position`.
        """
        self.position = position
        if self._writes is None:
            self._writes = list(self._members.values())
        for write in self._writes:
            write(buffer)


def roomy(cohorts: Iterable[Cohort], form: Form, position: Cursor, most: int) -> Cohort | None:
    """The first of `cohorts` that a reader of `form` at `position` can join."""
    for cohort in cohorts:
        if cohort.form is form and cohort.position == position and len(cohort) < most:
            return cohort
    return None
