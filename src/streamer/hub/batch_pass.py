"""A pass: one batch of events on its way to the readers of a feed that are live."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from ..events.event import Event, Run
from ..wire.form import encode
from .reader import Company, Reader, Source, alone
from .session import State

if TYPE_CHECKING:
    from ..events.cursor import Cursor
    from ..metrics import Metrics
    from ..wire.form import MarkedForm
    from .cohort import Cohort


class Owner(Source, Protocol):
    """Whose readers they are: a feed.

    Attributes:
        metrics: counts what they are handed.
    """

    metrics: Metrics


class Pass:
    """One batch of events on its way to the readers that were live when it began.

    Args:
        late: what those are given of it, of whom not all is for.
        forms: those of its cohorts that have a state of the feed.
        most: readers of one `run`.
        is_at_once: whether it began as soon as it could: how long that took is measured.

    Attributes:
        head: where it leaves them: at the end of its last durable event.
    """

    __slots__ = (
        "_apart",
        "_base",
        "_batch",
        "_cohorts",
        "_forms",
        "_late",
        "_most",
        "_oldest",
        "_served",
        "_terminal",
        "head",
    )

    def __init__(
        self,
        batch: list[Event],
        base: Cursor,
        cohorts: list[Cohort],
        apart: dict[Reader, None],
        late: dict[Reader, Run],
        *,
        forms: tuple[MarkedForm, ...],
        most: int,
        is_at_once: bool,
    ) -> None:
        stored = [event for event in batch if event.id is not None]
        self.head = stored[-1].end if stored else base
        oldest = stored[0].id if stored and is_at_once else None
        self._oldest = oldest.ms if oldest is not None else 0
        self._base = base
        self._batch = Run(batch)
        self._cohorts = cohorts[::-1]
        self._apart = list(apart)
        self._late = late
        self._forms = forms
        self._most = most
        self._terminal = any(event.terminal for event in batch)
        self._served = 0  # of those that stand apart, since they were last counted

    def encode_for(self, form: MarkedForm) -> None:
        """Let `form` see the batch now, if its cohorts are written it, and have not been."""
        if form in self._forms:
            encode(form, self._batch)

    def run(self, feed: Owner) -> bool:
        """Write to cohorts, or to those that stand apart, as many as `most`; True after the last.

        A cohort may be larger.
        """
        if self._cohorts:
            left = self._most
            while self._cohorts and (left == self._most or len(self._cohorts[-1]) <= left):
                left -= len(self._cohorts[-1])
                self._write(self._cohorts.pop(), feed)
        else:
            readers, self._apart = self._apart[: self._most], self._apart[self._most :]
            for reader in readers:
                # It may have filled up, or gone, since the pass began.
                if reader.session.state is State.LIVE and reader.feed is feed:
                    alone(reader, partial(self._serve, reader, feed))
            if self._served:
                feed.metrics.delivered(self._served, len(self._batch), self._oldest)
                self._served = 0
        return not self._cohorts and not self._apart

    def hurry(self, company: Company, feed: Owner) -> None:
        """Write to a cohort before its turn, if it has not come."""
        for number, cohort in enumerate(self._cohorts):
            if cohort is company:
                del self._cohorts[number]
                self._write(cohort, feed)
                return

    def _write(self, cohort: Cohort, feed: Owner) -> None:
        size = len(cohort)  # a write may make one leave
        try:
            cohort.write(encode(cohort.form, self._batch), self.head)
        except Exception as error:  # noqa: BLE001 - reported by it
            # They lack what the others have now: they must not continue from there.
            cohort.failed(error)
        else:
            feed.metrics.delivered(size, len(self._batch), self._oldest)

    def _serve(self, reader: Reader, feed: Owner) -> None:
        """Give a reader that no cohort takes what it lacks."""
        session = reader.session
        cursor = reader.cursor
        is_stored = self.head != self._base
        may_be_last = session.story is not None or (self._terminal and session.may_end)
        if is_stored and (cursor != self._base or may_be_last):
            # It joined between two events of the batch, or one may be its last.
            if cursor < feed.tail.head:
                reader.resume()
            return
        if is_stored:
            session.move_to(self.head)
        batch = self._late.get(reader, self._batch)
        if batch and (buffer := encode(reader.writer.form, batch)):  # it may have no word for it
            reader.send(buffer)
        self._served += 1
        reader.rejoin()
