"""A task of a job, as the job counts it: ``with p.task("encode", total=240) as t:``."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from types import TracebackType
from typing import Final, Self, TypeVar

from ..events.job_event import MAX_NAME_LENGTH, TaskProgress
from .estimate import Estimate
from .place import TASK
from .share import MAX_DEPTH, MAX_PARTS, Share
from .telling import Telling

T = TypeVar("T")

#: Characters of a unit.
_MAX_UNIT: Final = 32

_NUMBERS: Final = frozenset({int, float})
_INFINITY: Final = math.inf


class Task:
    """A part of a job; made by `Progress.task`, for a ``with`` or without.

    How far it is, is what it has counted of its `total`; without one, the mean of the tasks
    that it is made of, by their weights. It counts as done once its ``with`` is left without
    an exception. A task within one that has a total is a part of the unit that this is at.

    Its methods may be called from any thread, and never raise but for a cancel.
    """

    __slots__ = (
        "__weakref__",
        "_is_begun",
        "_name",
        "_pace",
        "_share",
        "_unit",
        "_was",
        "elsewhere",
        "is_walked",
        "telling",
    )

    def __init__(
        self,
        telling: Telling,
        parent: Task | None,
        name: object = "",
        *,
        total: object = None,
        unit: object = None,
        weight: object = 1,
        is_blind: bool = False,
    ) -> None:
        #: How its job tells.
        self.telling: Final = telling
        #: Whoever iterates counts.
        self.is_walked = False
        #: What another process is at that it stands for.
        self.elsewhere: tuple[TaskProgress, ...] = ()
        self._name: Final = str(name)[:MAX_NAME_LENGTH]
        self._unit: Final = None if unit is None else str(unit)[:_MAX_UNIT]
        self._pace: Final = Estimate()
        self._is_begun = False
        self._was: Task | None = None
        self._share: Final[Share] = Share(
            None if parent is None else parent._share,  # noqa: SLF001 - of its own kind
            self._above_zero("total", total),
            self._above_zero("weight", weight) or 1,
            is_blind=is_blind,
        )
        if parent is not None:
            self._join()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def unit(self) -> str | None:
        """What it counts."""
        return self._unit

    @property
    def fraction(self) -> float:
        """How far it is, 0.0 to 1.0."""
        with self.telling.lock:
            return self._share.value()

    @property
    def is_open(self) -> bool:
        """Whether neither it nor what it is a part of is over."""
        return self._share.is_open

    @property
    def done(self) -> float:
        """How much is done, in `unit`; may be set."""
        return self._share.done

    @done.setter
    def done(self, done: float) -> None:
        number = self._amount("done", done)
        if number is None:
            return
        share = self._share
        with self.telling.lock:
            before, share.done = share.done, number
            if not self._is_begun:
                self._begin()
        self._touch(at_end=share.total is not None and before < share.total <= number)

    @property
    def total(self) -> float | None:
        """How much there is to do, in `unit`; None: nobody knows. May be set.

        Where it is raised the job's progress falls to what is true then.
        """
        return self._share.total

    @total.setter
    def total(self, total: float | None) -> None:
        number = self._above_zero("total", total)
        with self.telling.lock:
            before, self._share.total = self._share.total, number
            if number is not None and before is not None and number > before:
                self.telling.floor = 0.0
        self._touch()

    def advance(self, amount: float = 1) -> None:
        """Count `amount` more, in `unit`.

        Raises:
            JobCancelled: in the job itself, if somebody asked for it to be cancelled.
        """
        telling, share = self.telling, self._share
        if telling.is_stopping:
            telling.stop_if_cancelled()
        if type(amount) not in _NUMBERS or not 0 <= amount < _INFINITY:
            amount = self._amount("amount", amount) or 0
        with telling.lock:
            before = share.done
            done = share.done = before + amount
            if share.parts or share.has_parts:
                share.begin_unit()
            if not self._is_begun:
                self._begin()
            telling.touched = True
        if telling.clock() >= telling.due:
            telling.pulse()
        elif share.total is not None and before < share.total <= done:
            telling.pulse(at_end=True)

    def task(
        self, name: str, *, total: float | None = None, unit: str | None = None, weight: float = 1
    ) -> Task:
        """Make a task that is a part of this one, from any thread; see `Progress.task`."""
        return Task(self.telling, self, name, total=total, unit=unit, weight=weight)

    def track(self, iterable: Iterable[T], total: float | None = None) -> Iterator[T]:
        """Yield each item, and count it once it is done, as a task within this one.

        Raises:
            JobCancelled: in the job itself, if somebody asked for it to be cancelled;
                looked at before each item.
        """
        yield from walk(self, iterable, total)

    def __enter__(self) -> Self:
        """Begin it: what is made in this thread or coroutine from here on is a part of it."""
        self._was = TASK.get()
        TASK.set(self)
        with self.telling.lock:
            if not self._is_begun:
                self._begin()
        self._touch()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it: it is done, unless something is raised."""
        TASK.set(self._was)
        self.end(is_whole=error is None)

    def end(self, *, is_whole: bool = True) -> None:
        """End it, where there is no ``with``; if not `is_whole`, at what it has come to."""
        with self.telling.lock:
            self._share.end(is_whole=is_whole)
            self.telling.open.pop(self, None)
        self._touch(at_end=True)

    def stop_if_cancelled(self) -> None:
        """Stop the job here, if that was asked for, and this is the job itself."""
        if self.telling.is_stopping:
            self.telling.stop_if_cancelled()

    def is_at(self, fraction: float, elsewhere: tuple[TaskProgress, ...]) -> None:
        """Take over from another process how far it is, and what it is at."""
        share = self._share
        with self.telling.lock:
            share.total, share.done = 1.0, max(share.done, fraction)
            self.elsewhere = elsewhere
            if elsewhere and not share.is_over:
                self.telling.open[self] = None

    def describe(self, now: float) -> list[TaskProgress]:
        """What an event lists of it; with the lock held."""
        if not self._name:
            return list(self.elsewhere)
        share = self._share
        self._pace.look(now, share.done)
        is_known = share.total is not None or share.has_parts
        return [
            TaskProgress(
                name=self._name,
                done=share.done,
                total=share.total,
                unit=self._unit,
                progress=share.value() if is_known else None,
                rate=self._pace.rate,
                eta_seconds=None if share.total is None else self._pace.seconds_until(share.total),
            )
        ]

    def _join(self) -> None:
        telling, share = self.telling, self._share
        with telling.lock:
            parent = share.parent
            if parent is not None and parent.total is None and parent.mean() > 0.0:
                telling.floor = 0.0  # there is more to do than was known
            joined = share.join() or parent is None or parent.is_over
        if not joined:
            telling.warn("tasks", f"a task has at most {MAX_PARTS} open tasks, {MAX_DEPTH} deep")

    def _begin(self) -> None:
        """Have events list it, until its end; with the lock held."""
        self._is_begun = True
        if self._name and not self._share.is_over:
            self.telling.open[self] = None

    def _touch(self, *, at_end: bool = False) -> None:
        telling = self.telling
        telling.touched = True
        if at_end or telling.clock() >= telling.due:
            telling.pulse(at_end=at_end)

    def _above_zero(self, what: str, value: object) -> float | None:
        return None if value is None else _above_zero(self.telling, what, value)

    def _amount(self, what: str, value: object) -> float | None:
        number = _number(value)
        if number is not None and 0 <= number < _INFINITY:
            return number
        problem = f"{what} is {reprlib.repr(value)}; it must be a number from 0 upwards"
        self.telling.warn(what, problem)
        return None


def walk(
    parent: Task,
    iterable: Iterable[T],
    total: object = None,
    *,
    on_step: Callable[[], None] | None = None,
) -> Iterator[T]:
    """Yield each item, and count it; what is done in the body is a part of its step."""
    telling = parent.telling
    count = _length_of(telling, iterable, total)
    task = Task(telling, parent, total=count, is_blind=count is None)
    around, is_whole = TASK.get(), False
    try:
        for item in iterable:
            if telling.is_stopping:
                telling.stop_if_cancelled()
            TASK.set(task)
            yield item
            TASK.set(around)
            if on_step is not None:
                on_step()
            task.advance()
        is_whole = True
    finally:
        TASK.set(around)
        task.end(is_whole=is_whole)


def within(telling: Telling, root: Task) -> Task:
    """The task of that job which this thread or coroutine is in; else the job as a whole."""
    current: Task | None = TASK.get()
    return root if current is None or current.telling is not telling else current


def _length_of(telling: Telling, iterable: object, total: object) -> float | None:
    if total is not None:
        return _above_zero(telling, "total", total)
    try:
        return length_hint(iterable) or None
    except Exception as error:  # noqa: BLE001 - of a foreign type; it is reported
        telling.warn("total", f"the length of what is tracked cannot be read: {error!r:.80}")
        return None


def _above_zero(telling: Telling, what: str, value: object) -> float | None:
    number = _number(value)
    if number is not None and 0 < number < _INFINITY:
        return number
    telling.warn(what, f"{what} is {reprlib.repr(value)}; it must be a number above 0")
    return None


def _number(value: object) -> float | None:
    if type(value) in _NUMBERS:
        return value  # type: ignore[return-value]
    if isinstance(value, str | bytes | bytearray):
        return None  # `float` would read it
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - of a foreign type; it is reported
        return None
