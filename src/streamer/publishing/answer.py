"""An answer while it is said: what a worker or a web handler speaks into."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self

from ..errors import InvalidFields, LogUnavailable
from ..events.answer import Part
from .answer_events import AnswerEvents, Reason
from .publisher import Publisher
from .said import Said
from .saying import Saying
from .sync_publisher import SyncPublisher
from .teller import Teller

#: Seconds that whoever speaks waits, once, for the end to be in the log.
END_SECONDS: Final = 10.0
#: The same within a job: its next attempt would have a model say, and be paid for, all again.
JOB_END_SECONDS: Final = 60.0
#: Characters of an error that is told to those who read.
_SHOWN: Final = 200


class Answer(Saying):
    """One attempt at an answer, said piece by piece.

    ::

        with streamer.answer("chats/42", reply_to=message_id) as a:
            for token in model:
                a.text(token)

    Beside text it says all that `Saying` has. With a `SyncPublisher` it is for a ``with``, with
    a `Publisher` for an ``async with``; within a job either. What is said within 40 ms is one
    ``ai_chunk``; nothing that was said is dropped, and nobody who speaks waits: while the log is
    away what is said is kept, which is never more than `MAX_SEGMENTS` events can have. Left
    without an exception, it is told as a whole (``ai_complete``). An exception leaves no whole:
    it is told as ``ai_failed``, or, within a job, left to the next attempt (``ai_reset``) or the
    job's end. Within a job that somebody cancels, saying more raises `JobCancelled`.

    Attributes:
        model: what is told of the whole: who said it.
        finish_reason: the same: why it ended, as in ``stop`` or ``length``.
    """

    def __init__(
        self,
        publisher: Publisher | SyncPublisher,
        events: AnswerEvents,
        *,
        fails: bool = True,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self.model: str | None = None
        self.finish_reason: str | None = None
        self._publisher: Final = publisher
        self._events: Final = events
        self._fails: Final = fails
        self._patience: Final = END_SECONDS if fails else JOB_END_SECONDS
        # Raises where the answer is to be stopped: before anything is said.
        self._look: Final = look
        self._said: Final = Said(events)
        self._teller: Teller | None = None

    @property
    def name(self) -> str:
        """The answer's name, the same in all its attempts."""
        return self._events.answer

    @property
    def said(self) -> str:
        """All that was said by now."""
        return self._said.text

    def _say(self, kind: str, text: str, tool_call: Part | None = None) -> None:
        if not isinstance(text, str):
            raise InvalidFields(f"what is said is a text, and not a {type(text).__name__}")
        self._look()
        try:
            self._said.add(text, kind, tool_call)
        finally:
            if text:
                self._tell()

    def _say_part(self, part: Part) -> None:
        self._look()
        self._said.add_part(part)
        self._tell()

    def fail(self, error: str, reason: Reason = "error") -> Future[None]:
        """Tell that there will be no whole; done when that is in the log."""
        return self._end(self._said.fail(error, reason))

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            LogUnavailable: the publisher is closed.
        """
        if isinstance(self._publisher, Publisher):
            raise TypeError("with a Publisher an answer is for an `async with`")
        self._begin(self._publisher.teller())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the end, and wait until it is in the log: 10 s at most, within a job 60.

        Raises:
            LogUnavailable: it is unknown whether the end is there.
        """
        done = self._left(error)
        if done is not None:
            try:
                done.result(self._patience)
            except (TimeoutError, LogUnavailable) as problem:
                self._not_told(error, problem)

    async def __aenter__(self) -> Self:
        """Do as `__enter__`."""
        if isinstance(self._publisher, Publisher):
            self._begin(self._publisher.teller())
        else:
            self._begin(await asyncio.to_thread(self._publisher.teller))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do as `__exit__`."""
        done = self._left(error)
        # Whoever is cancelled does not wait; the end is told all the same.
        if done is not None and not isinstance(error, asyncio.CancelledError):
            try:
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(done)), self._patience)
            except (TimeoutError, LogUnavailable) as problem:
                self._not_told(error, problem)

    def _begin(self, teller: Teller) -> None:
        self._teller = teller
        if self._said.has_more:
            self._tell()

    def _left(self, error: BaseException | None) -> Future[None] | None:
        if self._said.is_over:
            return None
        if error is None:
            return self._end(self._said.complete(self.model, self.finish_reason))
        if self._fails:
            # What went wrong is not hidden by what goes wrong here.
            with contextlib.suppress(LogUnavailable):
                return self.fail(str(error)[:_SHOWN] or type(error).__name__)
        self._said.abandon()
        return None

    def _end(self, done: Future[None]) -> Future[None]:
        self._tell()
        return done

    def _tell(self) -> None:
        if self._teller is None:
            raise ValueError("an answer begins with `with`, or `async with`")
        try:
            self._teller.tell(self._said)
        except RuntimeError as error:
            raise LogUnavailable("the publisher is closed") from error

    def _not_told(self, error: BaseException | None, problem: BaseException) -> None:
        self._said.abandon()
        if error is None:
            raise LogUnavailable(
                f"the end of the answer is not known to be in the log after {self._patience:g} s"
            ) from problem
