"""A cohort: live readers that have all been written the same, and are written to as one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..events.cursor import Cursor
from ..events.page import Gap
from ..wire.coding import Mark
from ..wire.form import Form
from .fan_out import FanOut
from .reader import alone

if TYPE_CHECKING:
    from .reader import Reader


class Standing(NamedTuple):
    """What readers have in common that are written the same, and stand at the same place.

    Attributes:
        form, position, mark, may_end: as of `Cohort`.
    """

    form: Form
    position: Cursor
    mark: Mark | None
    may_end: bool


class Cohort:
    """Readers of one form that stand at one position; all of them may end, or none.

    Their cursors are kept here, as one: with a thousand readers no processor
    cache holds them all, so that what is touched for each write is what a
    fan-out costs. Where a transport has nothing queued, the buffer goes
    straight to its socket, and nothing of the reader is touched at all.

    Attributes:
        form: the wire form of its readers' writers.
        position: everything up to here has been handed to every one of them.
        mark: where that has left them, in a form of their feed's own.
        may_end: whether a terminal event may be the last that they are given.
    """

    __slots__ = (
        *("_descriptors", "_direct", "_fan_out", "_indirect", "_members", "_packed", "_unasked"),
        *("form", "mark", "may_end", "position"),
    )

    def __init__(self, standing: Standing, fan_out: FanOut) -> None:
        self.form, self.position, self.mark, self.may_end = standing
        self._fan_out = fan_out
        self._members: dict[Reader, None] = {}
        # How each is written to: by descriptor, or by its writer. Those who have just come, or
        # for whom that has changed, are asked before the next write.
        self._direct: dict[Reader, int] = {}
        self._indirect: dict[Reader, None] = {}
        self._unasked: dict[Reader, None] = {}
        self._descriptors: array[int] | None = None  # of `_direct`, in that order
        # Those for whom Nagle's algorithm is on, and their descriptors.
        self._packed: dict[Reader, int] = {}

    def __len__(self) -> int:
        """How many readers it has."""
        return len(self._members)

    def stands(self, standing: Standing) -> bool:
        """Whether all its readers stand so."""
        return (
            self.form is standing.form
            and self.position == standing.position
            and self.mark is standing.mark  # two batches may leave equal ones
            and self.may_end == standing.may_end
        )

    @property
    def standing(self) -> Standing:
        """Where they stand."""
        return Standing(self.form, self.position, self.mark, self.may_end)

    @property
    def readers(self) -> tuple[Reader, ...]:
        """All of them."""
        return tuple(self._members)

    def add(self, reader: Reader) -> None:
        """Take a reader that stands as all do."""
        self._members[reader] = self._unasked[reader] = None
        reader.joined(self)

    def remove(self, reader: Reader) -> None:
        """Let a reader continue by itself, from `position`."""
        del self._members[reader]
        self._forget(reader)
        if reader in self._packed:  # what it is written from now on is for it alone
            self._release([reader])
        reader.parted(self.position, self.mark)

    def take(self, other: Cohort) -> None:
        """Take all readers of `other`, which stand as these do."""
        members, direct, asked, packed = other.let_go()
        self._members.update(members)
        self._direct.update(direct)
        self._descriptors = None
        self._unasked.update(asked)
        self._packed.update(packed)
        for reader in members:
            reader.moved(self)

    def let_go(
        self,
    ) -> tuple[dict[Reader, None], dict[Reader, int], dict[Reader, None], dict[Reader, int]]:
        """Have no readers any more.

        Returns:
            Those it had; the descriptors of some; the others, who are to be asked; and those for
            whom Nagle's algorithm is on, with theirs.
        """
        had = self._members, self._direct, {**self._indirect, **self._unasked}, self._packed
        self._members, self._direct, self._descriptors = {}, {}, None
        self._indirect, self._unasked, self._packed = {}, {}, {}
        return had

    def lose(self, gaps: Sequence[Gap]) -> None:
        """Let every reader know what it is never given."""
        for reader in self._members:
            reader.session.lose(gaps, self.position)

    def failed(self, error: Exception) -> None:
        """Cut every reader, for `error`."""
        for reader in tuple(self._members):
            reader.failed(error)

    def ask_again(self, reader: Reader) -> None:
        """How `reader` is to be written to has changed."""
        self._forget(reader)
        self._unasked[reader] = None

    def _forget(self, reader: Reader) -> None:
        """Forget how `reader` is written to."""
        if self._direct.pop(reader, None) is not None:
            self._descriptors = None
        else:
            self._indirect.pop(reader, None)
            self._unasked.pop(reader, None)

    def write(self, buffer: bytes, position: Cursor) -> None:
        """Hand `buffer`, everything up to `position`, to every reader.

        A reader whose transport is full thereby leaves at once, at `position`.
        """
        self.position = position
        if self.mark is not None:
            self.mark = getattr(buffer, "mark", self.mark)
        if short := self._fan_out.send(self._to_send_to(), buffer):
            direct = {number: reader for reader, number in self._direct.items()}
            for descriptor, sent in short:
                # Full, or broken: its transport finds out which.
                reader = direct[descriptor]
                alone(reader, partial(reader.writer.write, buffer[sent:]))
        for reader in tuple(self._indirect):
            try:  # not `alone`: this is the whole fan-out of a server that is not ours
                reader.writer.write(buffer)
            except Exception as error:  # noqa: BLE001 - reported by it
                reader.failed(error)

    def _to_send_to(self) -> array[int]:
        """The descriptors of those that have one, in the order of `_direct`."""
        if self._unasked:
            self._ask()
        if self._descriptors is None:
            self._descriptors = array("i", self._direct.values())
        return self._descriptors

    def _ask(self) -> None:
        # What had to be queued for one may have been taken since, of which nobody is told.
        unasked = {**self._indirect, **self._unasked}
        self._indirect, self._unasked = {}, {}
        for reader in unasked:
            try:
                descriptor = reader.writer.descriptor()
            except Exception as error:  # noqa: BLE001 - reported by it
                reader.failed(error)
                continue
            if descriptor is not None:
                self._direct[reader] = descriptor
                self._descriptors = None
            else:
                self._indirect[reader] = None
                if reader in self._packed:
                    self._release([reader])

    def pack(self) -> None:
        """Let what is sent to those who are near wait until they have acknowledged the last.

        Who comes later is sent everything at once until this is called again.
        """
        descriptors = self._to_send_to()
        direct = {number: reader for reader, number in self._direct.items()}
        near = {direct[number]: number for number in self._fan_out.near(descriptors)}
        self._release([reader for reader in self._packed if reader not in near])
        more = [number for reader, number in near.items() if reader not in self._packed]
        self._fan_out.nagle.on(array("i", more))
        self._packed = near

    def send_at_once(self) -> None:
        """Let nothing wait."""
        self._release(tuple(self._packed))

    def _release(self, readers: Sequence[Reader]) -> None:
        """Let nothing of theirs wait; their sockets are open, for who is gone has left before."""
        numbers = [self._packed.pop(reader) for reader in readers]
        self._fan_out.nagle.off(array("i", numbers))


def roomy(cohorts: Iterable[Cohort], standing: Standing, most: int) -> Cohort | None:
    """The first of `cohorts` that a reader that stands so can join."""
    for cohort in cohorts:
        if len(cohort) < most and cohort.stands(standing):
            return cohort
    return None


def merged(cohorts: Sequence[Cohort], most: int) -> list[Cohort]:
    """The same readers in no more cohorts than need be, of `most` each.

    Who joins while a batch is under way stands where those do not who are to be given it yet.
    Behind it they all stand alike, and a cohort costs as much as several readers.
    """
    kept: list[Cohort] = []
    for cohort in sorted(cohorts, key=len, reverse=True):
        for other in kept:
            if len(other) + len(cohort) <= most and other.stands(cohort.standing):
                other.take(cohort)
                break
        else:
            kept.append(cohort)
    return kept
