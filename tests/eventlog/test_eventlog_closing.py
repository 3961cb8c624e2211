"""Closing a log lets go of every connection, whatever is under way."""

from __future__ import annotations

import asyncio
import socket

import pytest

from streamer.errors import LogUnavailable
from streamer.eventlog.base import EventLog
from streamer.eventlog.redis.link.connection import Connection
from streamer.events.new_event import new_event
from support.listening import RecordingListener
from support.servers import OpenLog

pytestmark = pytest.mark.parametrize("log_kind", ["valkey", "sentinel", "cluster"])

#: Turns of the event loop after which it is closed: from not yet connected to long idle.
TURNS = [*range(40), *range(40, 400, 20)]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The socket of every connection that the log makes."""
    made: list[socket.socket] = []
    connection_made = Connection.connection_made

    def remembering(connection: Connection, transport: asyncio.BaseTransport) -> None:
        connection_made(connection, transport)
        made.append(transport.get_extra_info("socket"))

    monkeypatch.setattr(Connection, "connection_made", remembering)
    return made


def is_open(connection: socket.socket) -> bool:
    return connection.fileno() != -1


async def turn(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - one turn of the event loop, no time


async def test_a_command_under_way_keeps_no_connection(
    open_log: OpenLog, made: list[socket.socket]
) -> None:
    """It ends as it would have, or is told that the log is closed."""
    for turns in TURNS:
        log = open_log()
        appending = asyncio.create_task(log.append(new_event("chats/1", "tick")))
        await turn(turns)
        await log.close()
        await asyncio.wait((appending,))
        assert not any(map(is_open, made)), f"closed after {turns} turns"
        refusal = appending.exception()
        assert refusal is None or isinstance(refusal, LogUnavailable)
    assert made


async def test_a_probe_under_way_keeps_no_connection(
    open_log: OpenLog, made: list[socket.socket]
) -> None:
    """Nor does the question of who has the log now."""
    for turns in TURNS:
        log = open_log()
        await log.listen(RecordingListener()).subscribe(["chats/1"])
        await turn(turns)
        assert any(map(is_open, made))
        await log.close()
        assert not any(map(is_open, made)), f"closed after {turns} turns"


async def test_a_closed_log_is_unavailable(log: EventLog) -> None:
    """Without a word to any server."""
    await log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        await log.append(new_event("chats/1", "tick"))
    with pytest.raises(LogUnavailable, match="closed"):
        await log.head()
