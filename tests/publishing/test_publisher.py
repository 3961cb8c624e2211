"""The asynchronous publisher."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from streamer import Publisher
from streamer.errors import (
    BatchTooLarge,
    EventTooLarge,
    InvalidFields,
    InvalidTopic,
    LogUnavailable,
)
from streamer.eventlog.redis.log import RedisEventLog
from support.jobs import UnreliableLog, bodies_of, events_of


@pytest.fixture
def log() -> UnreliableLog:
    return UnreliableLog()


@pytest.fixture
def publisher(log: UnreliableLog) -> Publisher:
    return Publisher(log, max_event_bytes=2000)


async def test_publishing_gives_the_id_that_readers_see(
    log: UnreliableLog, publisher: Publisher
) -> None:
    id_ = await publisher.publish(["projects/p1", "jobs/j1"], "note", {"text": "hi"})
    assert [event.id for event in await events_of(log, "jobs/j1")] == [id_]


async def test_a_hundred_publishes_at_once_are_one_append_in_their_order(
    log: UnreliableLog, publisher: Publisher
) -> None:
    ids = await asyncio.gather(
        *(publisher.publish("a", "note", {"number": number}) for number in range(100))
    )
    assert log.batches == [100]
    assert ids == [event.id for event in await events_of(log, "a")]
    assert [body["number"] for body in await bodies_of(log, "a")] == list(range(100))


async def test_one_bad_event_fails_alone(log: UnreliableLog, publisher: Publisher) -> None:
    answers = await asyncio.gather(
        publisher.publish("a", "note"),
        publisher.publish("a", "progress", {"progress": 2}),
        publisher.publish("not a topic", "note"),
        publisher.publish("a", "note", {"text": "x" * 3000}),
        publisher.publish("a", "note"),
        return_exceptions=True,
    )
    kinds = [type(answer) for answer in answers if isinstance(answer, Exception)]
    assert kinds == [InvalidFields, InvalidTopic, EventTooLarge]
    assert len(await events_of(log, "a")) == 2


async def test_a_log_that_is_away_fails_every_publish_of_the_batch_and_none_after(
    log: UnreliableLog, publisher: Publisher
) -> None:
    log.refusals = 1
    answers = await asyncio.gather(
        *(publisher.publish("a", "note") for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [LogUnavailable] * 3
    assert await publisher.publish("a", "note") is not None


async def test_what_the_log_refuses_of_a_topic_fails_alone(redis_log: RedisEventLog) -> None:
    """Somebody else's key has the name of one of ours; others publish in that moment, too."""
    log = redis_log
    await log._commands.call("SET", log._keys.stream("taken"), "not ours")
    topics = [*["a"] * 20, "taken", *["a"] * 20, "taken", "a"]
    publisher = Publisher(log)
    answers = await asyncio.gather(
        *(publisher.publish(topic, "note") for topic in topics), return_exceptions=True
    )
    refused = [isinstance(answer, LogUnavailable) for answer in answers]
    assert refused == [topic == "taken" for topic in topics]
    stored = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert stored == [event.id for event in await events_of(log, "a")]


async def test_a_publisher_that_stops_waiting_does_not_disturb_the_others(
    log: UnreliableLog, publisher: Publisher
) -> None:
    impatient = asyncio.create_task(publisher.publish("a", "note", {"who": "impatient"}))
    patient = asyncio.create_task(publisher.publish("a", "note", {"who": "patient"}))
    await asyncio.wait([patient], timeout=0)
    impatient.cancel()
    assert await patient is not None
    assert {body["who"] for body in await bodies_of(log, "a")} >= {"patient"}


async def test_an_ephemeral_event_has_no_id_and_is_not_stored(
    log: UnreliableLog, publisher: Publisher
) -> None:
    assert await publisher.publish("a", "typing", ephemeral=True) is None
    assert await events_of(log, "a") == []


async def test_a_repeated_idempotency_key_gives_the_first_id(
    log: UnreliableLog, publisher: Publisher
) -> None:
    first, second = await asyncio.gather(
        publisher.publish("a", "note", idempotency_key="k"),
        publisher.publish("a", "note", idempotency_key="k"),
    )
    assert first == second
    assert len(await events_of(log, "a")) == 1


async def test_nothing_is_told_once_what_it_must_not_follow_was(
    log: UnreliableLog, publisher: Publisher
) -> None:
    """Every typed event can be held back so, and its id is that of the other."""
    end = await publisher.completed("jobs/j", 1, idempotency_key="end")
    answers = await asyncio.gather(
        publisher.progress("jobs/j", 0.5, unless=["end"]),
        publisher.status("jobs/j", "stalled", unless=["never", "end"]),
        publisher.error("jobs/j", "boom", unless=["end"]),
        publisher.completed("jobs/j", 2, unless=["end"]),
        publisher.publish("jobs/j", "note", unless=["end"]),
    )
    assert set(answers) == {end}
    assert len(await events_of(log, "jobs/j")) == 1


async def test_the_typed_events_have_the_fields_that_clients_know(
    log: UnreliableLog, publisher: Publisher
) -> None:
    topics = ["projects/p1", "jobs/j1"]
    await publisher.status(topics, "started", task_name="encode", attempt=1)
    await publisher.progress(topics, 0.5, task_name="encode", message="half", metadata={"fps": 9})
    await publisher.error(topics, "no disk", task_name="encode", details={"free": 0})
    await publisher.completed(topics, {"url": "/x"}, task_name="encode")
    common = {
        "topic": "projects/p1",
        "topics": topics,
        "project_id": "p1",
        "job_id": "j1",
        "task_name": "encode",
    }
    found = await bodies_of(log, "jobs/j1")
    for body in found:
        del body["id"], body["timestamp"]
    assert found == [
        common | {"type": "status", "status": "started", "metadata": {}, "attempt": 1},
        common
        | {
            "type": "progress",
            "progress": 0.5,
            "status": "in_progress",
            "message": "half",
            "metadata": {"fps": 9},
        },
        common | {"type": "error", "error": "no disk", "details": {"free": 0}},
        common | {"type": "completed", "result": {"url": "/x"}},
    ]


async def test_a_defect_in_the_log_reaches_whoever_publishes(
    log: UnreliableLog, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[None]:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "append_all", broken)
    with pytest.raises(ZeroDivisionError):
        await publisher.publish("a", "note")
    monkeypatch.undo()
    assert await publisher.publish("a", "note") is not None
    assert msgspec.json.decode((await events_of(log, "a"))[0].body)["type"] == "note"


async def test_many_at_once_are_one_append_in_their_order(
    log: UnreliableLog, publisher: Publisher
) -> None:
    ids = await publisher.publish_many(
        [("a", "note", {"number": 1}), (["a", "b"], "note", {"number": 2}), ("b", "note", None)]
    )
    assert log.batches == [3]
    assert ids[:2] == [event.id for event in await events_of(log, "a")]
    assert ids[1:] == [event.id for event in await events_of(log, "b")]
    assert await publisher.publish_many([]) == []


async def test_one_of_many_that_is_refused_is_named_and_none_is_appended(
    log: UnreliableLog, publisher: Publisher
) -> None:
    with pytest.raises(InvalidTopic, match="line 2: ") as caught:
        await publisher.publish_many([("a", "note", {}), ("not a topic", "note", {})])
    assert caught.value.line == 2
    with pytest.raises(BatchTooLarge):
        await publisher.publish_many([("a", "note", {})] * 257)
    assert log.batches == []


async def test_many_of_a_repeated_key_are_not_appended_again(
    log: UnreliableLog, publisher: Publisher
) -> None:
    first, again = [
        await publisher.publish_many([("a", "note", {}), ("a", "note", {})], idempotency_key="k")
        for _ in range(2)
    ]
    assert first == again == [event.id for event in await events_of(log, "a")]
