"""What is published within a transaction is told if it is committed, in order, once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

import streamer
from streamer import MemoryEventLog, Publisher, SessionPublisher
from streamer.errors import EventTooLarge, InvalidInput, LogUnavailable
from streamer.events.cursor import ORIGIN
from streamer.events.event import Event
from streamer.sql.database import connection_of
from streamer.sql.relay import Relay
from streamer.sql.table import WaitingRow
from streamer.sql.waiting_rows import BATCH_CHARACTERS, BATCH_ROWS
from support.waiting import wait_until

AnyEngine = Engine | AsyncEngine


class Transaction:
    """A session of either kind, at work on its transaction."""

    def __init__(self, session: Session | AsyncSession) -> None:
        self.session = session
        self.publisher = SessionPublisher(session)

    async def _do(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401
        answer = getattr(self.session, name)(*arguments)
        return await answer if isinstance(answer, Awaitable) else answer

    async def flush(self) -> None:
        await self._do("flush")

    async def commit(self) -> None:
        await self._do("commit")

    async def rollback(self) -> None:
        await self._do("rollback")

    async def execute(self, statement: str) -> None:
        await self._do("execute", text(statement))

    async def close(self) -> None:
        await self._do("close")

    async def publish(self, *numbers: int, topic: str = "orders/1") -> None:
        for number in numbers:
            self.publisher.publish(topic, "paid", {"number": number})
        await self.flush()


@asynccontextmanager
async def transaction(engine: AnyEngine) -> AsyncIterator[Transaction]:
    opened = Transaction(
        AsyncSession(engine) if isinstance(engine, AsyncEngine) else Session(engine)
    )
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def event_log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def relay(engine: AnyEngine, event_log: MemoryEventLog) -> Relay:
    return Relay(engine, Publisher(event_log))


async def told(log: MemoryEventLog, topic: str = "orders/1") -> list[int]:
    """The numbers of the events of a topic."""
    numbers: list[int] = []
    after, complete = ORIGIN, False
    while not complete:
        page = await log.read([topic], after, 1000)
        numbers += [fields(event)["number"] for event in page.events]
        after, complete = page.events[-1].end if page.events else after, page.complete
    return numbers


def fields(event: Event) -> dict[str, Any]:
    return json.loads(event.fields)  # type: ignore[no-any-return]


async def waiting(engine: AnyEngine) -> int:
    async with connection_of(engine) as run:
        found = await run(lambda c: c.scalar(select(func.count()).select_from(WaitingRow)))
    assert found is not None
    return found


async def test_what_is_committed_is_told_and_what_is_rolled_back_is_not(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog
) -> None:
    async with transaction(engine) as one:
        await one.publish(1, 2)
        await one.rollback()
        await one.publish(3)
        await one.publish(4, 5)
        await relay.relay_all() if "sqlite" not in str(engine.url) else None
        assert await told(event_log) == []
        await one.commit()
        await one.publish(6)  # and is left
    await relay.relay_all()
    assert await told(event_log) == [3, 4, 5]
    assert await waiting(engine) == 0
    await relay.relay_all()
    assert await told(event_log) == [3, 4, 5]


async def test_a_savepoint_that_is_rolled_back_takes_its_events_with_it(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog
) -> None:
    async with transaction(engine) as one:
        await one.publish(1)
        nested = one.session.begin_nested()
        await nested if isinstance(nested, Awaitable) else None
        await one.publish(2)
        undone = nested.rollback()
        await undone if isinstance(undone, Awaitable) else None
        await one.publish(3)
        await one.commit()
    await relay.relay_all()
    assert await told(event_log) == [1, 3]


async def test_everything_of_an_event_comes_through(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog
) -> None:
    async with transaction(engine) as one:
        one.publisher.publish(
            ("projects/p1", "users/7"),
            "said",
            {"text": "caf\u00e9 \u2028 \0 \U0001f600", "at": dt.date(2026, 1, 2)},
            idempotency_key="k1",
        )
        one.publisher.publish("projects/p1", "said", {"text": "again"}, idempotency_key="k1")
        one.publisher.publish("projects/p1", "late", {}, unless=["k1"])
        one.publisher.progress("jobs/j1", 0.5, task_name="encode")
        streamer.Notifications(one.publisher).notify("7", "paid", amount=5)
        await one.commit()
    await relay.relay_all()
    (said,) = (await event_log.read(["projects/p1"], ORIGIN, 10)).events
    assert said.topics == ("projects/p1", "users/7")
    assert fields(said)["text"] == "caf\u00e9 \u2028 \0 \U0001f600"
    assert (fields(said)["at"], fields(said)["project_id"]) == ("2026-01-02", "p1")
    assert (await event_log.snapshots(["jobs/j1"]))["jobs/j1"].progress == 0.5
    page = await event_log.read(["users/7"], ORIGIN, 10)
    assert [event.type for event in page.events] == ["said", "paid"]
    assert await waiting(engine) == 0


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"], indirect=True)
async def test_a_transaction_that_commits_late_holds_up_nobody_and_is_not_skipped(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog
) -> None:
    """Also when it wrote first, and whoever came after it has been told of already."""
    async with transaction(engine) as late, transaction(engine) as early:
        await late.publish(1, 2)
        await early.publish(3)
        await late.publish(4)
        await early.commit()
        await relay.relay_all()
        assert await told(event_log) == [3]
        async with transaction(engine) as after:
            await after.publish(5)
            await after.commit()
        await late.commit()
        await relay.relay_all()
        assert await told(event_log) == [3, 1, 2, 4, 5]
    assert await waiting(engine) == 0


@pytest.mark.parametrize("driver", ["psycopg"], indirect=True)
async def test_who_has_waited_for_a_transaction_is_told_after_it_however_long_another_is_open(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog
) -> None:
    """Its transaction has an older number: the order of those would be the wrong one."""
    async with transaction(engine) as long, transaction(engine) as first:
        async with transaction(engine) as second:
            await second.execute("SELECT pg_current_xact_id()")
            await long.publish(0)
            await first.publish(1)
            await first.commit()
            await second.publish(2)
            await second.commit()
            await relay.relay_all()
            assert await told(event_log) == [1, 2]
        await long.commit()
        await relay.relay_all()
        assert await told(event_log) == [1, 2, 0]


async def test_a_backlog_is_told_in_order_in_batches_of_bounded_size(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    append_all = event_log.append_all

    async def counting(events: Any, *arguments: Any) -> Any:  # noqa: ANN401
        sizes.append(sum(len(event.fields) for event in events))
        return await append_all(events, *arguments)

    monkeypatch.setattr(event_log, "append_all", counting)
    count = 2 * BATCH_ROWS + 10
    async with transaction(engine) as one:
        for number in range(count):
            one.publisher.publish(
                "orders/1", "paid", {"number": number, "note": "x" * 50_000 * (number < 50)}
            )
        await one.commit()
    await relay.relay_all()
    assert await told(event_log) == list(range(count))
    assert max(sizes) <= BATCH_CHARACTERS
    assert relay.relayed == count


@pytest.mark.parametrize("driver", ["sqlite", "asyncpg"], indirect=True)
async def test_while_the_log_is_away_everything_waits_and_is_told_when_it_is_back(
    engine: AnyEngine,
    event_log: MemoryEventLog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(*_: object) -> None:
        raise LogUnavailable("it is away")

    with monkeypatch.context() as held:
        held.setattr(event_log, "append_all", away)
        async with streamer.relay(engine, Publisher(event_log), seconds=0.01):
            async with transaction(engine) as one:
                await one.publish(1, 2)
                await one.commit()
            await wait_until(lambda: "it is away" in caplog.text, "it does not say so")
            assert await waiting(engine) == 2
            held.undo()
            await wait_until(
                lambda: told_is(event_log, [1, 2]), "it did not come when the log was back"
            )
    assert caplog.text.count("it is away") == 1
    assert "events go from the database to the log again" in caplog.text


async def told_is(log: MemoryEventLog, numbers: list[int]) -> bool:
    return await told(log) == numbers


@pytest.mark.parametrize("driver", ["psycopg", "aiosqlite"], indirect=True)
async def test_what_was_appended_and_not_removed_is_appended_no_second_time(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction(engine) as one:
        await one.publish(1, 2)
        await one.commit()

    def breaks(*_: object, **__: object) -> None:
        raise OperationalError("DELETE", None, Exception("the database went away"))

    with monkeypatch.context() as held:
        held.setattr("streamer.sql.relay.settle", breaks)
        with pytest.raises(OperationalError):
            await relay.relay_all()
    assert (await told(event_log), await waiting(engine)) == ([1, 2], 2)
    async with transaction(engine) as two:
        await two.publish(3)
        await two.commit()
    await relay.relay_all()
    assert (await told(event_log), await waiting(engine)) == ([1, 2, 3], 0)


@pytest.mark.parametrize("driver", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda p: p.publish("no topic!", "paid"), "topic"),
        (lambda p: p.publish("orders/1", "Paid"), "event type"),
        (lambda p: p.publish("orders/1", "connected"), "server's own"),
        (lambda p: p.publish("orders/1", "paid", {"id": 1}), "set by the server"),
        (lambda p: p.publish("orders/1", "paid", {"it": object()}), "object"),
        (lambda p: p.publish("orders/1", "paid", {"it": "\ud800"}), "JSON"),
        (lambda p: p.publish("orders/1", "paid", {"it": "x" * 70_000}), "bytes"),
        (lambda p: p.publish("orders/1", "paid", ephemeral=True), "stored nowhere"),
        (lambda p: p.publish("orders/1", "paid", idempotency_key=""), "0 characters"),
        (lambda p: p.publish("orders/1", "paid", idempotency_key="a\0b"), "not text"),
        (lambda p: p.publish("orders/1", "paid", unless=["\ud800"]), "not text"),
        (lambda p: p.progress("orders/1", 2.0), "progress"),
    ],
)
async def test_a_bad_event_is_refused_when_it_is_added_and_the_transaction_goes_on(
    engine: AnyEngine,
    relay: Relay,
    event_log: MemoryEventLog,
    call: Callable[[SessionPublisher], None],
    said: str,
) -> None:
    async with transaction(engine) as one:
        with pytest.raises((InvalidInput, EventTooLarge), match=said):
            call(one.publisher)
        await one.publish(1)
        await one.commit()
    await relay.relay_all()
    assert await told(event_log) == [1]


@pytest.mark.parametrize("driver", ["sqlite", "asyncpg"], indirect=True)
async def test_a_row_that_others_wrote_and_that_is_no_event_is_marked_and_holds_up_nobody(
    engine: AnyEngine, relay: Relay, event_log: MemoryEventLog, caplog: pytest.LogCaptureFixture
) -> None:
    by_others = text(
        "INSERT INTO streamer_outbox (key, topics, type, fields) "
        "VALUES (:key, :topics, 'paid', :fields)"
    )
    rows = [
        {"key": "a", "topics": '["no topic!"]', "fields": "{}"},
        {"key": "b", "topics": '["orders/1"]', "fields": "no json"},
        {"key": "c", "topics": "7", "fields": "{}"},
        {"key": "d", "topics": '["orders/1"]', "fields": '{"number":1}'},
    ]
    async with connection_of(engine) as run:
        await run(lambda connection: connection.execute(by_others, rows))
        await run(Connection.commit)
    await relay.relay_all()
    await relay.relay_all()
    assert await told(event_log) == [1]
    async with connection_of(engine) as run:
        left = await run(
            lambda c: c.execute(text("SELECT key, refused FROM streamer_outbox ORDER BY id")).all()
        )
    assert [key for key, _ in left] == ["a", "b", "c"]
    assert "no topic!" in left[0][1]
    assert caplog.text.count("can be no event") == 3


def test_what_is_no_session_is_refused() -> None:
    with pytest.raises(TypeError, match="Engine is no session; give a Session or an AsyncSession"):
        SessionPublisher(create_engine("sqlite://"))  # type: ignore[arg-type]


def test_what_is_no_engine_is_refused() -> None:
    publisher = Publisher(MemoryEventLog())
    with pytest.raises(TypeError, match="str is no engine"):
        Relay("sqlite://", publisher)  # type: ignore[arg-type]
