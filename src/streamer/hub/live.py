"""The readers that are live on a feed: each batch is handed to all of them, cohort by cohort."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from ..events.event import Event, Run
from ..wire.form import PerFeed, encode
from .batch_pass import Owner, Pass
from .cohort import Cohort, Standing, merged, roomy
from .controls import gap_controls
from .own_forms import OwnForms
from .packing import Packing
from .reader import alone

if TYPE_CHECKING:
    from ..events.cursor import Cursor
    from ..events.page import Gap
    from ..wire.form import Form
    from .fan_out import FanOut
    from .limits import HubLimits
    from .reader import Reader


class Live:
    """Readers of one feed that are written to as soon as there is anything.

    While that takes most of the time, events share packets: see `Packing`.

    Args:
        feed: whose readers they are.
        position: where they stand: at the head of its tail.
        limits: of a cohort.
        fan_out: sends to them.
        call_soon: of the event loop, which is let go of between two cohorts.
    """

    #: Whether what comes does not wait, but for what comes before it.
    _is_at_once: ClassVar[bool] = True

    def __init__(
        self,
        feed: Owner,
        position: Cursor,
        *,
        limits: HubLimits,
        fan_out: FanOut,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._feed = feed
        self._limits = limits
        self._fan_out = fan_out
        self._call_soon = call_soon
        self._cohorts: list[Cohort] = []
        # Those that no cohort takes: they stand elsewhere, or follow a story.
        self._apart: dict[Reader, None] = {}
        self._forms = OwnForms()
        self._outbox: list[Event] = []  # arrived, not yet in a pass
        # Who joined while ephemeral events waited there, and how many: those are not for them.
        # They may have been given them by the feed that they left.
        self._late: dict[Reader, int] = {}
        self._pass: Pass | None = None  # the one under way, if it yielded to the loop
        self._loop = asyncio.get_running_loop()
        self._packing = Packing(
            lambda: self._cohorts,
            busy=limits.busy,
            clock=fan_out.clock,
            call_later=self._loop.call_later,
            call_soon=call_soon,
        )
        self._sent = position  # where the last pass left them

    def __len__(self) -> int:
        """How many they are."""
        return len(self._apart) + sum(map(len, self._cohorts))

    def join(self, reader: Reader) -> None:
        """Count `reader` among them; its cursor is at the head, or ahead of it.

        It is ahead where the log has shown it more than was notified here yet.
        """
        self._place(reader, len(self._outbox))

    def rejoin(self, reader: Reader) -> None:
        """Put `reader`, which is one of them, where it stands now."""
        late = self._late.get(reader, 0)
        self.leave(reader)
        self._place(reader, late)

    def _place(self, reader: Reader, late: int) -> None:
        session = reader.session
        if session.story is not None or session.cursor != self._sent:
            self._apart[reader] = None
            return
        if late:
            self._apart[reader] = None
            self._late[reader] = late
            return
        form: Form = reader.writer.form
        mark = None
        if isinstance(form, PerFeed):
            own = self._forms.to_join(form, self._pass)
            form, mark = own, own.mark
        standing = Standing(form, self._sent, mark, session.may_end)
        cohort = roomy(reversed(self._cohorts), standing, self._limits.cohort_readers)
        if cohort is None:
            cohort = Cohort(standing, self._fan_out)
            self._cohorts.append(cohort)
        cohort.add(reader)

    def leave(self, reader: Reader) -> None:
        """`reader` is one of them no longer, if it was; its session knows where it stands."""
        cohort = reader.cohort
        if cohort is None:
            self._apart.pop(reader, None)
            self._late.pop(reader, None)
            return
        cohort.remove(reader)
        if not cohort:
            self._forget_empty()

    def _forget_empty(self) -> None:
        """Forget cohorts of nobody, and forms in which nobody is in step."""
        self._cohorts = [cohort for cohort in self._cohorts if cohort]
        self._forms.keep(self._cohorts)

    def step_out(self, reader: Reader) -> None:
        """Let `reader`, which is in step, be written to by itself, behind what is on its way."""
        if self._pass is not None and reader.cohort is not None:
            self._pass.hurry(reader.cohort, self._feed)
        self.leave(reader)

    def push(self, events: Sequence[Event]) -> None:
        """Hand them what is new: at once, or when those before it have been handed to all."""
        self._outbox += events
        if self._pass is None:
            self._begin_pass()

    def finish(self) -> None:
        """Hand everything that has arrived to all of them now."""
        while self._pass is not None or self._outbox:
            if self._pass is None:
                self._begin_pass()
            elif self._pass.run(self._feed):
                self._pass = None

    def lose(self, gaps: Sequence[Gap], behind: Cursor) -> None:
        """Report `gaps`, which moves them to `behind`; `finish` was called before."""
        until = max(gap.until for gap in gaps)
        stood, self._sent = self._sent, behind
        controls = gap_controls(gaps, stood, behind)
        buffers: dict[Form, bytes] = {}
        for cohort in tuple(self._cohorts):
            cohort.lose(gaps)
            self._feed.metrics.reported_gaps(len(cohort), len(controls))
            if cohort.form not in buffers:  # one batch for all of a form
                buffers[cohort.form] = encode(cohort.form, controls)
            cohort.write(buffers[cohort.form], behind)
        for reader in tuple(self._apart):
            if reader.session.story is not None:
                alone(reader, reader.cut)
            elif reader.session.cursor == stood:
                reader.session.lose(gaps, behind)
                alone(reader, partial(reader.write, controls))
            elif reader.session.cursor < until:
                alone(reader, reader.resume)

    def _taken(self) -> list[Event]:
        """What the next pass hands to them: everything that has arrived."""
        batch, self._outbox = self._outbox, []
        return batch

    def _for_late(self) -> dict[Reader, Run]:
        """What the next pass hands to each of those who joined while it waited."""
        if not self._late:
            return {}
        late, self._late = self._late, {}
        parts = {since: Run(self._shown(self._outbox[since:])) for since in set(late.values())}
        return {reader: parts[since] for reader, since in late.items()}

    def _shown(self, events: list[Event]) -> list[Event]:
        """What those who are given `events` alone are given of them."""
        return events

    def _begin_pass(self) -> None:
        """Hand everything that has arrived to each of them, in one write."""
        self._take_in()
        if len(self._cohorts) > 1:
            self._cohorts = merged(self._cohorts, self._limits.cohort_readers)
        late = self._for_late()
        batch = self._taken()
        self._packing.began()
        if any(event.terminal for event in batch):
            self._let_end()
        self._pass = Pass(
            batch,
            self._sent,
            self._cohorts,
            self._apart,
            late,
            most=self._limits.cohort_readers,
            forms=self._forms.all,
            is_at_once=self._is_at_once,
        )
        self._sent = self._pass.head
        self._continue_pass()

    def _take_in(self) -> None:
        """Let those join who waited for their form to begin anew, where it does."""
        for cohort in self._forms.begin_anew(self._cohorts):
            for reader in cohort.readers:
                alone(reader, reader.rejoin)

    def _let_end(self) -> None:
        """Let those continue by themselves for whom what comes may be the last."""
        for cohort in self._cohorts:
            if cohort.may_end:
                for reader in cohort.readers:
                    cohort.remove(reader)
                    self._apart[reader] = None
        self._forget_empty()

    def _continue_pass(self) -> None:
        if self._pass is None:  # it was finished at once, when the log was lost
            return
        if not self._pass.run(self._feed):
            self._call_soon(self._continue_pass)
            return
        self._pass = None
        self._packing.ended()
        if self._outbox:
            self._pass_ended()

    def _pass_ended(self) -> None:
        """More came during a pass."""
        self._call_soon(self._begin_pass_if_idle)

    def _begin_pass_if_idle(self) -> None:
        if self._pass is None and self._outbox:
            self._begin_pass()
