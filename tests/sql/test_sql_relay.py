"""``streamer relay``, killed at its worst moment, and two of them: each event once, in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from streamer import RedisEventLog, SessionPublisher
from streamer.cli import main
from streamer.events.cursor import ORIGIN
from streamer.events.event import Event
from streamer.sql.table import WaitingRow
from support.processes import Program, streamer
from support.servers import Server
from support.waiting import wait_until_blocking

DRIVERS = pytest.mark.parametrize("driver", ["sqlite", "psycopg"], indirect=True)
#: Transactions of each of the writers, and events of each.
WRITERS, TRANSACTIONS, EVENTS = 4, 50, 10


@pytest.fixture
def plain_engine(database_url: str) -> Iterator[Engine]:
    is_sqlite = database_url.startswith("sqlite")
    # SQLite has one writer: here four and two relays take turns, on a machine that is busy.
    engine = create_engine(database_url, connect_args={"timeout": 60} if is_sqlite else {})
    yield engine
    engine.dispose()


#: Starts a relay of the test's database and log.
StartRelay = Callable[[], AbstractContextManager[Program]]


@pytest.fixture
def start_relay(database_url: str, redis_server: Server, prefix: str) -> StartRelay:
    environ = {
        "DATABASE_URL": database_url,
        "STREAMER_REDIS_URL": redis_server.url,
        "STREAMER_PREFIX": prefix,
    }

    @contextlib.contextmanager
    def start() -> Iterator[Program]:
        with streamer("relay", environ=environ) as program:
            program.wait_for("Relaying ")
            yield program

    return start


@pytest.fixture
def told(redis_server: Server, prefix: str) -> Callable[[], dict[str, list[int]]]:
    """The numbers of all events, by topic."""

    async def read() -> dict[str, list[int]]:
        log = RedisEventLog(redis_server.url, prefix=prefix)
        try:
            found: dict[str, list[int]] = {}
            for topic in await log.topics("", 100):
                events: list[Event] = []
                after, complete = ORIGIN, False
                while not complete:
                    page = await log.read([topic], after, 1000)
                    events += page.events
                    complete = page.complete
                    after = events[-1].end
                found[topic] = [json.loads(event.fields)["number"] for event in events]
            return found
        finally:
            await log.close()

    return lambda: asyncio.run(read())


def waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(WaitingRow)) or 0


def publish(engine: Engine, topic: str, numbers: range) -> None:
    with Session(engine) as session, session.begin():
        for number in numbers:
            SessionPublisher(session).publish(topic, "paid", {"number": number})


@contextlib.contextmanager
def nothing_can_be_removed(engine: Engine) -> Iterator[None]:
    """What waits can be read meanwhile."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("LOCK TABLE streamer_outbox IN SHARE MODE"))
        yield


@DRIVERS
def test_a_relay_that_is_killed_between_append_and_removal_tells_nothing_twice(
    plain_engine: Engine, start_relay: StartRelay, told: Callable[[], dict[str, list[int]]]
) -> None:
    publish(plain_engine, "orders/1", range(3))
    with nothing_can_be_removed(plain_engine), start_relay() as relay:
        wait_until_blocking(lambda: told() == {"orders/1": [0, 1, 2]}, "they were not told")
        relay.signal(signal.SIGKILL)
        relay.wait()
    assert waiting(plain_engine) == 3
    publish(plain_engine, "orders/1", range(3, 5))
    with start_relay() as relay:
        wait_until_blocking(lambda: waiting(plain_engine) == 0, "they were not relayed")
        assert relay.stop() == 0, str(relay)
        assert "Relayed 5 events" in relay.err
    assert told() == {"orders/1": [0, 1, 2, 3, 4]}


@DRIVERS
def test_thousands_of_rows_by_several_writers_over_two_relays_one_of_which_is_killed(
    plain_engine: Engine, start_relay: StartRelay, told: Callable[[], dict[str, list[int]]]
) -> None:
    """What a writer committed in turn is told in turn, also of a topic that others write to."""

    def write(writer: int) -> None:
        for turn in range(TRANSACTIONS):
            publish(plain_engine, f"orders/{writer}", range(turn * EVENTS, (turn + 1) * EVENTS))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    with start_relay() as first, start_relay() as second:
        for thread in writers:
            thread.start()
        wait_until_blocking(lambda: len(told()) == WRITERS, "nothing is relayed")
        first.signal(signal.SIGKILL)
        for thread in writers:
            thread.join()
        wait_until_blocking(lambda: waiting(plain_engine) == 0, "they were not relayed")
        assert second.stop() == 0, str(second)
        assert "Traceback" not in second.err
    every = list(range(TRANSACTIONS * EVENTS))
    assert told() == {f"orders/{writer}": every for writer in range(WRITERS)}


@pytest.mark.parametrize("driver", ["sqlite"], indirect=True)
def test_a_relay_waits_for_a_log_that_is_away_and_says_so(
    database_url: str, plain_engine: Engine, own_server: Server
) -> None:
    environ = {"DATABASE_URL": database_url, "STREAMER_REDIS_URL": own_server.url}
    own_server.kill()
    publish(plain_engine, "orders/1", range(3))
    with streamer("relay", environ=environ) as relay:
        relay.wait_for("the event log is away, events wait in the database")
        assert waiting(plain_engine) == 3
        own_server.start()
        relay.wait_for("events go from the database to the log again")
        wait_until_blocking(lambda: waiting(plain_engine) == 0, "they were not relayed")
        assert relay.stop() == 0, str(relay)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("sqlite:///{}/no/such.db", 1, "the database does not answer: unable to open"),
        ("sqlite:///{}/empty.db", 1, "has no table streamer_outbox; add streamer.outbox_metadata"),
        ("mysql+nodriver://app:s3cret@localhost/shop", 2, "DATABASE_URL: Can't load plugin"),
        ("s3cret", 2, "DATABASE_URL: Could not parse"),
        ("postgresql+psycopg://app:s3cret@127.0.0.1:1/x", 1, "the database does not answer"),
        ("postgresql+pg8000://app:s3cret@127.0.0.1:1/x", 1, "No module named 'pg8000'; get it"),
    ],
)
def test_a_database_that_it_cannot_relay_is_refused_in_a_sentence(
    url: str, code: int, said: str, tmp_path: Path
) -> None:
    environ = {"STREAMER_REDIS_URL": "redis://127.0.0.1:1"}
    answer = CliRunner().invoke(main, ["relay", url.format(tmp_path)], env=environ)
    assert answer.exit_code == code, answer.output
    shown = " ".join(answer.output.replace("│", " ").split())
    assert said in shown
    assert "Traceback" not in shown
    assert "s3cret" not in shown
