"""What servers were asked for is handed over, whatever becomes of the broker of the actors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import dramatiq
import msgspec
import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed

from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from streamer.jobs import desk as module
from streamer.jobs.broker import create_broker
from streamer.jobs.desk import Desk, desk_of
from streamer.jobs.job_kind import Marked
from streamer.jobs.offers import MAX_OFFER, Offer, Offers
from streamer.jobs.parameters import parameters_of
from streamer.jobs.submit import Jobs
from streamer.publishing.publisher import Publisher
from support.waiting import wait_until, wait_until_blocking

NAME = desk_of(["shop.tasks"])


class Away(StubBroker):
    """A broker that cannot be reached at first."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.refused = 0
        self.there = threading.Event()
        self.taken: list[Message[Any]] = []

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        if not self.there.is_set():
            self.refused += 1
            raise ConnectionClosed(ConnectionError("away, says the test"))  # type: ignore[no-untyped-call]
        self.taken.append(message)
        return message


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.02)
    monkeypatch.setattr(module, "_LOOK", 0.02)


@pytest.fixture
def broker() -> Iterator[Away]:
    broker = Away()
    yield broker
    broker.close()


@pytest.fixture
def draw(broker: Away) -> Marked:
    @dramatiq.actor(broker=broker, queue_name="slow")
    def draw_it(source: str) -> None:
        pass

    return Marked("draw", draw_it, parameters_of(draw_it.fn, "draw_it"), "Draw.")


@pytest.fixture
def jobs(job_settings: Settings, redis_log: RedisEventLog) -> Iterator[Jobs]:
    jobs = Jobs(job_settings, redis_log, Publisher(redis_log), kinds={})
    yield jobs
    jobs.close()


async def submit(jobs: Jobs) -> str:
    await wait_until(jobs.offered, "nothing is offered")
    accepted = await jobs.submit("p1", {"kind": "draw", "source": "a"})
    job_id: str = accepted["task_id"]
    return job_id


async def test_a_broker_that_is_away_is_waited_for(
    job_settings: Settings, jobs: Jobs, broker: Away, draw: Marked
) -> None:
    with Desk(job_settings, NAME, [draw], broker):
        job_id = await submit(jobs)
        await wait_until(lambda: broker.refused > 2, "it was not tried again")
        broker.there.set()
        await wait_until(lambda: broker.taken, "it was not handed over")
    (message,) = broker.taken
    assert (message.message_id, message.queue_name, message.actor_name, message.kwargs) == (
        *(job_id, "slow", "draw_it", {"source": "a"}),
    )


async def test_what_was_not_handed_over_is_left_to_the_next_one(
    job_settings: Settings, jobs: Jobs, broker: Away, draw: Marked
) -> None:
    """At once: nobody waits until the process is taken for dead."""
    with Desk(job_settings, NAME, [draw], broker):
        job_id = await submit(jobs)
        await wait_until(lambda: broker.refused, "it was not taken")
    broker.there.set()
    with Desk(job_settings, NAME, [draw], broker):
        await wait_until(lambda: broker.taken, "it was not handed over")
    assert [message.message_id for message in broker.taken] == [job_id]


async def test_a_full_queue_is_waited_for(job_settings: Settings, jobs: Jobs, draw: Marked) -> None:
    settings = msgspec.structs.replace(job_settings, max_queued_jobs=1)
    own = create_broker(settings, queues="own")
    own.declare_queue("slow")
    waiting = own.enqueue(Message("slow", "draw_it", (), {}, {}))
    with Desk(settings, NAME, [draw], own):
        await submit(jobs)
        await wait_until(lambda: _is_taken(settings), "it was not taken")
        assert own.do_qsize("slow") == 1
        own.do_ack("slow", waiting.options["redis_message_id"])
        own.client.delete(f"{own.namespace}:slow", f"{own.namespace}:slow.msgs")
        await wait_until(lambda: own.do_qsize("slow") == 1, "it was not handed over")
    own.client.close()


def _is_taken(settings: Settings) -> bool:
    broker = create_broker(settings)
    try:
        return broker.client.llen(f"{broker.namespace}:{NAME}") == 0
    finally:
        broker.client.close()


def test_the_worker_that_started_last_says_what_is_offered(job_settings: Settings) -> None:
    broker = create_broker(job_settings)
    offers = Offers(broker.client, broker.namespace)
    schema = {"type": "object", "properties": {}}
    first, second = (Offer(name, name, "default", schema) for name in ("first", "second"))
    offers.put("own.a", [first], since=1.0)
    offers.put("own.a", [second], since=2.0)
    offers.put("own.a", [first], since=1.0)  # the older one repeats itself
    assert sorted(offers.all()) == ["second"]
    offers.put("own.b", [first, second], since=3.0)
    assert {name: kind.desk for name, kind in offers.all().items()} == {
        "first": "own.b",
        "second": "own.b",
    }
    with pytest.raises(ValueError, match=f"at most {MAX_OFFER} are allowed"):
        offers.put("own.a", [first] * MAX_OFFER, since=4.0)
    broker.client.hset(f"{broker.namespace}:offers", mapping={"own.c": b"{", "own.d": b"[]"})
    assert len(offers.all()) == 2  # what another version wrote is left out
    broker.client.close()


def test_an_offer_that_nobody_repeats_is_forgotten(
    job_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = create_broker(job_settings)
    offers = Offers(broker.client, broker.namespace)
    offers.put("own.a", [Offer("a", "a", "default", {"properties": {}})], since=1.0)
    wait_until_blocking(offers.all, "it is not offered")
    name = f"{broker.namespace}:offers"
    assert 0 < broker.client.ttl(name) <= 2 * 86_400
    monkeypatch.setattr("streamer.jobs.offers._BELIEVED", 0.0)
    assert offers.all() == {}
    # And removed when a worker offers anything, itself among them by that measure.
    offers.put("own.b", [], since=2.0)
    assert broker.client.hlen(name) == 0
    broker.client.close()
