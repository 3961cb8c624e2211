"""Appends that wait for replicas: each over a connection that is its own for as long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from streamer.config.redis_url import parse_redis_url
from streamer.errors import LogUnavailable
from streamer.eventlog.redis.link import pipeline
from streamer.eventlog.redis.link.commands import Commands
from streamer.eventlog.redis.link.lent import MAX_LENT, Lent
from streamer.eventlog.redis.link.pipeline import Pipeline
from streamer.eventlog.redis.link.route import Address, Route
from streamer.eventlog.redis.log import RedisEventLog
from streamer.eventlog.redis.script import Script
from streamer.events.new_event import new_event
from support.answering_server import MASTER, NOSCRIPT, OK, READONLY, AnsweringServer, Words
from support.waiting import wait_until

SCRIPT = Script("rights.lua")
#: Seconds, more than a test waits for anything: nothing here comes by a timeout.
TIMEOUT = 60.0
#: What a replica says to WAIT.
NO_REPLICAS = b"-ERR WAIT cannot be used with replica instances.\r\n"
#: What append.lua returns for one event.
STORED = b"*1\r\n$3\r\n5-0\r\n"


class Place:
    """Knows where the log is because a test says so."""

    def __init__(self, server: AnsweringServer) -> None:
        self.server = server
        self.asked = 0

    async def ask(self) -> Address:
        self.asked += 1
        return Address("127.0.0.1", self.server.port)


def answers(words: Words) -> bytes:
    """As a master with one replica does."""
    return {b"ROLE": MASTER, b"WAIT": b":1\r\n", b"EVALSHA": STORED}.get(words[0], OK)


def holds(*names: bytes) -> Callable[[Words], bytes | None]:
    """As `answers`, but not yet."""
    return lambda words: None if words[0] in names else answers(words)


def says(**said: bytes) -> Callable[[Words], bytes | None]:
    """As `answers`, but for some commands."""
    return lambda words: said.get(words[0].decode()) or answers(words)


@pytest.fixture
async def server() -> AsyncIterator[AnsweringServer]:
    async with AnsweringServer(answers) as server:
        yield server


@pytest.fixture
async def other_server() -> AsyncIterator[AnsweringServer]:
    async with AnsweringServer(answers) as server:
        yield server


@pytest.fixture
async def commands(server: AnsweringServer) -> AsyncIterator[Commands]:
    commands = Commands(parse_redis_url(server.url), None, TIMEOUT)
    yield commands
    await commands.close()


@pytest.fixture
def place(server: AnsweringServer) -> Place:
    return Place(server)


@pytest.fixture
async def routed(place: Place) -> AsyncIterator[Commands]:
    """Commands to wherever `place` says."""
    url = parse_redis_url("redis+sentinel://unused/unused")
    commands = Commands(url, Route(place), TIMEOUT)
    yield commands
    await commands.close()


def run(commands: Commands, *, repeatable: bool = False) -> asyncio.Task[tuple[Any, int]]:
    return asyncio.create_task(
        commands.run_and_wait(SCRIPT, ["k"], ["v"], 1, before=tuple, repeatable=repeatable)
    )


async def holding(server: AnsweringServer, count: int = 1) -> None:
    await wait_until(lambda: len(server.holding) == count, f"{count} were not asked")


async def turn(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - one turn of the event loop, no time


async def test_a_script_and_its_wait_are_one_write(
    commands: Commands, server: AnsweringServer
) -> None:
    """And the connection serves the next, and the one after it."""
    for _ in range(3):
        assert await run(commands) == ([b"5-0"], 1)
    (peer,) = server.peers
    evalsha = (b"EVALSHA", SCRIPT.digest.encode(), b"1", b"k", b"v")
    assert peer.writes == [[evalsha, (b"WAIT", b"1", b"30000")]] * 3


async def test_so_many_connections_and_no_more(commands: Commands, server: AnsweringServer) -> None:
    """The others wait for one of them, and all are served; no command of others waits."""
    server.answer = holds(b"WAIT")
    running = [run(commands) for _ in range(3 * MAX_LENT)]
    await holding(server, MAX_LENT)
    assert await commands.call("PING") == b"OK"
    await turn(20)
    assert len(server.holding) == MAX_LENT
    server.go_on(answers)
    assert await asyncio.gather(*running) == [([b"5-0"], 1)] * len(running)
    assert len(server.peers) == MAX_LENT + 1, "those, and the one that all share"


async def test_who_waits_for_a_free_one_does_not_wait_for_ever(server: AnsweringServer) -> None:
    """It says so, and asks nobody; one that comes free later is whole."""
    url = parse_redis_url(server.url)
    lent = Lent(lambda: Pipeline(url, None, TIMEOUT), 0.01)
    async with AsyncExitStack() as all_of_them:
        had = {await all_of_them.enter_async_context(lent.borrow()) for _ in range(MAX_LENT)}
        assert len(had) == MAX_LENT
        with pytest.raises(LogUnavailable, match="too many appends wait"):
            async with lent.borrow():
                pass
    for _ in range(MAX_LENT):
        async with lent.borrow() as pipeline:
            assert await (await pipeline.open()).call("PING") == b"OK"
    assert len(server.peers) == 1, "the last to come back goes first"
    await lent.close()


async def test_who_gives_up_waiting_takes_none(server: AnsweringServer) -> None:
    """Whether its turn has come in the same moment or not."""
    url = parse_redis_url(server.url)
    lent = Lent(lambda: Pipeline(url, None, TIMEOUT), TIMEOUT)

    async def borrow() -> None:
        async with lent.borrow():
            pass

    for turns in range(6):
        async with AsyncExitStack() as all_of_them:
            for _ in range(MAX_LENT):
                await all_of_them.enter_async_context(lent.borrow())
            waiting = asyncio.create_task(borrow())
            await turn(turns)
            waiting.cancel()
            if turns % 2:
                await turn(1)
        await asyncio.wait((waiting,))
    async with AsyncExitStack() as all_of_them:
        had = {await all_of_them.enter_async_context(lent.borrow()) for _ in range(MAX_LENT)}
    assert len(had) == MAX_LENT


async def test_a_connection_that_still_owes_replies_is_nobodys(
    commands: Commands, server: AnsweringServer
) -> None:
    """Its borrower was cancelled: the next has another, and its own replies."""
    server.answer = holds(b"EVALSHA")
    cancelled = run(commands)
    await holding(server)
    cancelled.cancel()
    await asyncio.wait((cancelled,))
    (first,) = server.peers
    await wait_until(lambda: first.gone, "the connection was kept")
    server.answer = says(WAIT=b":7\r\n")
    assert await run(commands) == ([b"5-0"], 7)
    assert len(server.peers) == 2


async def test_a_server_without_the_script_is_given_it_on_the_same_connection(
    commands: Commands, server: AnsweringServer
) -> None:
    """And waited for again: the first WAIT was about nothing."""
    server.answer = says(EVALSHA=NOSCRIPT, EVAL=b"$4\r\nmade\r\n")
    assert await run(commands) == (b"made", 1)
    (peer,) = server.peers
    assert peer.names == ["EVALSHA", "WAIT", "EVAL", "WAIT"]
    assert peer.commands[2][1] == SCRIPT.text.encode()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"EVALSHA": b"-OOM command not allowed\r\n"}, "OOM"),
        ({"WAIT": b"-NOPERM User u has no permissions to run 'wait'\r\n"}, "NOPERM.*wait"),
        ({"EVALSHA": NOSCRIPT, "EVAL": b"-NOPERM no eval\r\n"}, "NOPERM.*no eval"),
    ],
)
async def test_a_refusal_of_either_is_told_and_the_connection_goes_on(
    commands: Commands, server: AnsweringServer, said: dict[str, bytes], told: str
) -> None:
    server.answer = says(**said)
    with pytest.raises(LogUnavailable, match=told):
        await run(commands)
    server.answer = answers
    assert await run(commands) == ([b"5-0"], 1)
    assert len(server.peers) == 1


async def test_a_replica_too_few_is_told(server: AnsweringServer) -> None:
    """One of two has it: it is stored, and not acknowledged."""
    log = RedisEventLog(server.url, wait_replicas=2)
    with pytest.raises(LogUnavailable, match="stored, but on 1 replicas, fewer than the 2"):
        await log.append(new_event("chats/1", "tick"))
    server.answer = says(WAIT=b":2\r\n")
    assert str(await log.append(new_event("chats/1", "tick"))) == "5-0"
    await log.append(new_event("chats/1", "tick", ephemeral=True))
    assert server.peers[0].names == ["EVALSHA", "WAIT"] * 2, "nothing of an ephemeral event is kept"
    await log.close()


@pytest.mark.parametrize("repeatable", [False, True])
async def test_a_connection_that_is_lost_is_made_again_where_that_is_safe(
    commands: Commands, server: AnsweringServer, repeatable: bool
) -> None:
    """Nobody knows what was stored over it."""
    server.answer = holds(b"WAIT")
    running = run(commands, repeatable=repeatable)
    await holding(server)
    server.answer = answers
    server.peers[0].transport.abort()
    if repeatable:
        assert await running == ([b"5-0"], 1)
    else:
        with pytest.raises(LogUnavailable, match="cannot be reached"):
            await running
    assert await run(commands) == ([b"5-0"], 1)
    assert len(server.peers) == 2


async def test_a_log_that_moves_leaves_the_free_at_once_and_the_lent_in_between_nothing(
    routed: Commands, place: Place, server: AnsweringServer, other_server: AnsweringServer
) -> None:
    """Who is about to repeat its script does so on the connection that it has."""
    await routed.call("PING")
    server.answer = holds(b"EVALSHA")
    running = [run(routed) for _ in range(2)]
    await holding(server, 2)
    _, lent, free = server.peers
    server.answer = answers
    free.answer()
    await running[1]
    assert len(server.here) == 3
    place.server = other_server
    # Another command finds out that the log has moved.
    server.answer = says(SADD=READONLY, EVALSHA=NOSCRIPT)
    assert await routed.call("SADD", "k", "v") == b"OK"
    await wait_until(lambda: free.gone, "one that was free stayed behind")
    assert not lent.gone
    lent.answer()
    assert await running[0] == (b"OK", 1)
    assert lent.names == ["ROLE", "EVALSHA", "WAIT", "EVAL", "WAIT"]
    await wait_until(lambda: not server.here, "one that came back stayed behind")
    assert await run(routed) == ([b"5-0"], 1)
    assert other_server.peers[-1].names == ["ROLE", "EVALSHA", "WAIT"]


async def test_whoever_is_lent_one_leaves_none_behind_where_the_log_was(
    routed: Commands, place: Place, server: AnsweringServer, other_server: AnsweringServer
) -> None:
    """Nobody was refused: those who know where it is were asked, as each probe does."""
    server.answer = holds(b"WAIT")
    running = [run(routed) for _ in range(3)]
    await holding(server, 3)
    server.go_on(answers)
    await asyncio.gather(*running)
    assert len(server.here) == 3
    assert routed._route is not None
    place.server = other_server
    await routed._route.find()
    await run(routed)
    await wait_until(lambda: not server.here, "one stayed behind")
    assert len(other_server.here) == 1


async def test_who_is_refused_goes_to_where_the_log_is_now(
    routed: Commands, place: Place, server: AnsweringServer, other_server: AnsweringServer
) -> None:
    """Refused is not stored: it is run there though it is not repeatable."""
    server.answer = holds(b"EVALSHA")
    running = run(routed)
    await holding(server)
    place.server = other_server
    server.go_on(says(EVALSHA=READONLY, WAIT=NO_REPLICAS))
    assert await running == ([b"5-0"], 1)
    await wait_until(lambda: not server.here, "the old connection was kept")


async def test_who_is_refused_where_the_log_still_is_trusts_no_connection_to_there(
    routed: Commands, server: AnsweringServer
) -> None:
    """It has become a replica, and nobody has replaced it: all connections ask it first."""
    await routed.call("PING")
    server.answer = says(EVALSHA=READONLY, WAIT=NO_REPLICAS)
    with pytest.raises(LogUnavailable, match="READONLY"):
        await run(routed)
    server.answer = says(ROLE=MASTER.replace(b"$6\r\nmaster", b"$5\r\nslave"))
    with pytest.raises(LogUnavailable, match="has become a replica"):
        await run(routed)
    with pytest.raises(LogUnavailable, match="has become a replica"):
        await routed.call("PING")


async def test_a_late_refusal_sends_to_where_the_log_is_and_takes_no_connection(
    routed: Commands, place: Place, server: AnsweringServer, other_server: AnsweringServer
) -> None:
    """Others have followed the log meanwhile: nobody is asked again where it is."""
    server.answer = holds(b"EVALSHA", b"WAIT", b"GET")
    late = run(routed)
    await holding(server)
    gets = [asyncio.create_task(routed.call("GET", n)) for n in range(2)]
    await holding(server, 2)
    place.server = other_server
    # The first of them is refused, and goes; the second is refused when that is over.
    server.peers[1].transport.write(READONLY)
    assert await gets[0] == b"OK"
    asked = place.asked
    server.peers[1].transport.write(READONLY)
    assert await gets[1] == b"OK"
    assert place.asked == asked
    server.peers[0].transport.write(READONLY + NO_REPLICAS)
    assert await late == ([b"5-0"], 1)
    assert [peer.names for peer in other_server.peers] == [
        ["ROLE", "GET", "GET"],
        ["ROLE", "EVALSHA", "WAIT"],
    ]
    assert not any(peer.gone for peer in other_server.peers)


async def test_closing_closes_what_is_lent(
    server: AnsweringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have the same moment for their replies; what waited for one is refused, too."""
    close = Pipeline.close
    closing, together = 0, 0

    async def counted(lent: Pipeline) -> None:
        nonlocal closing, together
        closing += 1
        together = max(together, closing)
        await close(lent)
        closing -= 1

    monkeypatch.setattr(Pipeline, "close", counted)
    monkeypatch.setattr(pipeline, "_GRACE", 0.1)
    server.answer = holds(b"WAIT")
    commands = Commands(parse_redis_url(server.url), None, TIMEOUT)
    running = [run(commands) for _ in range(MAX_LENT + 3)]
    await holding(server, MAX_LENT)
    await commands.close()
    assert together >= MAX_LENT
    ends = await asyncio.gather(*running, return_exceptions=True)
    assert all(isinstance(end, LogUnavailable) and "closed" in end.detail for end in ends)
    await wait_until(lambda: not server.here, "a connection was kept")
    assert len(server.peers) == MAX_LENT, "nobody connected to a closed log"


async def test_what_is_lent_when_it_is_closed_is_answered_if_that_is_soon(
    commands: Commands, server: AnsweringServer
) -> None:
    server.answer = holds(b"WAIT")
    running = run(commands)
    await holding(server)
    closing = asyncio.create_task(commands.close())
    await turn(3)
    server.go_on(answers)
    assert await running == ([b"5-0"], 1)
    await closing
    await wait_until(lambda: not server.here, "a connection was kept")


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("known", [False, True])
async def test_an_append_that_is_cancelled_anywhere_leaves_every_connection_whole(
    server: AnsweringServer, known: bool, connected: bool
) -> None:
    """At each of its awaits, where the script is known or not; no reply goes to somebody else."""
    number = 0

    def numbered(words: Words) -> bytes:
        """Another id for each append."""
        nonlocal number
        if words[0] == b"EVALSHA" and not known:
            return NOSCRIPT
        if words[0] in {b"EVALSHA", b"EVAL"}:
            number += 1
            return b"*1\r\n$6\r\n%06d\r\n" % number
        return answers(words)

    server.answer = numbered
    ended = 0
    for turns in range(30):
        commands = Commands(parse_redis_url(server.url), None, TIMEOUT)
        if connected:
            await run(commands)
        task = run(commands)
        await turn(turns)
        ended += task.done()
        task.cancel()
        await asyncio.wait((task,))
        for _ in range(2):
            reply, _ = await run(commands)
            assert reply == [b"%06d" % number], f"somebody else's reply, after {turns} turns"
        assert len(server.here) <= 2
        await commands.close()
        await wait_until(lambda: not server.here, f"kept after {turns} turns")
    assert 5 < ended < 27, "some ended, some were cancelled under way"


async def test_a_log_that_is_closed_anywhere_in_an_append_keeps_no_connection(
    server: AnsweringServer,
) -> None:
    """It ends as it would have, or is told that the log is closed."""
    for turns in range(40):
        log = RedisEventLog(server.url, wait_replicas=1)
        appending = asyncio.create_task(log.append(new_event("chats/1", "tick")))
        await turn(turns)
        await log.close()
        await asyncio.wait((appending,))
        await wait_until(lambda: not server.here, f"kept after {turns} turns")
        refusal = appending.exception()
        assert refusal is None or isinstance(refusal, LogUnavailable)
