"""What takes long to write is written once, and meanwhile others are served."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest

from streamer.api import reference, schema_documents
from streamer.api.written import Written
from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.memory.log import MemoryEventLog
from support.waiting import wait_until


async def test_of_many_who_ask_for_the_first_time_one_writes_in_a_thread_of_its_own() -> None:
    threads: list[threading.Thread] = []
    may_go_on = threading.Event()

    def write() -> bytes:
        threads.append(threading.current_thread())
        assert may_go_on.wait(10.0)
        return b"text"

    written = Written()
    asking = [asyncio.ensure_future(written.text("offers", "page", write)) for _ in range(9)]
    await wait_until(lambda: threads, "nobody began to write")  # and the loop goes on
    may_go_on.set()
    assert await asyncio.gather(*asking) == [b"text"] * 9
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_it_is_written_anew_once_it_would_say_something_else() -> None:
    written, texts = Written(), iter((b"1", b"2", b"3"))

    def write() -> bytes:
        return next(texts)

    found = [
        await written.text({"kind": kind}, name, write)
        for kind, name in (("a", "page"), ("a", "page"), ("b", "page"), ("b", "json"))
    ]
    assert found == [b"1", b"1", b"2", b"3"]


async def test_one_that_cannot_be_written_is_tried_again_by_the_next() -> None:
    def fail() -> bytes:
        raise OSError("no room")

    written = Written()
    with pytest.raises(OSError, match="no room"):
        await written.text("offers", "page", fail)
    assert await written.text("offers", "page", lambda: b"text") == b"text"


@pytest.mark.parametrize("name", ["", "/", "/openapi.json", "/asyncapi.json", "/events.json"])
async def test_no_document_is_written_by_the_loop(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    loop, asked = threading.current_thread(), 0
    for module, what in (
        (reference, "with_bodies"),
        *((schema_documents, each) for each in ("with_bodies", "asyncapi", "events_document")),
    ):
        made = getattr(module, what)

        def noted(*given: object, made: object = made) -> object:
            nonlocal asked
            asked += 1
            assert threading.current_thread() is not loop
            return made(*given)  # type: ignore[operator]

        monkeypatch.setattr(module, what, noted)
    app: Any = create_app(Settings(host="localhost"), MemoryEventLog())
    place = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=place, base_url="http://localhost") as client:
        answers = [await client.get(f"/schema{name}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert asked == 1
