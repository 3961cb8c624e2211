"""Readers end when what they proved themselves with does, on a clock that a test holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamer.errors import StreamerError, TokenExpired, TokenRevoked
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.new_event import new_event
from streamer.events.page import Page
from streamer.hub.attach import Attach
from streamer.hub.hub import Hub
from streamer.hub.limits import HubLimits
from streamer.hub.options import HubOptions
from streamer.hub.reader import Reader
from streamer.hub.session import State
from streamer.hub.stays import GRACE, Stay
from streamer.wire.checksum import Sum
from streamer.wire.coding import Mark
from streamer.wire.form import PerFeed
from streamer.wire.websocket import Lines
from support.pausing import PausingEventLog
from support.servers import FakeClock
from support.turning import TurningLoop
from support.wall import EPOCH, Wall
from support.writers import FakeWriter


class OfOneFeed(Lines):
    """Lines that can be joined at any time."""

    mark = Mark(Sum(), is_open=False, at=0.0)

    def renew(self) -> None:
        """There is nothing to begin anew."""

    is_fresh = True


class Stateful(Lines, PerFeed):
    """A form with a state of each feed; what one reader is written alone is plain."""

    def for_feed(self) -> OfOneFeed:
        return OfOneFeed()

    def for_waiting(self) -> OfOneFeed:
        return OfOneFeed()


class House:
    """A hub whose clock a test holds, and the readers that came."""

    def __init__(self, limits: HubLimits | None = None) -> None:
        self.loop = TurningLoop()
        self.wall = Wall(self.loop)
        self.log = PausingEventLog(MemoryEventLog(clock=FakeClock()))
        self.ended: list[tuple[str, str]] = []
        self.hub = Hub(
            self.log,
            HubOptions(limits=limits or HubLimits()),
            clock=self.wall,
            ended=self._note,
        )
        self.loop.inside(self.hub.start)

    def _note(self, reader: Reader, error: StreamerError) -> None:
        self.ended.append((reader.subject, error.code))

    def come(
        self,
        lives: float | None = None,
        *,
        credential: object = "mine",
        writer: FakeWriter | None = None,
        **more: Any,  # noqa: ANN401 - as `Attach` has them
    ) -> FakeWriter:
        """Let a reader come whose credential ends after `lives` seconds."""
        writer = writer or FakeWriter()
        expires = None if lives is None else self.wall() + lives
        attach = Attach(("t",), credential=credential, expires=expires, subject="ann", **more)
        self.loop.run(self.hub.attach(attach, writer))
        return writer

    def publish(self) -> Cursor:
        id_ = self.loop.run(self.log.append(new_event(["t"], "note", {})))
        self.loop.turn(2)
        assert id_ is not None
        return id_

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, in steps that a clock could take."""
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            self.loop.advance(min(0.25, end - self.loop.time()))

    def stay_of(self, writer: FakeWriter) -> Stay:
        assert isinstance(writer.taker, Reader)
        stay = self.hub.stays.find(writer.taker.stream_id)
        assert stay is not None
        return stay


@pytest.fixture
def open_house() -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def opened(limits: HubLimits | None = None) -> House:
        houses.append(House(limits))
        return houses[-1]

    yield opened
    for house in houses:
        house.loop.run(house.hub.close())
        house.loop.finish()
        assert house.loop.faults == []


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    return open_house()


def types(writer: FakeWriter) -> list[str]:
    writer.take()
    return writer.types()


# Its end


def test_a_reader_ends_at_the_very_second_at_which_its_token_does(house: House) -> None:
    writer = house.come(100.0)
    house.pass_seconds(99.75)
    house.publish()
    assert writer.closed is None
    house.pass_seconds(0.25)
    assert house.wall() == EPOCH + 100.0
    assert types(writer) == ["connected", "caught_up", "expiring", "note", "expired"]
    assert writer.closed == (1008, "Unauthorized")
    assert writer.taken[-1] == {
        "type": "expired",
        "code": "token_expired",
        "detail": "the token of this stream has expired",
    }
    assert house.ended == [("ann", "token_expired")]
    assert not house.hub.counts


def test_connected_says_the_stream_and_when_it_ends(house: House) -> None:
    ends, stays, nobody = house.come(100.0), house.come(None), house.come(None, credential=None)
    for writer in (ends, stays, nobody):
        writer.take()
    connected = ends.taken[0]
    assert connected["expires_at"] == "2025-02-02T08:01:40.000Z"
    assert connected["stream_id"].startswith(house.hub.stream_ids.process + ".")
    assert "expires_at" not in stays.taken[0]
    assert len({writer.taken[0]["stream_id"] for writer in (ends, stays, nobody)}) == 3


def test_who_has_proved_nothing_stays_and_is_not_kept_track_of(house: House) -> None:
    writer = house.come(None, credential=None)
    house.pass_seconds(1000.0)
    assert types(writer) == ["connected", "caught_up"]
    assert house.hub.stays.find(writer.taken[0]["stream_id"]) is None


@pytest.mark.parametrize(
    ("lives", "before"), [(3600.0, 60.0), (120.0, 60.0), (60.0, 30.0), (10.0, 5.0), (2.0, 1.0)]
)
def test_it_is_warned_a_minute_before_or_when_half_of_its_time_is_over(
    house: House, lives: float, before: float
) -> None:
    writer = house.come(lives, refresh="/live/api/v1/streams")
    house.pass_seconds(lives - before - 0.25)
    assert types(writer) == ["connected", "caught_up"]
    house.pass_seconds(0.25)
    assert types(writer) == ["connected", "caught_up", "expiring"]
    stream = writer.taken[0]["stream_id"]
    assert writer.taken[-1] == {
        "type": "expiring",
        "expires_at": writer.taken[0]["expires_at"],
        "refresh": f"/live/api/v1/streams/{stream}/token",
    }
    house.pass_seconds(before)
    assert types(writer) == ["connected", "caught_up", "expiring", "expired"]


def test_a_second_is_too_short_for_a_warning(house: House) -> None:
    writer = house.come(1.0)
    house.pass_seconds(1.0)
    assert types(writer) == ["connected", "caught_up", "expired"]


def test_a_fraction_of_a_second_is_never_taken_away(house: House) -> None:
    writer = house.come(1.5)
    house.pass_seconds(1.25)
    assert writer.closed is None
    house.pass_seconds(0.75)
    assert writer.closed is not None


@pytest.mark.parametrize("lives", [0.0, -1.0, -1e9])
def test_who_comes_at_its_end_or_after_it_is_refused(house: House, lives: float) -> None:
    """RFC 7519, section 4.1.4: on or after `exp` a token must not be accepted."""
    with pytest.raises(TokenExpired):
        house.come(lives)
    with pytest.raises(TokenExpired):
        poll(house, lives)
    assert not house.hub.counts


def test_a_token_that_ends_while_its_reader_is_being_started_starts_none(house: House) -> None:
    house.log.pausing = True
    writer = FakeWriter()
    attach = Attach(("t",), credential="mine", expires=house.wall() + 5.0)
    task = house.loop.create_task(house.hub.attach(attach, writer))
    house.loop.turn(3)
    house.pass_seconds(5.0)
    house.log.let_all()
    house.loop.turn(10)
    assert isinstance(task.exception(), TokenExpired)
    assert writer.writes == []


def test_a_reader_that_has_gone_is_not_ended(house: House) -> None:
    writer = house.come(10.0)
    house.loop.inside(writer.lose)
    house.pass_seconds(20.0)
    assert house.ended == []
    assert writer.closed is None


def test_a_reader_that_replays_is_warned_and_ended(house: House) -> None:
    """Whatever is on its way to it comes to nobody."""
    first = house.publish()
    house.come(None)
    house.log.pausing = True
    writer = house.come(10.0, start=ORIGIN)
    house.loop.turn(3)
    assert house.log.waiting == 1
    house.pass_seconds(10.0)
    house.log.let_all()
    house.loop.turn(10)
    assert types(writer) == ["connected", "expiring", "expired"]
    assert str(first) not in writer.ids()
    assert writer.closed is not None


def test_a_reader_that_stands_apart_is_warned_and_ended(house: House) -> None:
    writer = house.come(10.0, until_end=True)
    house.pass_seconds(10.0)
    assert types(writer) == ["connected", "caught_up", "expiring", "expired"]


def test_a_reader_of_a_stateful_form_is_warned_and_ended_in_the_plain_one(house: House) -> None:
    writer = house.come(10.0, writer=FakeWriter(form=Stateful()))
    house.publish()
    house.pass_seconds(10.0)
    assert types(writer) == ["connected", "caught_up", "note", "expiring", "expired"]


def test_a_reader_that_is_behind_is_cut_and_sent_nothing_more(house: House) -> None:
    """What waits in its transport would reach it after its time."""
    writer = house.come(10.0, writer=FakeWriter(high_water=10))
    assert isinstance(writer.taker, Reader)
    assert writer.taker.session.state is State.LAGGING
    house.pass_seconds(10.0)
    writer.take()
    assert writer.taken == []
    assert writer.closed == (-1, "aborted")
    assert house.ended == [("ann", "token_expired")]


def test_a_reader_that_was_behind_is_warned_as_soon_as_it_takes_more(house: House) -> None:
    writer = house.come(20.0, writer=FakeWriter(high_water=10))
    house.pass_seconds(15.0)
    house.loop.inside(writer.take)
    assert "expiring" not in writer.types()
    for _ in range(8):  # each frame fills it
        house.pass_seconds(0.5)
        house.loop.inside(writer.take)
    assert writer.types() == ["connected", "caught_up", "expiring"]


def test_a_transport_that_fails_at_the_end_ends_nobody_else(house: House) -> None:
    class Failing(FakeWriter):
        def write(self, buffer: bytes) -> None:
            if b"expired" in buffer:
                raise RuntimeError("it fails")
            super().write(buffer)

    failing, other = house.come(10.0, writer=Failing()), house.come(10.0)
    house.pass_seconds(10.0)
    assert failing.closed == (-1, "aborted")
    assert types(other)[-1] == "expired"


# A new token


def test_a_reader_that_proves_itself_anew_stays_as_long_as_that_holds(house: House) -> None:
    writer = house.come(10.0)
    house.pass_seconds(6.0)
    house.hub.stays.extend(house.stay_of(writer), "newer", house.wall() + 20.0)
    assert house.stay_of(writer).credential == "newer"
    house.pass_seconds(9.75)
    assert types(writer) == ["connected", "caught_up", "expiring"]
    house.pass_seconds(0.25)
    assert types(writer) == ["connected", "caught_up", "expiring", "expiring"], "warned anew"
    house.pass_seconds(10.0)
    assert types(writer)[-1] == "expired"


def test_a_new_token_may_end_sooner_or_never(house: House) -> None:
    sooner, never = house.come(1000.0), house.come(10.0)
    house.hub.stays.extend(house.stay_of(sooner), "newer", house.wall() + 5.0)
    house.hub.stays.extend(house.stay_of(never), "newer", None)
    house.pass_seconds(1000.0)
    assert types(sooner)[-1] == "expired"
    assert types(never) == ["connected", "caught_up"]


def test_a_token_that_holds_no_longer_changes_nothing(house: House) -> None:
    writer = house.come(10.0)
    house.hub.end_revoked(lambda credential: credential == "taken back")
    stay = house.stay_of(writer)
    with pytest.raises(TokenExpired):
        house.hub.stays.extend(stay, "newer", house.wall())
    with pytest.raises(TokenRevoked):
        house.hub.stays.extend(stay, "taken back", house.wall() + 100.0)
    assert house.stay_of(writer) is stay
    house.pass_seconds(10.0)
    assert types(writer)[-1] == "expired"


def test_a_reader_is_extended_in_the_second_of_its_end(open_house: Callable[..., House]) -> None:
    """While it waits behind others to be ended, it proves itself anew: it stays."""
    house = open_house(HubLimits(ended_readers=1))
    writers = [house.come(10.0) for _ in range(50)]
    last = writers[-1]
    house.pass_seconds(9.75)
    house.loop.advance(0.25)
    assert writers[0].closed is not None
    assert last.closed is None
    house.hub.stays.extend(house.stay_of(last), "newer", house.wall() + 100.0)
    house.loop.turn(100)
    assert [writer.closed is None for writer in writers] == [False] * 49 + [True]


def test_a_clock_that_is_set_while_many_are_being_ended_spares_none(
    open_house: Callable[..., House],
) -> None:
    house = open_house(HubLimits(ended_readers=1))
    writers = [house.come(10.0) for _ in range(50)]
    house.pass_seconds(9.75)
    house.loop.advance(0.25)
    assert writers[-1].closed is None
    house.wall.set(-1000.0)
    house.loop.turn(100)
    for writer in writers:
        assert types(writer) == ["connected", "caught_up", "expiring", "expired"]


# Many


def test_ten_thousand_that_end_in_one_second_let_others_have_the_loop(house: House) -> None:
    """Some in each turn, as many as a cohort costs, and all of them soon."""
    writers = [FakeWriter() for _ in range(10_000)]

    async def come() -> None:
        attach = Attach(("t",), credential="mine", expires=house.wall() + 100.0)
        for writer in writers:
            await house.hub.attach(attach, writer)

    house.loop.run(come())
    house.pass_seconds(99.75)
    house.loop.advance(0.25)
    ended = [len(house.ended)]
    while len(house.ended) < len(writers):
        house.loop.turn(1)
        ended.append(len(house.ended))
        assert len(ended) < 200, "they do not end"
    steps = [after - before for before, after in zip([0, *ended], ended, strict=False)]
    assert max(steps) <= 10 * HubLimits().ended_readers, "a turn of ours is a few of the loop"
    assert {writer.closed for writer in writers} == {(1008, "Unauthorized")}


# Clocks


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1e9, -1e9])
def test_a_clock_that_is_set_cuts_nobody_at_once_and_lets_nobody_stay_much_longer(
    house: House, step: float
) -> None:
    soon, later = house.come(20.0), house.come(600.0)
    house.pass_seconds(2.5)
    house.wall.set(step)
    house.pass_seconds(2.5)
    assert (soon.closed, later.closed) == (None, None)
    house.pass_seconds(15.0)
    assert types(soon)[-2:] == ["expiring", "expired"], "its time has passed"
    house.pass_seconds(GRACE)
    if step > 0:  # it may have been behind: then the time of all is over
        assert types(later) == ["connected", "caught_up", "expiring", "expired"]
    else:
        assert types(later) == ["connected", "caught_up"]
        house.pass_seconds(600.0 - 20.0 - GRACE)
        assert types(later)[-2:] == ["expiring", "expired"]


def test_a_clock_that_jumps_and_comes_back_changes_nothing_for_who_has_time(
    house: House,
) -> None:
    before = house.come(600.0)
    house.wall.set(-3600.0)
    house.pass_seconds(5.0)
    between = house.come(600.0)
    house.wall.set(3600.0)
    house.pass_seconds(5.0)
    after = house.come(600.0)
    house.pass_seconds(60.0)
    assert types(before) == types(after) == ["connected", "caught_up"]
    # By the clock that is right now, its token was over an hour ago.
    assert types(between)[-1] == "expired"
    house.pass_seconds(530.0)
    assert types(before)[-1] == "expired"
    assert types(after) == ["connected", "caught_up", "expiring"]


def test_who_comes_after_the_clock_was_set_ends_by_what_it_shows_now(house: House) -> None:
    house.come(600.0)
    for step in (7200.0, -3600.0):
        house.wall.set(step)
        writer = house.come(10.0)
        house.pass_seconds(9.75)
        assert writer.closed is None
        house.pass_seconds(0.25)
        assert types(writer)[-1] == "expired"


def test_a_clock_that_drifts_is_followed(house: House) -> None:
    """As one that is slewed: a token that lives for a day ends by the clock, not by ours."""
    writer = house.come(1000.0)
    for _ in range(800):
        house.pass_seconds(1.0)
        house.wall.set(0.125)
    house.pass_seconds(99.75)
    assert writer.closed is None
    house.pass_seconds(0.25)
    assert types(writer)[-1] == "expired"


def test_a_process_that_was_stopped_ends_at_once_whose_time_has_passed(house: House) -> None:
    writer = house.come(10.0)
    house.loop.advance(5000.0)
    house.loop.turn(3)
    assert types(writer)[-1] == "expired"


# Polls


def poll(house: House, lives: float, wait: float = 60.0, credential: object = "mine") -> Page:
    async def ask() -> Page:
        attach = Attach(("t",), credential=credential, expires=house.wall() + lives)
        async with house.hub.poll(attach, Cursor(1, 0), 10, wait) as page:
            return page

    return house.loop.run(ask())


def waiting_poll(house: House, lives: float, credential: object = "mine") -> Any:  # noqa: ANN401
    head = house.loop.run(house.log.head())

    async def ask() -> Page:
        attach = Attach(("t",), credential=credential, expires=house.wall() + lives)
        async with house.hub.poll(attach, head, 10, 60.0) as page:
            return page

    task = house.loop.create_task(ask())
    house.loop.turn(10)
    return task


def test_a_poll_that_waits_ends_with_its_token(house: House) -> None:
    house.publish()
    task = waiting_poll(house, 10.0)
    house.pass_seconds(9.75)
    assert not task.done()
    house.pass_seconds(0.25)
    house.loop.turn(5)
    assert isinstance(task.exception(), TokenExpired)


def test_a_poll_that_waits_ends_when_its_token_is_revoked(house: House) -> None:
    house.publish()
    revoked = waiting_poll(house, 100.0)
    other = waiting_poll(house, 100.0, credential="another")
    house.loop.inside(functools.partial(house.hub.end_revoked, lambda it: it == "mine"))
    house.loop.turn(5)
    assert isinstance(revoked.exception(), TokenRevoked)
    assert not other.done()
    id_ = house.publish()
    house.loop.turn(5)
    assert [event.id for event in other.result().events] == [id_]


# Revocation


def test_a_revoked_token_ends_its_readers_and_no_others(house: House) -> None:
    mine, other, nobody = (
        house.come(100.0),
        house.come(None, credential="another"),
        house.come(None, credential=None),
    )
    house.loop.inside(functools.partial(house.hub.end_revoked, lambda it: it == "mine"))
    house.loop.turn(3)
    assert types(mine) == ["connected", "caught_up", "expired"]
    assert mine.taken[-1]["code"] == "token_revoked"
    assert mine.closed == (1008, "Unauthorized")
    assert house.ended == [("ann", "token_revoked")]
    assert types(other) == types(nobody) == ["connected", "caught_up"]
    with pytest.raises(TokenRevoked):
        house.come(100.0)
    house.come(100.0, credential="another")


def test_whoever_has_proved_nothing_is_not_asked_about(house: House) -> None:
    def fail(_credential: object) -> bool:
        raise AssertionError("nobody knows what to say of nothing")

    house.loop.inside(functools.partial(house.hub.end_revoked, fail))
    anybody, ends = house.come(None, credential=None), house.come(10.0, credential=None)
    house.loop.inside(functools.partial(house.hub.end_revoked, fail))
    house.pass_seconds(1.0)
    assert types(anybody) == types(ends) == ["connected", "caught_up"]


def test_a_reader_that_is_being_started_when_its_token_is_revoked_is_not(house: House) -> None:
    """It is on no list yet, and is asked once more."""
    house.log.pausing = True
    attach = Attach(("t",), credential="mine")
    task = house.loop.create_task(house.hub.attach(attach, FakeWriter()))
    house.loop.turn(3)
    house.loop.inside(functools.partial(house.hub.end_revoked, lambda it: it == "mine"))
    house.log.let_all()
    house.loop.turn(10)
    assert isinstance(task.exception(), TokenRevoked)
