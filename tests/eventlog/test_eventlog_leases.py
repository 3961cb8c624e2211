"""Leases of running jobs; over every log."""

from __future__ import annotations

from msgspec.structs import replace

from streamer.eventlog.base import EventLog
from streamer.eventlog.leases import Lease
from streamer.eventlog.memory.log import MemoryEventLog
from support.servers import FakeClock
from support.waiting import wait_until

TOPICS = ("projects/p1", "jobs/j1")
FIRST = Lease("j1", TOPICS, 1, "encode")
SECOND = replace(FIRST, attempt=2)
OTHER = Lease("j2", ("jobs/j2",), 1)

#: Seconds: soon over, and long against the pauses between two looks of `wait_until`.
SHORT = 0.3
LONG = 60.0


async def found(log: EventLog) -> list[Lease]:
    """Look until leases have lapsed."""
    return await wait_until(lambda: log.leases.lapsed(SHORT), "no lease lapsed")


async def test_a_lease_that_nobody_renews_is_found_until_it_is_released(log: EventLog) -> None:
    """With all that is needed to tell of it; one that is renewed is not found."""
    await log.leases.renew([FIRST], SHORT)
    await log.leases.renew([OTHER], LONG)
    (lapsed,) = await found(log)
    assert replace(lapsed, since=None) == FIRST
    assert await log.leases.lapsed(SHORT) == [lapsed]
    await log.leases.release(lapsed)
    assert await log.leases.lapsed(SHORT) == []


async def test_a_lease_is_released_by_who_holds_it(log: EventLog) -> None:
    await log.leases.renew([FIRST, OTHER], SHORT)
    await log.leases.release(OTHER)
    assert [lease.job_id for lease in await found(log)] == ["j1"]


async def test_an_earlier_attempt_neither_takes_nor_releases_the_lease_of_a_later_one(
    log: EventLog,
) -> None:
    """A worker that was thought dead wakes up."""
    await log.leases.renew([SECOND], SHORT)
    await log.leases.renew([FIRST], LONG)
    await log.leases.release(FIRST)
    assert [lease.attempt for lease in await found(log)] == [2]


async def test_a_later_attempt_takes_the_lease_of_an_earlier_one(log: EventLog) -> None:
    await log.leases.renew([FIRST], LONG)
    await log.leases.renew([SECOND], SHORT)
    assert [lease.attempt for lease in await found(log)] == [2]


async def test_a_lease_that_is_held_again_after_its_release_is_another(log: EventLog) -> None:
    """So that its next lapse can be told, and the release of the first has no effect on it."""
    await log.leases.renew([FIRST], SHORT)
    (first,) = await found(log)
    await log.leases.release(first)
    await log.leases.renew([FIRST], SHORT)
    await log.leases.release(first)
    (second,) = await found(log)
    assert (first.since or 0) < (second.since or 0)


async def test_no_more_leases_are_found_than_asked_for(log: EventLog) -> None:
    await log.leases.renew([Lease(f"j{n}", (f"jobs/j{n}",), 1) for n in range(5)], SHORT)
    await found(log)
    assert len(await log.leases.lapsed(SHORT, 3)) == 3


async def test_leases_do_not_lapse_while_nobody_could_look_at_them() -> None:
    """The log was away, or its clock was set: who lives has the whole time to say so."""
    clock = FakeClock()
    leases = MemoryEventLog(clock=clock).leases
    await leases.renew([FIRST], 10)
    clock.advance(11_000)
    assert await leases.lapsed(10) == []  # nobody has ever looked
    clock.advance(4000)
    assert await leases.lapsed(10) == []
    clock.advance(5001)
    assert await leases.lapsed(10) == []  # too long a pause
    clock.advance(-60_000)
    assert await leases.lapsed(10) == []  # set back
    for _ in range(2):
        clock.advance(4900)
        assert await leases.lapsed(10) == []
    clock.advance(200)
    assert [replace(lease, since=None) for lease in await leases.lapsed(10)] == [FIRST]
