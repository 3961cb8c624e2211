"""Wherever a stream is cut, as often as it may be: what was read, joined, is the log."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.client import GapEvent
from support.following import (
    Body,
    Way,
    body,
    cursor_in,
    handshake,
    ids,
    is_websocket,
    over_every_way,
    stream_of,
)
from support.scripted_server import HEAD, Script, ScriptedServer

pytestmark = [pytest.mark.usefixtures("soon"), over_every_way()]

#: A log: every id has its own number of milliseconds, as ids have.
LOG = [body("note", f"{n}-0", text="é" * n) for n in range(1, 7)]


def after(request: str) -> int:
    """How far the reader is that makes this request."""
    return int((cursor_in(request) or "0-0").partition("-")[0])


def served(request: str) -> bytes:
    """The answer of a server that has this log, to its end."""
    at = after(request)
    said: list[Body] = [body("connected", f"{at}-0", topic="jobs/j"), *LOG[at:]]
    # An ephemeral event, and a heartbeat, move nobody.
    said.insert(2, body("typing", user="ada"))
    end = body("end", topic="jobs/j", reason="completed", remaining=0)
    return stream_of(request, [*said, body("caught_up", "6-0"), end])


def cut_at(size: int) -> Script:
    """The same, cut after so many bytes of what follows its head."""

    def script(request: str) -> bytes:
        whole = served(request)
        head = handshake(request) if is_websocket(request) else HEAD
        return whole[: len(head) + size]

    return script


def in_full(way: Way, *scripts: Script) -> list[str]:
    with ScriptedServer(*scripts, served) as server:
        events = way.follow(server.url, "jobs/j")
    assert not [event for event in events if isinstance(event, GapEvent)]
    return list(ids(events))


EVERYTHING = [str(event["id"]) for event in LOG]


def test_it_is_given_everything_once_and_in_order_at_whatever_byte_it_is_cut(way: Way) -> None:
    """One connection after the other is cut a byte later, through all of what one says."""
    request = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    size = max(len(served(request)), len(served(""))) - len(HEAD)
    for begin in range(0, size, 25):
        assert in_full(way, *map(cut_at, range(begin, begin + 25))) == EVERYTHING


@given(cuts=st.lists(st.integers(0, 1100), max_size=8))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_cuts_at_random_lose_nothing_and_double_nothing(way: Way, cuts: list[int]) -> None:
    assert in_full(way, *map(cut_at, cuts)) == EVERYTHING
