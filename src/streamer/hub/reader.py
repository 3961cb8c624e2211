"""One reader in the hub: its session, its writer, and the pump between them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import OUTCOMES, StreamerError
from ..events.control import Control
from ..events.event import Event, Run
from ..events.merging import merged, merged_run
from ..wire.form import PerFeed, encode
from .controls import expired_control
from .session import Join, ReadLog, Send, Session, State
from .stream_ids import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..events.cursor import Cursor
    from ..events.page import Page
    from ..metrics import Metrics
    from ..wire.coding import Mark
    from ..wire.envelope import Envelope
    from .heartbeat import Slot, Wheel
    from .tail import Tail
    from .welcome import Welcome
    from .writer import Writer

logger = logging.getLogger(__name__)

#: The reason in the close frame of a reader whose token has ended, whichever way: older
#: clients read it. The frame before it says more.
_UNAUTHORIZED: Final = "Unauthorized"


class Company(Protocol):
    """Those a reader is written to together with, as it knows them: its cohort.

    Attributes:
        position: everything up to here has been handed to every one of them.
        mark: where that has left them, in a form of their feed's own.
    """

    @property
    def position(self) -> Cursor:
        """See above."""

    @property
    def mark(self) -> Mark | None:
        """See above."""

    def __len__(self) -> int:
        """How many they are."""

    def ask_again(self, reader: Reader) -> None:
        """How `reader` is to be written to has changed."""

    def remove(self, reader: Reader) -> None:
        """Let a reader continue by itself, from `position`."""


class Source(Protocol):
    """Where a reader's events come from: its feed.

    Attributes:
        tail: the newest of them.
    """

    tail: Tail

    def join(self, reader: Reader) -> None:
        """Count `reader` among the live."""

    def rejoin(self, reader: Reader) -> None:
        """Put `reader`, which is live, where it stands now."""

    def leave(self, reader: Reader) -> None:
        """`reader` is live no longer, if it was."""

    def step_out(self, reader: Reader) -> None:
        """Let `reader`, which is in step, be written to by itself, behind what is on its way."""


class Host(Protocol):
    """What a reader asks of the hub.

    Attributes:
        metrics: counts what a reader is written by itself.
    """

    @property
    def metrics(self) -> Metrics:
        """See above."""

    def read_log(self, reader: Reader, step: ReadLog) -> None:
        """Read for `reader`, then call its `take_page`."""

    def stands(self, reader: Reader) -> None:
        """The state of its session has changed, and it is not over."""

    def forget(self, reader: Reader) -> None:
        """The reader is over."""

    def start_drain(self, seconds: float) -> None:
        """Ask every reader to come back elsewhere, unless that has begun."""


class Reader:
    """A session and the transport that carries it.

    A reader holds no events: what it is owed is between its session's cursor
    and the head of its feed's tail.

    Attributes:
        session: what it has seen; only the session's own methods change that.
        writer: its transport.
        feed: where its events come from.
        host: what it asks for pages and a watch: the hub.
        client: the address it comes from.
        subject: and the subject that it named; empty if none.
        transport: how it reads: for the counters alone.
        stream_id: its name, which its client knows; empty where nobody gave it one.
        interval: seconds between two batches of events, which it is given merged; 0.0 if it
            is given each as it comes.
        asked: the page that is on its way to it: there is never more than one.
        cohort: those it is written to together with, while it is live and in step.
        envelope: what stands around what it is written, if that is one stream for whoever
            reads it, as what is compressed is.
    """

    __slots__ = (
        "_slot",
        "asked",
        "client",
        "cohort",
        "envelope",
        "feed",
        "host",
        "interval",
        "session",
        "stream_id",
        "subject",
        "transport",
        "writer",
    )

    def __init__(
        self,
        session: Session,
        writer: Writer,
        feed: Source,
        host: Host,
        *,
        client: str = "",
        subject: str = "",
        transport: str = "",
        stream_id: str = "",
        interval: float = 0.0,
    ) -> None:
        self.session = session
        self.writer = writer
        self.feed = feed
        self.host = host
        self.client = client
        self.subject = subject
        self.transport = transport
        self.stream_id = stream_id
        self.interval = interval
        self.asked: ReadLog | None = None
        self.cohort: Company | None = None
        form = writer.form
        self.envelope: Envelope | None = form.envelope() if isinstance(form, PerFeed) else None
        # Where it sits in the wheel of heartbeats.
        self._slot: Slot[Reader] | None = None
        writer.taker = self

    def begin(self, welcome: Welcome) -> None:
        """Write `welcome`, and what it is owed.

        Most are owed nothing: what they are told is encoded, and compressed, as one.
        """
        if self.session.state is State.REPLAYING and not self.writer.full:
            step = self.session.next_step(self.feed.tail)
            if isinstance(step, Join):
                buffer = welcome.with_caught_up(self.writer.form, step.items)
                if buffer is None:
                    self.write([*welcome.items(), *step.items])
                else:
                    self.send(buffer)
                self._join()
                self.finish_if_ended()
                return
            self.write(welcome.items())
            if isinstance(step, Send):  # the session has moved past them
                self.write(step.items)
        else:
            self.write(welcome.items())
        if self.session.state is State.ENDED:
            self.finish_if_ended()
        else:
            self.pump()

    def pump(self) -> None:
        """Write what is owed until the transport is full or the reader is live."""
        session = self.session
        if session.state is not State.REPLAYING or self.asked is not None:
            return
        while session.state is State.REPLAYING:
            if self.writer.full:
                self.filled()
                return
            step = session.next_step(self.feed.tail)
            if isinstance(step, ReadLog):
                self.asked = step
                self.host.read_log(self, step)
                return
            self.write(step.items)
            # Behind them, for nothing may stand between what those in step are written; and
            # not if it has filled the transport, or lost it.
            if isinstance(step, Join):
                self._join()
        self.finish_if_ended()

    @property
    def cursor(self) -> Cursor:
        """Everything up to here has been handed to the transport."""
        return self.session.cursor if self.cohort is None else self.cohort.position

    def _join(self) -> None:
        if self.session.state is State.LIVE:
            self.feed.join(self)
            self.host.stands(self)

    def rejoin(self) -> None:
        """Join those in step, if it is one of them now, and still live."""
        if self.session.state is State.LIVE:
            self.feed.rejoin(self)

    def resume(self) -> None:
        """Serve a live reader by itself, from its cursor on."""
        self.feed.leave(self)
        self.session.resume()
        self.host.stands(self)
        self.pump()

    def read_from(self, feed: Source) -> None:
        """Take another feed; a page that is on its way is of the topics it had."""
        self.feed = feed
        self.asked = None

    def write(self, items: Sequence[Event | Control]) -> None:
        """Write `items` in this reader's form; the session has moved past them."""
        if items:
            if self.interval:
                items = merged_run(items) if isinstance(items, Run) else merged(items)
            form = self.writer.form
            if self.cohort is not None and isinstance(form, PerFeed):
                form = form.beside
            buffer = encode(form, items)
            if buffer:  # a form may have no word for any of them
                self.send(buffer)
            self._count(items)

    def send(self, buffer: bytes) -> None:
        """Write `buffer`, of its writer's form: what is for it alone.

        If nothing may stand between what those in step are written, it falls out of step.
        """
        if self.envelope is None:
            self.writer.write(buffer)
            return
        is_last = self.session.state is State.ENDED
        is_in_step = self.cohort is not None
        if is_in_step:
            self.feed.step_out(self)
            if self.session.state is State.ENDED and not is_last:  # by what was on its way
                return
        self.writer.write(self.envelope.own(buffer))
        if is_in_step:
            self.rejoin()

    def _close(self, code: int, reason: str) -> None:
        """End what it is written, and the connection."""
        if self.envelope is not None:
            self.feed.leave(self)
            if end := self.envelope.end():
                self.writer.write(end)
        self.writer.close(code, reason)

    def reply(self, control: Control) -> None:
        """Answer a command, unless it is over: nothing follows the close frame."""
        if self.session.state is not State.ENDED:
            self.write([control])

    def _count(self, items: Sequence[Event | Control]) -> None:
        metrics = self.host.metrics
        if isinstance(items, Run):  # so are nearly all, and long
            metrics.replayed(len(items))
            return
        events = gaps = 0
        for item in items:
            if isinstance(item, Event):
                events += 1
            elif item.type == "gap":
                gaps += 1
        if events:
            metrics.replayed(events)
        if gaps:
            metrics.reported_gaps(1, gaps)

    def finish_if_ended(self) -> None:
        """End the connection properly, if the session has just ended itself.

        One whose story has not ended is cut: its end would say that it has.
        """
        if self.session.state is State.ENDED:
            if self.session.is_broken:
                self.writer.abort()
            else:
                self._close(1000, "ended")
            self.gone()

    def take_page(self, page: Page | None) -> None:
        """Continue with the page that was asked for; None: what it was for is in the tail now."""
        self.asked = None
        if page is not None:
            self.write(self.session.take_page(page))
            self.finish_if_ended()
        self.pump()

    def beat_with(self, wheel: Wheel[Reader], interval: int) -> None:
        """Be due every `interval` seconds (1 or more), until it is over."""
        self._slot = wheel.add(self, interval)

    def beat(self, wheel: Wheel[Reader], now: float) -> None:
        """Send a heartbeat, unless more than that is on its way.

        One that would fall out of step by it is given none within its interval after what all
        in step were written, which is as good. `now` is in seconds of the marks' clock.
        """
        heartbeat = self.writer.form.heartbeat
        if not heartbeat or self.writer.full:
            return
        mark = self.cohort.mark if self.cohort is not None and self.envelope is not None else None
        if mark is not None and self._slot is not None:
            left = int(mark.at + self._slot.interval - now)
            if left >= 1:
                self._slot = wheel.put_off(self, self._slot, left)
                return
        self.send(heartbeat)

    def cut(self) -> None:
        """Abort the connection: the client comes back with its cursor, and loses nothing."""
        if self.session.state is not State.ENDED:
            try:
                self.writer.abort()
            finally:
                self.gone()

    def failed(self, error: Exception) -> None:
        """Be cut for `error`: a fault of ours, or of a transport."""
        topics = self.session.topics
        logger.error(
            "a reader of %s failed, and is cut", topics, exc_info=error, extra=self.as_logged
        )
        self.host.metrics.dropped("failed")
        try:
            self.cut()
        except Exception:
            logger.exception(
                "a reader of %s could not be cut", self.session.topics, extra=self.as_logged
            )

    @property
    def as_logged(self) -> dict[str, Any]:
        """What a line of the log about it says beside its message."""
        return {"fields": {"connection": shown(self.stream_id), "client": self.client}}

    def end_with(self, code: str, control: Control | None = None) -> None:
        """End the connection for the reason that `errors.OUTCOMES` lists under `code`."""
        self._catch_up()
        if self.session.state is State.ENDED:
            return
        if self.session.story is not None:
            self.cut()
            return
        if control is not None and not self.writer.full:
            self.write([control])
        self.session.finish()
        if code == "send_timeout":
            self.host.metrics.dropped("send_timeout")
            self.writer.abort()
        else:
            self._close(OUTCOMES[code].close_code, OUTCOMES[code].title.lower())
        self.gone()

    def expire(self, error: StreamerError) -> None:
        """End as the token it was opened with does; `error` says how.

        One that is behind is cut: what it has not been sent would come after the end.
        """
        self._catch_up()
        if self.session.state is State.ENDED:
            return
        if self.writer.full or self.session.story is not None:
            self.cut()
            return
        self.write([expired_control(error)])
        self.session.finish()
        self._close(error.outcome.close_code, _UNAUTHORIZED)
        self.gone()

    def _catch_up(self) -> None:
        """Be written what waits for its time, before the end."""
        if self.interval and self.session.state is State.LIVE:
            self.resume()

    # Its cohort reports

    def joined(self, company: Company) -> None:
        """It is written to together with others now, which stand where it does."""
        self.cohort = company
        if self.envelope is not None and company.mark is not None:
            first = self.envelope.joined(company.mark)
            if first:
                self.writer.write(first)

    def moved(self, company: Company) -> None:
        """Those it is written to together with are of another cohort now, and stand as they did."""
        self.cohort = company

    def parted(self, position: Cursor, mark: Mark | None) -> None:
        """It continues by itself, from `position`; the others stand there, and at `mark`."""
        self.cohort = None
        self.session.move_to(position)
        if self.envelope is not None and mark is not None:
            self.envelope.parted(mark)

    # What the transport reports

    def requeued(self) -> None:
        """Let the cohort ask again how to write."""
        if self.cohort is not None:
            self.cohort.ask_again(self)

    def filled(self) -> None:
        """Stop writing; the session remembers where."""
        if self.session.state in {State.LIVE, State.REPLAYING}:
            self.session.filled()
            self.feed.leave(self)
            self.host.stands(self)

    def drained(self) -> None:
        """Write what came in the meantime."""
        if self.session.state is State.LAGGING:
            self.session.drained()
            self.host.stands(self)
            self.pump()

    def retired(self, seconds: float) -> None:
        """Have all readers asked to come back elsewhere: the server ends, and nobody said so.

        Our own has drained before it tells connections; another has never heard of a hub.
        """
        self.host.start_drain(seconds)

    def gone(self) -> None:
        """Release everything it holds: the connection is over."""
        self.session.finish()
        self.asked = None
        self.feed.leave(self)
        if self._slot is not None:
            self._slot.pop(self, None)
            self._slot = None
        self.host.forget(self)


def alone(reader: Reader, act: Callable[[], None]) -> None:
    """Call `act`, which is about `reader` alone: what fails there cuts it, and nobody else.

    Whoever serves many readers in turn, such as a pass or a tick, serves each so.
    """
    try:
        act()
    except Exception as error:  # noqa: BLE001 - reported by it
        reader.failed(error)
