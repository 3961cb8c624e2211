"""A UI message stream says what the answer says, wherever a reader comes in or falls behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from streamer.chats.answer_story import AnswerStory
from streamer.chats.answers import answer_named, last_answer
from streamer.dialects.ai_sdk.forms import PLAIN, replay_of
from streamer.errors import InvalidFields
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.publishing.answer import Answer
from streamer.publishing.answer_events import AnswerEvents
from streamer.publishing.saying import Saying
from streamer.wire.form import encode
from support.listening import RecordingListener
from support.speaking import CHAT, Speaker
from support.ui_message import UiClient


class Reader:
    """One stream: a replay of what was said by then, then whatever the test hands on."""

    def __init__(self, client: UiClient) -> None:
        self.client: Final = client
        self.cursor: Cursor = ORIGIN
        self.story: AnswerStory | None = None

    async def come(self, log: MemoryEventLog) -> None:
        self.log = log
        found = await answer_named(log, CHAT, "a", ORIGIN)
        answer = found.answer
        self.cursor = found.position
        self.story = AnswerStory("a", begun=answer)
        self.story.is_over = answer is not None and answer.end is not None
        self.client.feed(replay_of("a", answer))

    def read(self, events: list[Event]) -> None:
        """Take what follows the cursor."""
        assert self.story is not None
        for event in events:
            assert event.id is not None
            if event.id <= self.cursor:
                continue
            self.cursor = event.id
            if not (self.story.is_over or self.story.is_broken):
                self.client.feed(encode(PLAIN, list(self.story.take(event))))


class Act(NamedTuple):
    """One thing that is said: a method of `Saying`, and what it is given."""

    name: str
    given: tuple[Any, ...] = ()
    named: Mapping[str, Any] = MappingProxyType({})

    def __call__(self, a: Saying) -> None:
        """Say it, unless it makes no sense there: more of a tool's input, of which all was said."""
        with contextlib.suppress(InvalidFields):
            getattr(a, self.name)(*self.given, **self.named)


def draw_text(chance: random.Random) -> str:
    return "".join(chance.choices('a é"\u2028\n👋', k=chance.choice([1, 5, 40, 400, 2000])))


def draw(chance: random.Random) -> Act:
    """Anything that may be said, text most of all."""
    call, number = chance.choice(["c0", "c1"]), chance.randrange(9)
    return chance.choice(
        [
            *[Act("text", (draw_text(chance),))] * 6,
            *[Act("reasoning", (draw_text(chance),))] * 3,
            *[Act("tool_input", (call, draw_text(chance)), {"tool": "t"})] * 2,
            Act("tool_call", (call, "t", number)),
            Act("data", ("d", number), {"id": call}),
            Act("data", ("once", number), {"transient": True}),
            Act("metadata", (), {"n": number}),
            Act("source", ("https://example.com/x",), {"title": "X"}),
            Act("file", ("https://example.com/y.png", "image/png")),
            Act("custom", ("of.somebody",)),
            Act("step"),
        ]
    )


def plainly(acts: list[Act]) -> UiClient:
    """What a client has of an answer that it was told in one piece."""

    async def run() -> UiClient:
        log = MemoryEventLog()
        speaker = Speaker(log, max_bytes=10_000_000)
        for act in acts:
            act(speaker)
        speaker.said.complete(None, "stop")
        await speaker.tell()
        reader = Reader(UiClient())
        await reader.come(log)
        return reader.client

    return asyncio.run(run())


@pytest.mark.parametrize("seeds", [range(start, start + 25) for start in (0, 25)])
def test_whatever_is_said_and_whenever_somebody_comes_they_have_all_of_it(seeds: range) -> None:
    """Live, or from the log where wholes have taken the place of pieces, or a bit of both."""
    for seed in seeds:
        chance = random.Random(seed)
        void = [draw(chance) for _ in range(chance.randrange(4))]
        saying = [(draw(chance), chance.random() < 0.7) for _ in range(chance.randrange(30))]
        judge(seed, void, saying)


def judge(seed: int, void: list[Act], saying: list[tuple[Act, bool]]) -> None:
    """Have it said and read as the seed says; everybody has all of it in the end."""
    expected = plainly([act for act, _ in saying])
    for reader in asyncio.run(Run(seed).run(void, saying)):
        assert reader.story is not None
        if reader.story.is_broken:  # it was cut: it comes again
            reader.client.resume()
            asyncio.run(reader.come(reader.log))
        client = reader.client
        assert client.is_done, seed
        assert (client.finish, client.finish_reason) == ("finish", "stop"), seed
        assert client.message_id == "a"
        assert client.parts == expected.parts, seed
        assert client.metadata == expected.metadata


class Run:
    """One answer of two attempts, and readers who come at any moment and read in either way."""

    def __init__(self, seed: int) -> None:
        self._chance: Final = random.Random(seed)
        self._log: Final = MemoryEventLog()
        self._listener: Final = RecordingListener()
        self._readers: Final[list[Reader]] = []

    async def run(self, void: list[Act], saying: list[tuple[Act, bool]]) -> list[Reader]:
        notifications = self._log.listen(self._listener)
        await notifications.subscribe([CHAT])
        first = Speaker(self._log)
        for act in void:
            act(first)
            await first.tell()
            await self._happens()
        speaker = Speaker(self._log, attempt=2)
        for act, is_told in saying:
            act(speaker)
            if is_told:
                await speaker.tell()
                await self._happens()
        speaker.said.complete("m", "stop")
        await speaker.tell()
        await self._come()
        for reader in self._readers:
            reader.read(await self._after(reader))
        await notifications.close()
        return self._readers

    async def _happens(self) -> None:
        if self._chance.random() < 0.3:
            await self._come()
        for reader in self._readers:
            if self._chance.random() < 0.3:  # it reads the log
                reader.read(await self._after(reader))
            elif self._chance.random() < 0.5:  # it is live, or its process's tail has it
                await asyncio.sleep(0)  # noqa: TID251 - notifications arrive
                reader.read(self._listener.events)

    async def _come(self) -> None:
        self._readers.append(Reader(UiClient()))
        await self._readers[-1].come(self._log)

    async def _after(self, reader: Reader) -> list[Event]:
        return list((await self._log.read((CHAT,), reader.cursor, 1000)).events)


async def test_a_replay_has_one_frame_for_each_part() -> None:
    """Two thousand pieces of text, of reasoning, of a tool's input; over several segments."""
    log = MemoryEventLog()
    speaker = Speaker(log)
    for say in (
        speaker.reasoning,
        speaker.text,
        lambda piece: speaker.tool_input("c", piece, tool="t"),
    ):
        for n in range(2000):
            say(f"{n} ")
            if n % 100 == 0:
                await speaker.tell()
    await speaker.tell()
    reader = Reader(UiClient())
    await reader.come(log)
    assert reader.client.deltas() == 3
    assert reader.client.text == "".join(f"{n} " for n in range(2000))
    assert reader.client.finish is None


async def test_an_attempt_of_several_steps_cannot_be_taken_back_and_is_cut() -> None:
    log = MemoryEventLog()
    first = Speaker(log)
    first.text("one")
    first.step()
    first.text("two")
    await first.tell()
    reader = Reader(UiClient())
    await reader.come(log)
    second = Speaker(log, attempt=2)
    second.text("anew")
    await second.tell()
    reader.read(list((await log.read((CHAT,), reader.cursor, 1000)).events))
    assert reader.story is not None
    assert reader.story.is_broken
    reader.client.resume()
    await reader.come(log)
    assert (reader.client.text, reader.client.finish) == ("anew", None)


@pytest.mark.parametrize("reason", ["error", "cancelled"])
async def test_what_failed_or_was_stopped_ends_as_that(reason: Any) -> None:  # noqa: ANN401
    log = MemoryEventLog()
    speaker = Speaker(log)
    speaker.text("half ")
    await speaker.tell()
    reader = Reader(UiClient())
    await reader.come(log)
    speaker.text("of it")
    speaker.said.fail("why", reason)
    await speaker.tell()
    reader.read(list((await log.read((CHAT,), reader.cursor, 1000)).events))
    late = Reader(UiClient())
    await late.come(log)
    for client in (reader.client, late.client):
        assert client.text == "half of it"
        assert client.finish == {"error": "error", "cancelled": "abort"}[reason]
        assert client.is_done
        assert "why" in client.chunks[-1].values()


async def test_the_last_answer_is_the_one_that_is_being_said() -> None:
    log = MemoryEventLog()
    assert (await last_answer(log, CHAT)).answer is None
    for name in ("old", "new"):
        events = AnswerEvents(CHAT, name)
        await log.append(events.begin())
    await log.append(AnswerEvents(CHAT, "over").complete([], None, None))
    found = (await last_answer(log, CHAT)).answer
    assert found is not None
    assert found.answer == "new"
    for name in ("new", "old"):
        await log.append(AnswerEvents(CHAT, name).complete([], None, None))
    found = (await last_answer(log, CHAT)).answer
    assert found is not None
    assert (found.answer, found.is_whole) == ("old", True)


def test_an_answer_says_all_that_saying_has() -> None:
    assert issubclass(Answer, Saying)
