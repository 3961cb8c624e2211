"""Every fault of the suite, for schedules that are drawn at random."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final

from .fault_load import Load
from .quota_redis import QuotaRedis
from .tcp_proxy import BOTH, Direction
from .waiting import wait_until

Fault = Callable[[Load], Awaitable[None]]


async def redis_is_killed(load: Load) -> None:
    """`kill -9`, and a restart once publishers have noticed."""
    load.stage.redis.kill()
    await load.refused()
    load.stage.redis.start()


async def redis_is_stopped(load: Load) -> None:
    """`SIGSTOP`; for 20 seconds in a long run."""
    load.stage.redis.freeze()
    try:
        clock = asyncio.get_running_loop().time
        end = clock() + (20 if load.stage.long else 0)
        await load.refused()
        await wait_until(lambda: clock() >= end, "time stood still")
    finally:
        load.stage.redis.thaw()


async def subscribers_are_killed(load: Load) -> None:
    """`CLIENT KILL TYPE pubsub`."""
    with load.stage.redis.client() as client:
        client.client_kill_filter(_type="pubsub")


async def redis_is_flushed(load: Load) -> None:
    """`FLUSHALL`: what was stored is gone."""
    load.keeps_all = False
    with load.stage.redis.client() as client:
        client.flushall()


async def redis_is_full(load: Load) -> None:
    """`maxmemory` with `noeviction`."""
    with load.stage.redis.client() as client:
        client.config_set("maxmemory", 1)
        await load.refused()
        client.config_set("maxmemory", 0)


async def disk_is_full(load: Load) -> None:
    """The append-only file may not grow."""
    assert isinstance(load.stage.redis, QuotaRedis)
    load.stage.redis.fill()
    await load.refused()
    load.stage.redis.empty()


async def clock_is_set_back(load: Load) -> None:
    """By a minute: the last id that was given is a minute ahead."""
    with load.stage.redis.client() as client:
        # There is none for a moment after a `FLUSHALL`.
        last: Any = await wait_until(lambda: client.get(load.stage.clock_key), "no id was given")
        client.set(load.stage.clock_key, f"{int(last.partition(b'-')[0]) + 60_000}-0")


async def redis_is_flushed_with_its_clock_behind(load: Load) -> None:
    """The ids that were given are a minute ahead of the clock that goes on without them."""
    await clock_is_set_back(load)
    # Until every process has been given one of them: what one is promised that knows of
    # none is another matter (docs/RELIABILITY.md).
    await load.flows(40)
    await redis_is_flushed(load)


async def clients_are_cut(load: Load) -> None:
    """By FIN or by RST."""
    load.stage.client_line.cut(reset=load.stage.random.random() < 0.5)


async def clients_are_truncated(load: Load) -> None:
    """In the middle of a frame."""
    load.stage.client_line.truncate(load.stage.random.randint(1, 600))


async def clients_hear_nothing(load: Load) -> None:
    """Their connections are dead and look alive."""
    ways: tuple[Direction, ...] = load.stage.random.choice([BOTH, ("down",)])
    load.stage.client_line.hold(ways, new=False)


async def clients_are_refused(load: Load) -> None:
    """Cut, and nobody answers for a while."""
    load.stage.client_line.refuse()
    load.stage.client_line.cut(reset=True)
    await load.stores(20)
    load.stage.client_line.accept()


async def clients_are_paused(load: Load) -> None:
    """A line that delivers nothing for a while, and then all of it."""
    load.stage.client_line.hold()
    await load.stores(20)
    load.stage.client_line.release()


async def redis_line_is_cut(load: Load) -> None:
    """By FIN or by RST."""
    load.stage.redis_line.cut(reset=load.stage.random.random() < 0.5)


async def redis_line_is_dead(load: Load) -> None:
    """Its connections carry nothing, one way or both; new ones do."""
    ways: tuple[Direction, ...] = load.stage.random.choice([BOTH, ("down",), ("up",)])
    load.stage.redis_line.hold(ways, new=False)


async def redis_line_is_truncated(load: Load) -> None:
    """Answers are cut off: it is unknown what was stored."""
    load.stage.redis_line.truncate(load.stage.random.randint(0, 40))


async def redis_line_is_paused(load: Load) -> None:
    """Nothing gets through for longer than a command may take."""
    load.stage.redis_line.hold()
    await load.refused()
    load.stage.redis_line.release()


async def redis_line_is_slow(load: Load) -> None:
    """A tenth of a second more each way."""
    load.stage.redis_line.delay(0.1)
    await load.flows(3)
    load.stage.redis_line.delay(0.0)


async def worker_is_cut_off(load: Load) -> None:
    """Its connections are cut, and refused for a while."""
    load.stage.worker_line.refuse()
    load.stage.worker_line.cut(reset=True)
    await load.flows(5)
    load.stage.worker_line.accept()


async def worker_loses_answers(load: Load) -> None:
    """Its batches are stored, and it is not told."""
    load.stage.worker_line.truncate(0)


async def server_is_killed(load: Load) -> None:
    """`kill -9`, and a restart once publishers have noticed."""
    load.stage.server.kill()
    await load.refused()
    await asyncio.to_thread(load.stage.start)


async def server_is_drained(load: Load) -> None:
    """`SIGTERM`, an end in order, and a restart."""
    program = load.stage.server.program
    assert program is not None
    program.signal(signal.SIGTERM)
    assert await asyncio.to_thread(program.wait) == 0
    await asyncio.to_thread(load.stage.start)


#: What a schedule draws from.
FAULTS: Final[tuple[Fault, ...]] = (
    redis_is_killed,
    redis_is_stopped,
    subscribers_are_killed,
    redis_is_flushed,
    redis_is_flushed_with_its_clock_behind,
    redis_is_full,
    disk_is_full,
    clock_is_set_back,
    clients_are_cut,
    clients_are_truncated,
    clients_hear_nothing,
    clients_are_refused,
    clients_are_paused,
    redis_line_is_cut,
    redis_line_is_dead,
    redis_line_is_truncated,
    redis_line_is_paused,
    redis_line_is_slow,
    worker_is_cut_off,
    worker_loses_answers,
    server_is_killed,
    server_is_drained,
)
#: What a schedule begins with: whatever else is drawn, each run has these.
FIRST: Final[tuple[Fault, ...]] = (redis_is_flushed_with_its_clock_behind,)
#: What may happen at the same time as any of them.
AT_THE_SAME_TIME: Final[tuple[Fault, ...]] = (
    clients_are_cut,
    clients_are_truncated,
    clients_hear_nothing,
    subscribers_are_killed,
    worker_loses_answers,
)
