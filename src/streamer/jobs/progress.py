"""What one attempt of one job tells."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, ParamSpec, TypeVar

import msgspec

from ..eventlog.checkpoints import NONE
from ..events.new_event import MAX_EVENT_BYTES
from ..publishing.answer import END_SECONDS, Answer
from ..publishing.answer_events import Reason
from ..publishing.sync_publisher import SyncPublisher
from . import stdout
from .helpers import Helpers
from .link import Link
from .state import Said, State
from .stops import PLAINLY, Raised
from .task import Task, walk, within
from .telling import Send, Telling
from .told import Checkpoint, Line, Lines, Partial, Told, Update
from .wrapped import Wrapped

T = TypeVar("T")
P = ParamSpec("P")

#: Characters of a line's level and source.
_MAX_WORD: Final = 64
_logger: Final = logging.getLogger(__name__)


class Progress:
    """What one attempt of one job tells; safe to use from several threads.

    Of all that is told nine events a second are sent at most: the newest update, the newest
    partial result, and the lines of the log since the last ones. What is held is sent soon,
    and before the job's end always. What says nothing new is not sent.

    Telling never fails a job. What cannot be told is logged, once of each kind, and what
    is left of it is told. Only `update`, `track`, `Task.advance` and `raise_if_cancelled`
    raise, in the job itself, if somebody asked for it to be cancelled. Called with arguments
    that they do not have, they raise `TypeError` as any function.

    Args:
        send: takes what is to be published.
        job_id: of the job that it is the progress of; None outside of one.
        run: which run of it, as keys have it.
        attempt: which attempt of the run, counted from 1.
        guessed: that may be the number of another one, too: the log could not be asked.
        publisher: by which the job is reported; None outside of one.
        max_bytes: largest body of one event.
        raised: what is raised to stop the job.
        checkpoint: the last one of the attempts before, as JSON.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        send: Send,
        *,
        job_id: str | None = None,
        run: str = "",
        attempt: int = 1,
        guessed: bool = False,
        publisher: SyncPublisher | None = None,
        max_bytes: int = MAX_EVENT_BYTES,
        raised: Raised = PLAINLY,
        checkpoint: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id: Final = job_id
        self.run: Final = run
        self.attempt: Final = attempt
        self.guessed: Final = guessed
        self.publisher: Final = publisher
        #: Answers that this attempt has begun.
        self.answers: Final[list[Answer]] = []
        #: How it is told: for what tells of it, not for jobs.
        self.telling: Final = Telling(send, job_id, max_bytes, raised, clock)
        #: Other processes that tell of it.
        self.helpers: Final = Helpers(self)
        self._link: Link | None = None
        self._checkpoint = msgspec.Raw(NONE if checkpoint is None else checkpoint)
        self._state = self._begun()
        _all.add(self)

    @property
    def fraction(self) -> float:
        """How far the job is, 0.0 to 1.0: what `update` said, or its tasks, whichever is more.

        It never falls, unless a total is raised.
        """
        return self._state.fraction()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the job to be cancelled."""
        return self.telling.is_stopping

    def update(self, fraction: float, message: str | None = None, **metadata: object) -> None:
        """Report how far the job is, from 0.0 to 1.0.

        Where the job itself calls this, it stops here if it was cancelled.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
        """
        telling = self.telling
        if telling.is_stopping:
            telling.stop_if_cancelled()
        number: float | None = fraction
        if type(fraction) is not float or not 0.0 <= fraction <= 1.0:
            number = self._checked("fraction", telling.checker.fraction(fraction))
        text = message
        if message is not None and message is not self._state.message:
            text = self._checked("message", telling.checker.message(message))
        said: Said = metadata
        if metadata and not telling.checker.is_plain(metadata):
            # As it is now: what it refers to may change before it is sent.
            said = self._checked("metadata", telling.checker.metadata(metadata, text))
        with telling.lock:
            state = self._state
            if number is not None and number > state.direct:
                state.direct = number
            if text is not None:
                state.message = text
            state.said = said
            telling.touched = True
        if telling.clock() >= telling.due:
            telling.pulse()
        elif number == 1.0:
            telling.pulse(at_end=True)

    def task(
        self, name: str, *, total: float | None = None, unit: str | None = None, weight: float = 1
    ) -> Task:
        """Make a task of the job, for a ``with``: ``with p.task("encode", total=240) as t:``.

        It is a part of the task that this thread or coroutine is in, if it is in one, and
        counts from now on: make those of one job before the first of them begins, or else
        the job's progress falls when there is more to do than was known.

        Args:
            name: what it is called.
            total: how much there is to do; None: nobody knows.
            unit: what `total` and `Task.advance` count, such as ``s``.
            weight: how much of the whole it is, beside the others with it.
        """
        around = within(self.telling, self._state.root)
        return Task(self.telling, around, name, total=total, unit=unit, weight=weight)

    def track(
        self, iterable: Iterable[T], total: float | None = None, message: str | None = None
    ) -> Iterator[T]:
        """Yield each item, and report after each how many of `total` are done.

        Without `total` the iterable's own length is used; if it has none, only
        the start and the end are reported. It is a task of the job, and what its body
        tells, another `track` or task, is within the step of the item that it is at.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled; looked at
                before each item.
        """
        telling = self.telling
        say = None
        if message is not None:
            text = self._checked("message", telling.checker.message(message))

            def say() -> None:
                self._state.message = text

            say()
        if telling.is_stopping:
            telling.stop_if_cancelled()
        around = within(telling, self._state.root)
        telling.touched = True
        if telling.clock() >= telling.due:
            telling.pulse()
        yield from walk(around, iterable, total, on_step=say)

    def log(self, text: object, level: str = "info", *, source: str | None = None) -> None:
        """Tell a line of the job's log: an event ``log`` has those of a moment.

        Args:
            text: the line.
            level: ``debug``, ``info``, ``warning``, ``error``, or any other word.
            source: where it is from, such as a logger's name.
        """
        telling = self.telling
        clean, size = telling.checker.line(text)
        if source is not None:
            source = str(source)[:_MAX_WORD]
        telling.add_line(size, Line(clean, str(level)[:_MAX_WORD], source, time.time()))
        if telling.clock() >= telling.due:
            telling.pulse()

    def meta(self, fields: Mapping[str, object] | None = None, /, **more: object) -> None:
        """Tell facts of the job, such as its codec: they are in the metadata of all that follows.

        One that is told again replaces the one before.
        """
        telling = self.telling
        given = {**(fields or {}), **more} if isinstance(fields, Mapping | None) else more
        with telling.lock:
            # All of them together, for together they must fit.
            together = {**self._state.meta, **given}
            if not telling.checker.is_plain(together):
                line = self._checked("meta", telling.checker.metadata(together, None))
                together = msgspec.json.decode(line)
            self._state.meta = together
            telling.touched = True
        if telling.clock() >= telling.due:
            telling.pulse()

    def partial(self, result: object) -> None:
        """Tell what the job has come to so far, anything that JSON can express: ``partial``."""
        line, problem = self.telling.checker.result(result)
        self.telling.warn("partial", problem)
        if problem is None:
            self.telling.set_partial(msgspec.Raw(line))
            if self.telling.clock() >= self.telling.due:
                self.telling.pulse()

    def checkpoint(self, value: object) -> None:
        """Keep where the job can go on from, if it must begin again: any JSON, 64 KiB at most.

        It is kept by the log within a second, and before the attempt's end, for the next
        attempt's `last_checkpoint`; nobody else is told of it.
        """
        line, problem = self.telling.checker.checkpoint(value)
        self.telling.warn("checkpoint", problem)
        if problem is None:
            self._checkpoint = kept = msgspec.Raw(line)
            self.telling.set_checkpoint(kept)

    @property
    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON
        """The last one of this attempt, or else of those before it; None if there is none."""
        return msgspec.json.decode(self._checkpoint)

    def capture_stdout(self) -> AbstractContextManager[None]:
        """Tell what is printed within the block, too, each line as one of the job's log.

        It is of this thread or coroutine, and of what it hands on its context to: what other
        jobs of the process print is theirs. What C code or another process writes is not seen.
        """
        return stdout.captured(lambda line: self.log(line, source="stdout"))

    def wrap(self, function: Callable[P, T]) -> Callable[P, T]:
        """Have `function` tell of this job wherever it runs: in a thread, or another process.

        For ``pool.submit(p.wrap(work), …)`` of any executor, or ``Process(target=…)``. In a
        thread it runs in a copy of this context, and is stopped as the job itself is.
        """
        return Wrapped(self, function)

    def environ(self) -> dict[str, str]:
        """The environment of a program that is to tell of this job, for ``subprocess``.

        In a Python program that is run with it, ``streamer.progress()`` tells of the job; what
        it says of how far it is, is one task, within the one that is current here.
        """
        return {**os.environ, **self.helpers.environ()}

    def raise_if_cancelled(self) -> None:
        """Call this often in a long job.

        Raises:
            JobCancelled: somebody asked for the job to be cancelled.
            BaseException: the worker is stopping, and the job will be tried again;
                in Dramatiq it is a `Shutdown`.
        """
        self.telling.stop.raise_if_asked()

    def send_held(self) -> None:
        """Send what was held back, if there is anything; never raises."""
        if self._link is None:
            self.telling.send_held()
        else:
            self._link.flush()

    def take_leave(self) -> None:
        """Wait a moment until what was told in a process that helps is taken over by the job's."""
        if self._link is not None:
            self._link.flush()

    def cancel(self) -> None:
        """Have `update`, `track` and `raise_if_cancelled` raise."""
        self.telling.stop.is_cancelled = True
        self.telling.is_stopping = True
        self.helpers.cancel()

    def interrupt(self) -> None:
        """Have `raise_if_cancelled` raise, for the job to be tried again elsewhere."""
        self.telling.stop.is_interrupted = True

    def silence(self) -> None:
        """Send nothing from now on: the attempt is over."""
        self.telling.silence()
        self.helpers.close()

    def end_answers(self, error: str, reason: Reason) -> None:
        """Tell that the answers which are not whole will not be: nobody tries again."""
        for answer in self.answers:
            try:
                answer.fail(error, reason).result(END_SECONDS)
            except Exception as problem:  # noqa: BLE001 - the job's own end is reported all the same
                _logger.warning("the end of answer %s is not told: %s", answer.name, problem)

    def take_over(self, told: Told, part: Task) -> None:
        """Tell what another process told of this job; how far that is, `part` is."""
        telling = self.telling
        match told:
            case Update():
                self._state.take_over(told, part)
            case Lines():
                left_out = told.left_out
                for line in told.lines:
                    size = telling.checker.line(line.text)[1]
                    telling.add_line(size, line, left_out=left_out)
                    left_out = 0
            case Partial():
                telling.set_partial(msgspec.Raw(bytes(told.result)))
            case Checkpoint():
                self._checkpoint = kept = msgspec.Raw(bytes(told.value))
                telling.set_checkpoint(kept)
        if telling.clock() >= telling.due:
            telling.pulse()

    def around(self) -> Task:
        """The task of the job that this thread or coroutine is in."""
        return within(self.telling, self._state.root)

    @property
    def kept(self) -> msgspec.Raw:
        """The last checkpoint, as JSON."""
        return self._checkpoint

    def hand_on(self, link: Link) -> None:
        """Be what this process tells, as a helper: `link` leads to the process of the job."""
        self._link = link
        self.helpers.handover = link.handover
        self.telling.hand_on(link.send)
        self._state = self._begun()
        link.start(self.telling.send_held, self.cancel)

    def begin_anew_after_fork(self) -> None:
        """Replace the locks that another thread may have held when this process was forked."""
        self.telling.begin_anew_after_fork()
        self.helpers.begin_anew_after_fork()

    def _checked(self, part: str, found: tuple[T, str | None]) -> T:
        self.telling.warn(part, found[1])
        return found[0]

    def _begun(self) -> State:
        state = State(self.telling)
        self.telling.describe, self.telling.fraction = state.describe, state.fraction
        return state


_all: Final[weakref.WeakSet[Progress]] = weakref.WeakSet()


def _begin_anew_after_fork() -> None:
    for each in list(_all):
        each.begin_anew_after_fork()
    # Nobody else sends here what is held: the thread that does is the parent's.
    # Before the publisher closes, for these are called last to first.
    threading._register_atexit(send_all_held)  # type: ignore[attr-defined]  # noqa: SLF001


def send_all_held() -> None:
    """Send what was held back of all jobs of this process, which is about to end."""
    for each in list(_all):
        with contextlib.suppress(Exception):
            each.send_held()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
