"""What is answered without a task is answered, to the byte, as an app's task answers it."""

from __future__ import annotations

import re

import pytest

from support.live import Live, StartLive
from support.raw_http import connect

BODY = '{"type":"note","text":"a"}'
#: Asks for nothing more, but a publish that has it is left to a task.
TASK = "Cookie: a=b\n"
LAST = "Connection: close\n"


def text_of(*headers: str, body: str = BODY) -> str:
    lines = f"Host: x\nX-Request-Id: mine\nContent-Length: {len(body)}\n" + "".join(headers)
    return f"POST /api/v1/projects/p/events HTTP/1.1\n{lines}\n{body}"


async def told(live: Live, *pieces: str) -> bytes:
    """What comes back, but for ids and the time of day."""
    async with connect(live) as client:
        for piece in pieces:
            client.send(piece)
            await client.writer.drain()
        wire = await client.rest()
    return re.sub(rb'(?<="id":")[^"]*|(?<=\r\ndate: )[^\r]*', b"", wire)


async def test_an_answer_is_the_same_to_the_byte(live_server: Live) -> None:
    """Also the last one of its connection."""
    of_task = await told(live_server, text_of(TASK), text_of(TASK, LAST))
    assert await told(live_server, text_of(), text_of(LAST)) == of_task
    assert of_task.count(b"HTTP/1.1 201 Created\r\n") == 2


@pytest.mark.parametrize("count", [2, 9])
async def test_publishes_behind_one_another_are_answered_in_their_order(
    live_server: Live, count: int
) -> None:
    """They come at once, and each has an id above that of the one before."""
    async with connect(live_server) as client:
        client.send(text_of() * count + text_of(LAST))
        wire = await client.rest()
    ids = [tuple(map(int, id_.split(b"-"))) for id_ in re.findall(rb'"id":"([^"]*)"', wire)]
    assert len(ids) == count + 1
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("cut", [40, -10, -1])
async def test_a_publish_in_pieces_is_taken_whole(live_server: Live, cut: int) -> None:
    text = text_of(LAST)
    assert b" 201 " in await told(live_server, text[:cut], text[cut:])


async def test_what_is_wrong_is_said_by_the_app(live_server: Live) -> None:
    """To the byte what it says to a task."""
    for body in ("{", '{"type":"Bad"}', '{"type":"note","topic":'):
        of_task = await told(live_server, text_of(TASK, LAST, body=body))
        assert await told(live_server, text_of(LAST, body=body)) == of_task
        assert b" 400 " in of_task


@pytest.mark.parametrize("task", ["", TASK])
async def test_who_asks_is_whom_a_trusted_proxy_names(start_live: StartLive, task: str) -> None:
    """Each of them has a rate of its own."""
    live = start_live(STREAMER_PUBLISH_RATE="0.01")
    for party, status in (("1.2.3.4", 201), ("1.2.3.4", 429), ("5.6.7.8", 201)):
        wire = await told(live, text_of(f"X-Forwarded-For: {party}\n", task, LAST))
        assert wire.startswith(b"HTTP/1.1 %d " % status)
