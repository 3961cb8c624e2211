"""What an OpenAI-compatible server streams: read whole, in whatever pieces; or a failed attempt."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.jobs.chat_answer.completions import AttemptFailed, Refused, Said, say
from support.ai_server import CUT, DONE, AiServer, Step, chunk, whole
from support.waiting import wait_until

HELLO: Final = [{"role": "user", "content": "hello"}]


async def said_by(server: AiServer, *, key: str | None = None, silence: float = 10.0) -> list[Said]:
    return [said async for said in say(server.url, HELLO, model="m0", key=key, silence=silence)]


def text_of(said: list[Said]) -> str:
    return "".join(each.text for each in said)


async def test_an_answer_is_read_and_asked_for_as_the_api_says() -> None:
    with AiServer(whole("Hel", "lo")) as server:
        said = await said_by(server, key="secret")
    assert text_of(said) == "Hello"
    assert [each.finish_reason for each in said] == [None, None, "stop"]
    assert {each.model for each in said} == {"m1"}
    assert server.requests == [
        {"path": "/v1/chat/completions", "model": "m0", "messages": HELLO, "stream": True}
    ]
    assert server.headers[0]["Authorization"] == "Bearer secret"


async def test_without_a_key_none_is_presented() -> None:
    with AiServer(whole("x")) as server:
        await said_by(server)
    assert "Authorization" not in server.headers[0]


async def test_pieces_may_be_cut_anywhere_also_within_a_character() -> None:
    text = "한국어 \u2028 \u0085 👩‍👩‍👧 é"
    stream = b"".join(step for step in whole(*text) if isinstance(step, bytes))
    with AiServer([stream[i : i + 1] for i in range(len(stream))]) as server:
        assert text_of(await said_by(server)) == text


@given(st.lists(st.text(max_size=6), max_size=6), st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_said_and_however_it_is_cut_is_read(
    texts: list[str], data: st.DataObject
) -> None:
    stream = b"".join(step for step in whole(*texts) if isinstance(step, bytes))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    with AiServer(list(pieces)) as server:
        assert text_of(asyncio.run(said_by(server))) == "".join(texts)


async def test_comments_line_ends_and_frames_that_say_nothing_are_no_words() -> None:
    steps: list[Step] = [
        b": OPENROUTER PROCESSING\r\n\r\n",
        b'event: x\rdata: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\r\r',
        chunk("a").replace(b"\n", b"\r\n"),
        b'data: {"choices":[{"index":1,"delta":{"content":"of another"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":null},"finish_reason":null}]}\n\n',
        b'data: {"choices":[{"index":0,"finish_reason":"length"}]}\n\n',
        b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n',
        b"data: [DONE]\n\n",
        b"data: what comes after it\n\n",
    ]
    with AiServer(steps) as server:
        said = await said_by(server)
    assert text_of(said) == "a"
    assert [each.finish_reason for each in said if each.finish_reason] == ["length"]


@pytest.mark.parametrize("end", [[DONE], [chunk(None, "stop")]], ids=["done", "finish_reason"])
async def test_either_end_is_an_end(end: list[Step]) -> None:
    with AiServer([chunk("all"), *end]) as server:
        assert text_of(await said_by(server)) == "all"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([chunk("half of")], "stopped in the middle"),
        ([], "stopped in the middle"),
        ([chunk("half of"), CUT], "was lost"),
        ([chunk("half of"), b'data: {"error":{"message":"key-1 is over"}}\n\n'], "failed in the"),
        ([chunk("half of"), b'data: {"error":"over"}\n\n'], "failed in the"),
        ([chunk("half of"), b"data: <html>\n\n"], "no chunk"),
        ([chunk("half of"), b'data: {"choices":[{"delta":{"content":7}}]}\n\n'], "no chunk"),
    ],
)
async def test_an_answer_that_is_not_whole_is_a_failed_attempt(
    steps: list[Step], told: str
) -> None:
    """And what it says is of no use to anybody else, such as a key."""
    with AiServer(steps) as server, pytest.raises(AttemptFailed, match=told) as failed:
        await said_by(server)
    assert "key-1" not in str(failed.value)


async def test_a_server_that_says_nothing_any_more_is_not_waited_for() -> None:
    hangs = AiServer([chunk("half of"), threading.Event()])
    with hangs, pytest.raises(AttemptFailed, match=r"silent for 0\.2 s"):
        await said_by(hangs, silence=0.2)


async def test_a_server_that_is_not_there_is_a_failed_attempt() -> None:
    with AiServer(500) as server:
        pass
    with pytest.raises(AttemptFailed, match="was lost"):
        await said_by(server)


@pytest.mark.parametrize("status", [429, 500, 503, 408])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    with AiServer(status) as server, pytest.raises(AttemptFailed, match=str(status)) as failed:
        await said_by(server)
    assert "somebody" not in str(failed.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302])
async def test_what_will_not_pass_is_not(status: int) -> None:
    with AiServer(status) as server, pytest.raises(Refused, match=str(status)):
        await said_by(server)


async def test_a_client_that_leaves_ends_the_connection() -> None:
    with AiServer([chunk("one"), threading.Event()]) as server:
        saying = say(server.url, HELLO, model="", key=None)
        assert (await anext(saying)).text == "one"
        await saying.aclose()
        await wait_until(lambda: server.left == 1, "the connection was not ended")
