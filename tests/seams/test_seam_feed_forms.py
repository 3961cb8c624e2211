"""A form that comes from outside has a state for each feed, and its readers share every buffer."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from streamer.api.streams.portable import PortableWriter
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.control import Control
from streamer.events.event import Event
from streamer.events.new_event import new_event
from streamer.events.page import Gap
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from streamer.hub.reader import Reader
from streamer.wire import sse
from streamer.wire.checksum import Sum
from streamer.wire.coded import Coded
from streamer.wire.coding import CodedBytes, Mark
from streamer.wire.form import Form, PerFeed
from streamer.wire.gzip import GZIP
from streamer.wire.waiting import Waiting
from streamer.wire.windows import Windows
from support.servers import FakeClock
from support.turning import TurningLoop


class Words:
    """One word for each event: what both forms have in common."""

    heartbeat = b""
    name = "words"

    def event(self, event: Event) -> bytes:
        return event.fields.partition(b'"text":"')[2].rstrip(b'"}') + b" "

    def control(self, control: Control) -> bytes:
        return f"({control.type}) ".encode()


class Counted(Words):
    """Numbers the batches of one feed; can be joined before each one that `every` divides."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._next = 0
        self.mark = Mark(Sum(), is_open=False, at=0.0)

    @property
    def is_fresh(self) -> bool:
        return self._next % self._every == 0

    def renew(self) -> None:
        """It cannot begin anew but where `every` says."""

    def wrap(self, frames: bytes) -> bytes:
        number, self._next = self._next, self._next + 1
        self.mark = Mark(Sum(size=number), is_open=True, at=0.0)
        return CodedBytes(b"%d[%b]" % (number, frames.strip()), self.mark)


class Counting(Words, PerFeed):
    """The plain form: no numbers."""

    def __init__(self, every: int = 1) -> None:
        self._every = every

    def wrap(self, frames: bytes) -> bytes:
        return b"[%b]" % frames.strip()

    def for_feed(self) -> Counted:
        return Counted(self._every)

    def for_waiting(self) -> Waiting:
        return Waiting(self, lambda: 0.0)


class Room:
    """A hub, and readers that take nothing until they are looked at."""

    def __init__(self, form: Counting, cohort_readers: int = 512) -> None:
        self.loop = TurningLoop()
        self.log = MemoryEventLog(clock=FakeClock())
        limits = HubLimits(cohort_readers=cohort_readers)
        self.hub = Hub(self.log, HubOptions(limits=limits))
        self._form = form
        self.loop.inside(self.hub.start)

    def publish(self, text: str, topic: str = "t", kind: str = "note") -> None:
        """Publish, and let the pass begin: a cohort is served in each turn."""
        self.loop.run(self.log.append(new_event([topic], kind, {"text": text})))

    def attach(
        self, topic: str = "t", *, until_end: bool = False, form: Form | None = None
    ) -> PortableWriter:
        writer = PortableWriter(form or self._form, high_water=1 << 20)
        self.loop.run(self.hub.attach(Attach((topic,), until_end=until_end), writer))
        return writer

    def lose(self, topic: str = "t") -> None:
        feed = self.hub._feeds.peek((topic,))
        assert feed is not None
        head = feed.tail.head
        gap = Gap(topic, head, head.next(), "trimmed")
        self.loop.inside(lambda: feed.lose([gap], gap.until))

    def close(self) -> None:
        self.loop.run(self.hub.close())
        self.loop.finish()


OpenRoom = Callable[..., Room]


@pytest.fixture
def room_of() -> Iterator[OpenRoom]:
    rooms: list[Room] = []

    def opened(every: int = 1, cohort_readers: int = 512) -> Room:
        rooms.append(Room(Counting(every), cohort_readers))
        return rooms[-1]

    yield opened
    for room in rooms:
        room.close()


def said(writer: PortableWriter) -> str:
    """What was written behind the ``connected``, joined; most are told more in one write."""
    text = b"".join(writer._buffers).decode()
    return text.replace("[(connected) ", "[", 1).removeprefix("[(connected)]")


def test_readers_of_one_feed_share_each_buffer_and_its_number(room_of: OpenRoom) -> None:
    room = room_of()
    writers = [room.attach() for _ in range(2)]
    for text in ("a", "b"):
        room.publish(text)
        room.loop.turn(3)
        assert writers[0]._buffers[-1] is writers[1]._buffers[-1]
    assert [said(writer) for writer in writers] == ["[(caught_up)]0[a]1[b]"] * 2


def test_cohorts_of_one_feed_share_its_numbers(room_of: OpenRoom) -> None:
    """A pass lets go of the loop between them."""
    room = room_of(cohort_readers=1)
    writers = [room.attach() for _ in range(3)]
    room.publish("a")
    room.loop.turn(6)
    room.publish("b")
    room.loop.turn(6)
    assert {said(writer) for writer in writers} == {"[(caught_up)]0[a]1[b]"}
    assert len({id(writer._buffers[-1]) for writer in writers}) == 1


def test_each_feed_counts_for_itself(room_of: OpenRoom) -> None:
    room = room_of()
    first, second = room.attach("t"), room.attach("u")
    room.publish("a", "t")
    room.publish("b", "t")
    room.publish("c", "u")
    room.loop.turn(6)
    assert said(first).endswith("0[a]1[b]")
    assert said(second).endswith("0[c]")


def test_who_joins_late_is_given_where_it_begins(room_of: OpenRoom) -> None:
    room = room_of()
    early = room.attach()
    room.publish("a")
    room.loop.turn(3)
    late = room.attach()
    room.publish("b")
    room.loop.turn(3)
    assert said(early).endswith("0[a]1[b]")
    assert said(late) == "[(caught_up)]1[b]"


def test_who_joins_while_a_batch_is_under_way_begins_behind_it(room_of: OpenRoom) -> None:
    """Also if no cohort of its form has been served of it yet: others come first."""
    room = room_of(cohort_readers=1)
    for _ in range(50):
        room.attach(form=sse.NAMED)
    early = room.attach()
    room.publish("a")
    feed = room.hub._feeds.peek(("t",))
    assert feed is not None
    assert feed._live._pass is not None, "the batch has reached everybody"
    assert said(early) == "[(caught_up)]"
    late = room.attach()
    room.loop.turn(60)
    room.publish("b")
    room.loop.turn(60)
    assert said(early) == "[(caught_up)]0[a]1[b]"
    assert said(late) == "[(caught_up)]1[b]"


def test_those_who_cannot_join_yet_share_buffers_of_their_own_until_they_can(
    room_of: OpenRoom,
) -> None:
    """As with a compressor that is reset at times."""
    room = room_of(every=4)
    early = room.attach()
    room.publish("a")
    room.loop.turn(3)
    late = [room.attach()]
    for text in ("b", "c", "d", "e"):
        room.publish(text)
        room.loop.turn(3)
        assert len({id(writer._buffers[-1]) for writer in late}) == 1
        if text == "b":
            late.append(room.attach())
    assert said(early).endswith("0[a]1[b]2[c]3[d]4[e]")
    assert [said(writer) for writer in late] == [
        "[(caught_up)][b][c][d]4[e]",
        "[(caught_up)][c][d]4[e]",
    ]


def test_who_comes_to_wait_while_a_batch_is_under_way_has_a_right_trailer(
    room_of: OpenRoom,
) -> None:
    """Those who wait are given the batch only then; the checksum of who comes begins behind it."""
    room = room_of(cohort_readers=1)
    form = Coded(sse.NAMED, GZIP, Windows(lambda: 0.0))
    in_step = [room.attach(form=form) for _ in range(9)]
    room.publish("a")
    room.loop.turn(20)
    waits = room.attach(form=form)
    room.publish("b")
    late = room.attach(form=form)
    feed = room.hub._feeds.peek(("t",))
    assert feed is not None
    assert feed._live._pass is not None, "the batch has reached everybody"
    room.loop.turn(20)
    room.publish("c")
    room.loop.turn(20)
    assert len({id(writer._buffers[-1]) for writer in in_step}) == 1
    assert waits._buffers[-1] is late._buffers[-1] is not in_step[0]._buffers[-1]
    for writer in (*in_step, waits, late):
        assert isinstance(writer.taker, Reader)
        room.loop.inside(partial(writer.taker.end_with, "draining"))
        told = gzip.decompress(b"".join(writer._buffers))
        assert told.count(b"data:") == 2 + (3 if writer in in_step else 2 - (writer is late))


def test_those_who_joined_at_different_times_are_written_to_as_one_in_the_end(
    room_of: OpenRoom,
) -> None:
    """Who joins while a batch is under way stands elsewhere than those who lack it."""
    room = room_of(cohort_readers=2)
    for _ in range(60):
        room.attach(form=sse.NAMED)
    room.attach(form=sse.UNNAMED)
    room.publish("a")
    feed = room.hub._feeds.peek(("t",))
    assert feed is not None
    assert feed._live._pass is not None, "the batch has reached everybody"
    room.attach(form=sse.UNNAMED)
    assert [len(cohort) for cohort in feed._live._cohorts] == [*[2] * 30, 1, 1]
    room.loop.turn(40)
    room.publish("b")
    assert [len(cohort) for cohort in feed._live._cohorts] == [2] * 31


def test_a_loss_is_one_batch_for_all(room_of: OpenRoom) -> None:
    room = room_of(cohort_readers=1)
    writers = [room.attach() for _ in range(2)]
    room.lose()
    assert {said(writer) for writer in writers} == {"[(caught_up)]0[(gap)]"}


def test_a_feed_keeps_no_state_for_nobody(room_of: OpenRoom) -> None:
    room = room_of()
    first = room.attach()
    room.publish("a")
    room.loop.turn(3)
    room.loop.inside(first.lose)
    feed = room.hub._feeds.peek(("t",))
    assert feed is not None
    assert not feed._live._forms.all
    assert said(room.attach()) == "[(caught_up)]"


def test_what_comes_before_the_last_event_is_shared_with_those_that_end_with_it(
    room_of: OpenRoom,
) -> None:
    room = room_of()
    stays, ends = room.attach(), room.attach(until_end=True)
    room.publish("a")
    room.loop.turn(3)
    room.publish("z", kind="completed")
    room.loop.turn(3)
    assert said(stays) == "[(caught_up)]0[a]1[z]"
    assert said(ends) == "[(caught_up)]0[a][z (end)]"
