"""An answer while it is said: joined by time, never dropped, whole once or told to have failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamer
from streamer.errors import (
    EventTooLarge,
    InvalidFields,
    InvalidParameter,
    InvalidTopic,
    LogUnavailable,
)
from streamer.eventlog.base import EventLog
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.publishing import answer as answers
from streamer.publishing import segments
from streamer.publishing.answer import Answer
from streamer.publishing.answer_events import AnswerEvents
from streamer.publishing.publisher import Publisher
from streamer.publishing.said import CHUNK_SECONDS, CHUNKS_BEFORE_LONGER, Said
from streamer.publishing.sync_publisher import SyncPublisher
from support.jobs import UnreliableLog, bodies_of
from support.listening import RecordingListener
from support.waiting import DEADLINE, wait_until, wait_until_blocking

CHAT: Final = "chats/42"


@pytest.fixture
def log() -> UnreliableLog:
    return UnreliableLog()


@pytest.fixture
def publisher(log: UnreliableLog) -> Publisher:
    return Publisher(log)


@pytest.fixture
def worker(log: UnreliableLog) -> Iterator[SyncPublisher]:
    """A publisher with a thread of its own."""
    with SyncPublisher(lambda: log) as publisher:
        yield publisher


@pytest.fixture
async def heard(log: UnreliableLog) -> AsyncIterator[RecordingListener]:
    """All that is told on the chat."""
    listener = RecordingListener()
    notifications = log.listen(listener)
    await notifications.subscribe([CHAT])
    yield listener
    await notifications.close()


def chunks_in(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["chunk"] for body in bodies if body["type"] == "ai_chunk"]


async def told(log: EventLog) -> list[dict[str, Any]]:
    return await bodies_of(log, CHAT)


def types_in(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["type"] for body in bodies]


def heard_text(heard: RecordingListener) -> str:
    events = [event for event in heard.events if event.type == "ai_chunk"]
    return "".join(chunks_in([msgspec.json.decode(event.body) for event in events]))


def say_on(a: Answer, piece: str) -> None:
    """Say the same until there is no room."""
    for _ in range(100_000):
        a.text(piece)


async def test_what_is_said_is_told_whole(log: UnreliableLog, publisher: Publisher) -> None:
    async with streamer.answer(CHAT, reply_to="1-0", publisher=publisher) as a:
        for piece in ("Hel", "lo, ", "wörld \u2028 👋"):
            a.text(piece)
        a.model = "m1"
        a.finish_reason = "stop"
    [whole] = await told(log)
    assert {name: whole[name] for name in whole if name not in ("id", "timestamp")} == {
        "type": "ai_complete",
        "topic": CHAT,
        "answer": a.name,
        "message": "Hello, wörld \u2028 👋",
        "is_user": False,
        "model": "m1",
        "finish_reason": "stop",
        "attempt": 1,
        "segment": 1,
        "reply_to": "1-0",
    }


async def test_a_worker_says_it_with_a_with(
    log: UnreliableLog, worker: SyncPublisher, heard: RecordingListener
) -> None:
    def say() -> None:
        with streamer.answer(CHAT, publisher=worker) as a:
            for piece in ["what", "is", "said"]:
                a.text(f"{piece} ")

    await asyncio.to_thread(say)
    [whole] = await told(log)
    assert whole["message"] == "what is said "
    await wait_until(lambda: heard_text(heard) == "what is said ", "the chunks were not told")


async def test_in_an_asynchronous_job_a_workers_publisher_does_too(
    log: UnreliableLog, worker: SyncPublisher
) -> None:
    async with streamer.answer(CHAT, publisher=worker) as a:
        a.text("yes")
    assert [body["message"] for body in await told(log)] == ["yes"]


async def test_chunks_are_told_while_it_is_said_and_joined_by_time(
    log: UnreliableLog, publisher: Publisher
) -> None:
    """The first at once, and what came in the meantime as one."""
    async with streamer.answer(CHAT, publisher=publisher) as a:
        a.text("a")
        await wait_until(lambda: len(log.batches) == 1, "the first chunk was not told")
        for piece in "bcdefg":
            a.text(piece)
        await wait_until(lambda: len(log.batches) == 2, "the second chunk was not told")
        assert chunks_in(await told(log)) == ["a", "bcdefg"]
        a.text("h")
    assert types_in(await told(log)) == ["ai_complete"]


async def test_what_all_answers_of_a_process_say_is_appended_at_once(
    log: UnreliableLog, publisher: Publisher
) -> None:
    many = [Answer(publisher, AnswerEvents(CHAT, f"a{n}")) for n in range(100)]
    for a in many:
        await a.__aenter__()
        a.text("word")
    await wait_until(lambda: sum(log.batches) == 200, "the chunks were not told")
    assert len(log.batches) == 1
    await asyncio.gather(*(a.__aexit__(None, None, None) for a in many))
    assert sorted(body["answer"] for body in await told(log)) == sorted(a.name for a in many)


async def test_nothing_is_dropped_while_the_log_is_away(
    log: UnreliableLog, publisher: Publisher, heard: RecordingListener
) -> None:
    """Nobody waits; a chunk whose reply was lost is there once."""
    async with streamer.answer(CHAT, publisher=publisher) as a:
        a.text("before ")
        await wait_until(lambda: len(log.batches) == 1, "the first chunk was not told")
        log.go_away()
        for n in range(1000):
            a.text(f"{n} ")
        await wait_until(lambda: len(log.batches) >= 3, "it was not tried again")
        log.lost_replies = 1
        log.come_back()
        a.text("after")
    text = "before " + "".join(f"{n} " for n in range(1000)) + "after"
    [whole] = await told(log)
    assert whole["message"] == text
    await heard.heard(heard.ids[-1])
    assert heard_text(heard) == text


async def test_an_exception_leaves_no_whole(log: UnreliableLog, publisher: Publisher) -> None:
    a = streamer.answer(CHAT, reply_to="1-0", publisher=publisher)

    async def say() -> None:
        async with a:
            a.text("half of")
            raise RuntimeError("the model went away")

    with pytest.raises(RuntimeError, match="went away"):
        await say()
    [failed] = await told(log)
    assert failed["type"] == "ai_failed"
    assert failed["error"] == "the model went away"
    assert (failed["reason"], failed["message"]) == ("error", "half of")
    assert (failed["reply_to"], failed["answer"]) == ("1-0", a.name)


async def test_whoever_is_cancelled_fails_and_does_not_wait(
    log: UnreliableLog, publisher: Publisher
) -> None:
    log.go_away()

    async def say() -> None:
        async with streamer.answer(CHAT, publisher=publisher) as a:
            a.text("half of")
            await asyncio.Event().wait()

    task = asyncio.create_task(say())
    await wait_until(lambda: log.batches, "nothing was told")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    log.come_back()
    await wait_until(lambda: _has(log, "ai_failed"), "the failure was not told")


async def _has(log: MemoryEventLog, event_type: str) -> bool:
    return event_type in types_in(await told(log))


async def test_a_later_attempt_voids_what_was_said(
    log: UnreliableLog, publisher: Publisher, heard: RecordingListener
) -> None:
    """In-band, and before its first word; one that was thought dead says nothing more."""
    first = await streamer.answer(CHAT, publisher=publisher, name="a").__aenter__()
    first.text("the first ")
    await wait_until(lambda: log.batches == [2], "the first chunk was not told")
    second = await streamer.answer(CHAT, publisher=publisher, name="a", attempt=2).__aenter__()
    second.text("the second ")
    await wait_until(lambda: sum(log.batches) >= 4, "the second attempt was not told")
    first.text("goes on")
    await wait_until(lambda: sum(log.batches) >= 5, "the late chunk was not appended")
    assert [(body["type"], body["attempt"]) for body in await told(log)] == [
        ("ai_reset", 2),
        ("ai_chunk", 2),
    ]
    await first.__aexit__(None, None, None)
    second.text("ends")
    await second.__aexit__(None, None, None)
    [whole] = await told(log)
    assert (whole["message"], whole["attempt"]) == ("the second ends", 2)
    assert heard_text(heard) == "the first the second ends"


async def test_an_answer_ends_once(log: UnreliableLog, publisher: Publisher) -> None:
    for text in ("one", "two"):
        async with streamer.answer(CHAT, publisher=publisher, name="a") as a:
            a.text(text)
    assert [body["message"] for body in await told(log)] == ["one"]


async def test_an_answer_is_longer_than_one_event(
    log: UnreliableLog, heard: RecordingListener
) -> None:
    """In segments, each with an event that says all of it; a piece goes on in the next one."""
    publisher = Publisher(log, max_event_bytes=8000)
    async with streamer.answer(CHAT, reply_to="1-0", publisher=publisher) as a:
        a.text('a "word" ' * 1500)
        a.text("and more")
        a.model = "m" * 128
    text = 'a "word" ' * 1500 + "and more"
    wholes = await told(log)
    assert types_in(wholes) == ["ai_segment"] * (len(wholes) - 1) + ["ai_complete"]
    assert [whole["segment"] for whole in wholes] == list(range(1, len(wholes) + 1))
    assert "".join(whole["message"] for whole in wholes) == text
    assert len(wholes) < 6
    await heard.heard(heard.ids[-1])
    assert heard_text(heard) == text


async def test_an_answer_ends_somewhere(
    log: UnreliableLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there was room for is said, and the rest is refused."""
    monkeypatch.setattr(segments, "MAX_SEGMENTS", 3)
    publisher = Publisher(log, max_event_bytes=8000)
    async with streamer.answer(CHAT, publisher=publisher) as a:
        with pytest.raises(EventTooLarge, match="may have 3 segments of"):
            say_on(a, 'a "word" ')
    wholes = await told(log)
    assert types_in(wholes) == ["ai_segment", "ai_segment", "ai_complete"]
    said = "".join(whole["message"] for whole in wholes)
    assert said == a.said
    assert len(said) > 9000
    assert set(said.split('a "word" ')[:-1]) == {""}


async def test_its_failure_has_room_for_all_of_its_last_segment(log: UnreliableLog) -> None:
    publisher = Publisher(log, max_event_bytes=8000)
    a = streamer.answer(CHAT, publisher=publisher)

    async def say() -> None:
        async with a:
            for _ in range(790):
                a.text("word ")
            raise RuntimeError("\u2028" * 500)

    with pytest.raises(RuntimeError):
        await say()
    failed = (await told(log))[-1]
    assert failed["message"] == a.said[-len(failed["message"]) :]


async def test_what_is_no_text_is_refused(publisher: Publisher) -> None:
    async with streamer.answer(CHAT, publisher=publisher) as a:
        with pytest.raises(InvalidFields):
            a.text("\ud83d")
        a.text("")
        a.text("ok")


async def test_before_and_after_it_nothing_is_said(publisher: Publisher) -> None:
    a = streamer.answer(CHAT, publisher=publisher)
    with pytest.raises(ValueError, match="begins with"):
        a.text("early")
    async with a:
        pass
    with pytest.raises(ValueError, match="is over"):
        a.text("late")


def test_outside_of_a_job_an_answer_needs_a_publisher(publisher: Publisher) -> None:
    with pytest.raises(InvalidParameter, match="publisher="):
        streamer.answer(CHAT)
    with pytest.raises(InvalidTopic):
        streamer.answer("no topic", publisher=publisher)
    with pytest.raises(TypeError, match="async with"), streamer.answer(CHAT, publisher=publisher):
        pass


async def test_an_end_that_does_not_come_to_the_log_is_said(
    log: UnreliableLog, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "END_SECONDS", 0.01)
    log.go_away()

    async def say() -> None:
        async with streamer.answer(CHAT, publisher=publisher) as a:
            a.text("word")

    with pytest.raises(LogUnavailable, match="not known"):
        await say()


def test_within_a_job_it_waits_longer_than_a_short_outage(
    log: UnreliableLog, worker: SyncPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next attempt would have a model say, and be paid for, all again."""
    monkeypatch.setattr(answers, "END_SECONDS", 0.01)
    events = AnswerEvents(CHAT, "one", 1, None, worker.max_event_bytes)
    log.go_away()

    def come_back() -> None:
        # Until then it took longer than anybody else would have waited.
        wait_until_blocking(lambda: len(log.batches) >= 3, "it was not tried again")
        log.come_back()

    back = threading.Thread(target=come_back)
    back.start()
    with Answer(worker, events, fails=False) as a:
        a.text("word")
    back.join(DEADLINE)
    assert worker.ask(told, DEADLINE)[-1]["message"] == "word"


def test_a_worker_whose_publisher_is_closed_is_told(log: UnreliableLog) -> None:
    worker = SyncPublisher(lambda: log)

    def say() -> None:
        with streamer.answer(CHAT, publisher=worker) as a:
            a.text("one ")
            worker.close()
            a.text("two")

    with pytest.raises(LogUnavailable):
        say()
    with pytest.raises(LogUnavailable), streamer.answer(CHAT, publisher=worker):
        pass


def test_several_threads_say_several_answers(log: UnreliableLog, worker: SyncPublisher) -> None:
    def say(number: int) -> None:
        with streamer.answer(CHAT, publisher=worker) as a:
            for n in range(200):
                a.text(f"{number}:{n} ")

    threads = [threading.Thread(target=say, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    wholes = sorted(body["message"] for body in asyncio.run(told(log)))
    assert wholes == sorted("".join(f"{k}:{n} " for n in range(200)) for k in range(8))


def test_the_chunks_of_a_long_answer_grow() -> None:
    said = Said(AnswerEvents(CHAT, "a"))
    now = 0.0
    for count in range(3 * CHUNKS_BEFORE_LONGER):
        said.add("x")
        assert not said.due_at(now - 0.001)
        assert said.due_at(now)
        said.take(now)
        waits = said.due - now
        longer = 2 ** (count // CHUNKS_BEFORE_LONGER)
        assert waits == pytest.approx(CHUNK_SECONDS * (longer - 0.5))
        now = said.due


pieces = st.lists(st.text(max_size=8), max_size=40)


@given(
    st.lists(
        st.tuples(pieces, st.sampled_from(["goes on", "is taken", "is away"])),
        max_size=8,
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_happens_chunks_and_whole_are_what_was_said(
    story: list[tuple[list[str], str]],
) -> None:
    async def run() -> None:
        log = UnreliableLog()
        listener = RecordingListener()
        notifications = log.listen(listener)
        await notifications.subscribe([CHAT])
        text = ""
        async with streamer.answer(CHAT, publisher=Publisher(log)) as a:
            for saying, event in story:
                for piece in saying:
                    a.text(piece)
                    text += piece
                if event == "is away":
                    log.refusals, log.lost_replies = 1, 1
                if event != "goes on":
                    await asyncio.sleep(0)  # noqa: TID251 - others take their turn
        [whole] = await told(log)
        assert whole["message"] == text
        await listener.heard(listener.ids[-1])
        assert heard_text(listener) == text
        await notifications.close()

    asyncio.run(run())
