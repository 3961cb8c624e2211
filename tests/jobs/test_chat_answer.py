"""The job that answers a message: whole and once, whatever becomes of who says it."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import pytest
from dramatiq import Broker

import streamer
from streamer.config.settings import Settings
from streamer.errors import InvalidParameter, NotFound, TooManyJobs, UnknownJobKind
from streamer.eventlog.redis.log import RedisEventLog
from streamer.events.cursor import ORIGIN, Cursor
from streamer.events.event import Event
from streamer.events.new_event import new_event
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.chat_answer import builtin, completions
from streamer.jobs.chat_answer.asking import Answers
from streamer.jobs.chat_answer.chat_answer import CHAT_ANSWER
from streamer.jobs.chat_answer.history import (
    MAX_CHARACTERS,
    MAX_MESSAGES,
    Line,
    as_messages,
    read_history,
)
from streamer.jobs.offers import OfferedKind
from streamer.jobs.schema_types import struct_of
from streamer.jobs.submit import Jobs
from streamer.jobs.worker import open_publisher
from streamer.publishing.publisher import Publisher
from streamer.publishing.sync_publisher import SyncPublisher
from support.ai_server import CUT, AiServer, Script, Step, chunk, whole
from support.jobs import bodies_of, working
from support.listening import RecordingListener
from support.processes import Program
from support.waiting import wait_until

CHAT: Final = "chats/42"
#: A worker whose death is noticed after a second.
WORKER: Final = """
from streamer.config.settings import Settings
from streamer.jobs.actors import declare_actors
from streamer.jobs.broker import create_broker
from streamer.jobs.known_kinds import load_kinds
from streamer.jobs.worker import Stop, open_publisher, run_until

settings = Settings.from_env()
publisher = open_publisher(settings)
broker = create_broker(settings, publisher, heartbeat_timeout=1, maintenance_chance=1_000_000)
declare_actors(broker, settings, load_kinds().values())
print("working", flush=True)
run_until(Stop(), broker, threads=1)
publisher.close()
"""


class Chat:
    """A conversation, what is said in it, and who listens."""

    def __init__(self, log: RedisEventLog, settings: Settings) -> None:
        self.log: Final = log
        self.publisher: Final = Publisher(log)
        self.jobs: Final = Jobs(settings, log, self.publisher)
        self.answers: Final = Answers(lambda: self.jobs, self.publisher)
        self.heard: Final = RecordingListener()

    async def say(self, text: str = "hello", username: str = "Ada") -> str:
        fields = {"message": text, "is_user": True, "user": username, "username": username}
        return str(await self.publisher.publish(CHAT, "message", fields))

    async def ask(self, text: str = "hello") -> str:
        """Say something, and have it answered."""
        id_ = await self.say(text)
        await self.answers.ask("42", id_)
        return id_

    async def bodies(self) -> list[dict[str, Any]]:
        """What is kept, but the messages."""
        return [body for body in await bodies_of(self.log, CHAT) if body["type"] != "message"]

    def told(self) -> list[dict[str, Any]]:
        """What was told while it was said."""
        bodies = [msgspec.json.decode(event.body) for event in self.heard.events]
        return [body for body in bodies if body["type"] != "message"]

    async def ended(self) -> dict[str, Any]:
        """Wait for the end of an answer."""

        def last() -> dict[str, Any] | None:
            ends = [b for b in self.told() if b["type"] in ("ai_complete", "ai_failed")]
            return ends[-1] if ends else None

        found = await wait_until(last, "the answer did not end")
        assert found is not None
        return found

    async def said(self, text: str) -> None:
        """Wait until somebody who listens from the beginning reads `text`."""
        await wait_until(lambda: folded(self.told()) == text, f"{text!r} was not read")


def folded(bodies: list[dict[str, Any]]) -> str:
    """What a reader shows of an answer that it hears from its beginning."""
    text = ""
    for body in bodies:
        if body["type"] == "ai_chunk":
            text += body["chunk"]
        elif body["type"] == "ai_reset":
            text = ""
        elif body["type"] == "ai_complete":
            # The whole is what was said.
            assert text == body["message"]
    return text


@pytest.fixture
async def chat(redis_log: RedisEventLog, job_settings: Settings) -> AsyncIterator[Chat]:
    chat = Chat(redis_log, job_settings)
    notifications = redis_log.listen(chat.heard)
    await notifications.subscribe([CHAT])
    yield chat
    await notifications.close()
    chat.jobs.close()


#: Runs the answers of a server, or of the responder, in this process.
Answering = Callable[..., Any]


@pytest.fixture
def answering(job_settings: Settings, job_publisher: SyncPublisher) -> Answering:
    @contextmanager
    def run(url: str, **settings: str) -> Iterator[Broker]:
        given = msgspec.structs.replace(job_settings, ai_url=url, **settings)
        broker = create_broker(given, job_publisher, max_retries=2)
        kind = msgspec.structs.replace(
            CHAT_ANSWER, options={**CHAT_ANSWER.options, "min_backoff": 10, "max_backoff": 20}
        )
        declare_actors(broker, given, [kind])
        with working(broker):
            yield broker
        broker.client.close()

    return run


async def test_a_message_is_answered_whole(chat: Chat, answering: Answering) -> None:
    message_id = await chat.ask()
    with AiServer(whole("Hi ", "Ada")) as server, answering(server.url, ai_model="m0"):
        end = await chat.ended()
    assert [body["type"] for body in await chat.bodies()] == ["ai_complete"]
    assert {name: end[name] for name in end if name not in ("id", "timestamp", "answer")} == {
        "type": "ai_complete",
        "topic": CHAT,
        "message": "Hi Ada",
        "is_user": False,
        "model": "m1",
        "finish_reason": "stop",
        "attempt": 1,
        "segment": 1,
        "reply_to": message_id,
    }
    assert folded(chat.told()) == "Hi Ada"
    assert server.requests[0]["messages"] == [{"role": "user", "content": "hello"}]


async def test_the_responder_says_that_it_is_one(chat: Chat, answering: Answering) -> None:
    await chat.ask("how are  you?")
    with answering("builtin"):
        end = await chat.ended()
    assert end["message"].startswith("You said “how are you?”, which is 3 words. I am")
    assert end["model"] == "streamer-builtin"
    assert folded(chat.told()) == end["message"]


async def test_its_first_attempt_fails_if_it_is_asked_to(
    chat: Chat, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin, "PACE", 0.005)
    await chat.ask("please fail, and say something long")
    with answering("builtin"):
        end = await chat.ended()
    assert (end["attempt"], end["type"]) == (2, "ai_complete")
    types = [body["type"] for body in chat.told()]
    assert types.count("ai_reset") == 1
    assert types.index("ai_chunk") < types.index("ai_reset")
    assert folded(chat.told()) == end["message"]


@pytest.mark.parametrize(
    "broken",
    [[chunk("Hi "), chunk("there"), CUT], [chunk("Hi ")], [CUT], 503],
    ids=["cut", "stopped", "cut at once", "refused"],
)
async def test_another_attempt_doubles_no_word(
    chat: Chat, answering: Answering, broken: Script
) -> None:
    await chat.ask()
    with AiServer(broken, whole("Hi ", "Ada")) as server, answering(server.url):
        end = await chat.ended()
    assert (end["message"], end["attempt"]) == ("Hi Ada", 2)
    assert folded(chat.told()) == "Hi Ada"
    attempts = [body["attempt"] for body in chat.told()]
    assert attempts == sorted(attempts)
    reset = next(body for body in chat.told() if body["attempt"] == 2)
    assert reset["type"] == "ai_reset"
    assert [body["type"] for body in await chat.bodies()] == ["ai_complete"]


async def test_when_no_attempt_is_left_it_is_told_to_have_failed(
    chat: Chat, answering: Answering
) -> None:
    message_id = await chat.ask()
    with AiServer([chunk("Hi "), CUT]) as server, answering(server.url):
        end = await chat.ended()
    assert len(server.requests) == 3
    assert (end["type"], end["reason"], end["attempt"]) == ("ai_failed", "error", 3)
    assert (end["reply_to"], end["message"]) == (message_id, "Hi ")
    assert "the AI server was lost" in end["error"]
    assert "127.0.0.1" not in end["error"]
    assert [body["type"] for body in await chat.bodies()] == ["ai_failed"]


async def test_who_will_not_answer_is_asked_once(chat: Chat, answering: Answering) -> None:
    await chat.ask()
    with AiServer(401) as server, answering(server.url, ai_key="secret"):
        end = await chat.ended()
    assert (end["type"], len(server.requests)) == ("ai_failed", 1)
    assert "secret" not in str(chat.told())


async def test_a_worker_that_is_killed_leaves_no_whole_and_the_next_doubles_no_word(
    chat: Chat, job_settings: Settings
) -> None:
    """By kill -9, in the middle of a word."""
    hold = threading.Event()
    steps: list[Step] = [chunk("The first "), chunk("half"), hold]
    with AiServer(steps, whole("The first ", "half, ", "and the second")) as server:
        settings = msgspec.structs.replace(job_settings, ai_url=server.url)
        command = [sys.executable, "-c", WORKER]
        await chat.ask()
        with Program(command, environ=settings.to_env()) as worker:
            await chat.said("The first half")
            worker.signal(signal.SIGKILL)
            worker.wait()
        kept = [body["type"] for body in await chat.bodies()]
        assert set(kept) == {"ai_start", "ai_chunk"}
        with Program(command, environ=settings.to_env()):
            end = await chat.ended()
        hold.set()
    assert (end["type"], end["message"]) == ("ai_complete", "The first half, and the second")
    assert end["attempt"] == 2
    assert folded(chat.told()) == end["message"]
    assert [body["type"] for body in await chat.bodies()] == ["ai_complete"]


async def test_whoever_resumes_in_the_middle_of_what_is_gone_is_given_the_whole(
    chat: Chat, answering: Answering
) -> None:
    """And is told of no gap: nothing is lost."""
    hold = threading.Event()
    await chat.ask()
    with AiServer([chunk("Hi "), hold, *whole("Ada")]) as server, answering(server.url):
        await chat.said("Hi ")
        cursor = chat.heard.ids[-1]
        assert cursor is not None
        hold.set()
        await chat.ended()
    page = await chat.log.read((CHAT,), cursor, 100)
    assert page.gaps == ()
    assert [_fields(event).get("message") for event in page.events] == ["Hi Ada"]


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(event.fields)
    return fields


async def test_an_answer_is_stopped_and_what_was_said_of_it_is_kept(
    chat: Chat, answering: Answering
) -> None:
    """The server is left, too: nobody pays for what nobody reads."""
    await chat.ask()
    with AiServer([chunk("Hi "), threading.Event()]) as server, answering(server.url):
        await chat.said("Hi ")
        answer = chat.told()[0]["answer"]
        assert (await chat.answers.stop("42", answer))["status"] == "running"
        end = await chat.ended()
        await wait_until(lambda: server.left == 1, "the server was not left")
        await wait_until(lambda: _status(chat, answer, "cancelled"), "the job did not end")
    assert (end["type"], end["reason"], end["message"]) == ("ai_failed", "cancelled", "Hi ")
    assert [body["type"] for body in await chat.bodies()] == ["ai_failed"]
    await chat.answers.stop("42", answer)
    assert [body["type"] for body in await chat.bodies()] == ["ai_failed"]


async def _status(chat: Chat, job_id: str, status: str) -> bool:
    return bool((await chat.jobs.state(job_id))["status"] == status)


async def test_an_answer_is_stopped_while_it_waits_for_its_next_attempt(
    chat: Chat, job_settings: Settings, job_publisher: SyncPublisher
) -> None:
    hold = threading.Event()
    with AiServer([chunk("Hi "), hold, CUT]) as server:
        given = msgspec.structs.replace(job_settings, ai_url=server.url)
        broker = create_broker(given, job_publisher)
        options = {**CHAT_ANSWER.options, "min_backoff": 60_000, "max_backoff": 90_000}
        declare_actors(broker, given, [msgspec.structs.replace(CHAT_ANSWER, options=options)])
        await chat.ask()
        with working(broker):
            await chat.said("Hi ")
            answer = chat.told()[0]["answer"]
            hold.set()
            await wait_until(lambda: _status(chat, answer, "retrying"), "it was not to be retried")
            assert (await chat.answers.stop("42", answer))["status"] == "cancelled"
        end = await chat.ended()
        broker.client.close()
    assert (end["type"], end["reason"]) == ("ai_failed", "cancelled")
    assert [body["type"] for body in await chat.bodies()] == ["ai_failed"]


async def test_an_answer_of_another_conversation_is_not_stopped(chat: Chat) -> None:
    await chat.ask()
    [job] = (await chat.jobs.recent(5)).jobs
    assert job["kind"] == "chat_answer"
    for conversation, answer in (("43", job["job_id"]), ("42", "nothing")):
        with pytest.raises(NotFound):
            await chat.answers.stop(conversation, answer)
    assert (await chat.jobs.state(job["job_id"]))["status"] == "queued"


async def test_a_message_is_answered_once_however_often_it_is_asked_for(
    chat: Chat, answering: Answering
) -> None:
    message_id = await chat.ask()
    await chat.answers.ask("42", message_id)
    with AiServer(whole("once")) as server, answering(server.url):
        await chat.ended()
        await chat.answers.ask("42", message_id)
    assert len(server.requests) == 1
    assert len((await chat.jobs.recent(5)).jobs) == 1


async def test_a_message_is_said_though_its_answer_cannot_be_queued(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise TooManyJobs("as many are queued as may be")

    monkeypatch.setattr(chat.jobs, "_refuse_if_full", refuse)
    message_id = await chat.ask()
    [failed] = await chat.bodies()
    assert (failed["type"], failed["reply_to"]) == ("ai_failed", message_id)


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        (None, "'reply' is not a kind of job"),
        ({"properties": {}}, "a reply job cannot be made of this"),
        ({"properties": {"chat": {}, "message_id": {}}, "takes_project": True}, "a project_id"),
    ],
    ids=["none", "other parameters", "a project"],
)
async def test_a_kind_that_cannot_answer_fails_and_the_log_says_why(
    chat: Chat,
    job_settings: Settings,
    caplog: pytest.LogCaptureFixture,
    takes: dict[str, Any] | None,
    said: str,
) -> None:
    kinds = {} if takes is None else {"reply": offered(**takes)}
    jobs = Jobs(job_settings, chat.log, chat.publisher, kinds=kinds)
    answers = Answers(lambda: jobs, chat.publisher, "reply")
    await answers.ask("42", await chat.say())
    assert (await chat.ended())["error"] == "the answer could not be queued"
    assert said in caplog.text
    jobs.close()


def offered(properties: dict[str, Any], *, takes_project: bool = False) -> OfferedKind:
    """A kind that a worker offers."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return OfferedKind(
        name="reply",
        parameters=struct_of(schema),
        run=lambda *_: None,
        actor="reply",
        queue="default",
        desk="desk",
        schema=schema,
        takes_project=takes_project,
        description="",
    )


async def test_an_answer_longer_than_an_event_is_whole_in_several(
    chat: Chat, answering: Answering
) -> None:
    """And the next answer is told all of it, as one."""
    await chat.ask()
    with AiServer(whole(*["word " * 1000] * 20)) as server, answering(server.url):
        end = await chat.ended()
    assert (end["type"], end["finish_reason"], end["segment"]) == ("ai_complete", "stop", 2)
    segment, last = await chat.bodies()
    assert segment["type"] == "ai_segment"
    assert segment["message"] + last["message"] == "word " * 20_000


async def test_a_model_is_told_a_long_answer_as_one(chat: Chat) -> None:
    async def tell(kind: str, segment: int, text: str, answer: str, attempt: int = 1) -> None:
        fields = {"answer": answer, "segment": segment, "message": text, "attempt": attempt}
        await chat.publisher.publish(CHAT, kind, {**fields, "is_user": False})

    await chat.say("one")
    await tell("ai_segment", 1, "void ", "a")
    await tell("ai_segment", 1, "the whole ", "a", 2)
    await tell("ai_complete", 2, "answer", "a", 2)
    await tell("ai_segment", 1, "never whole", "b")
    last = Cursor.parse(await chat.say("two"))
    assert await read_history(chat.log, CHAT, last) == [
        Line("one", "Ada"),
        Line("the whole answer", None),
        Line("two", "Ada"),
    ]


async def test_a_server_that_is_silent_is_asked_again(
    chat: Chat, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = completions.say
    monkeypatch.setattr(completions, "say", lambda *a, **k: say(*a, **k, silence=0.1))
    await chat.ask()
    steps: list[Step] = [chunk("Hi "), threading.Event()]
    with AiServer(steps, whole("Hi ", "Ada")) as server, answering(server.url):
        end = await chat.ended()
    assert (end["message"], end["attempt"]) == ("Hi Ada", 2)


async def test_a_kind_of_the_servers_own_is_not_asked_for_over_http(chat: Chat) -> None:
    body = {"kind": "chat_answer", "chat": "42", "message_id": "1-0"}
    with pytest.raises(UnknownJobKind):
        await chat.jobs.submit("p1", body)


# What a model is told


async def test_a_model_is_told_what_was_said_before(chat: Chat) -> None:
    await chat.say("one")
    await chat.publisher.publish(CHAT, "ai_complete", {"message": "two", "is_user": False})
    await chat.publisher.publish(CHAT, "user_left", {"username": "Bob"})
    files = [{"url": "/a", "name": "a.png"}]
    said = {"message": "three", "username": "Ada", "attachments": files}
    third = await chat.publisher.publish(CHAT, "message", said)
    await chat.say("after it")
    assert third is not None
    lines = await read_history(chat.log, CHAT, third)
    assert as_messages(lines) == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three\n[attached: a.png]"},
    ]


async def test_whoever_has_a_publisher_is_told_a_conversation(
    chat: Chat, job_settings: Settings
) -> None:
    id_ = await chat.say("hello")
    with open_publisher(job_settings) as publisher:
        told = await asyncio.to_thread(streamer.conversation, CHAT, id_, publisher=publisher)
    assert told == [{"role": "user", "content": "hello"}]
    with pytest.raises(InvalidParameter, match="needs a publisher"):
        streamer.conversation(CHAT, id_)


async def test_where_several_speak_each_has_a_name(chat: Chat) -> None:
    await chat.say("one", "Ada")
    last = Cursor.parse(await chat.say("two", "Bob"))
    lines = await read_history(chat.log, CHAT, last)
    assert [line["content"] for line in as_messages(lines)] == ["Ada: one", "Bob: two"]


async def test_a_model_is_told_so_much_and_no_more(chat: Chat) -> None:
    for n in range(MAX_MESSAGES + 5):
        await chat.say(str(n))
    last = Cursor.parse(await chat.say("last"))
    lines = await read_history(chat.log, CHAT, last)
    assert len(lines) == MAX_MESSAGES
    assert lines[-1] == Line("last", "Ada")
    await chat.say("x" * (MAX_CHARACTERS // 2))
    large = Cursor.parse(await chat.say("y" * MAX_CHARACTERS))
    assert await read_history(chat.log, CHAT, large) == [Line("y" * MAX_CHARACTERS, "Ada")]


async def test_of_a_message_that_is_not_kept_nothing_is_told(chat: Chat) -> None:
    await chat.say("one")
    assert await read_history(chat.log, CHAT, ORIGIN) == []
    other = await chat.log.append(new_event("chats/43", "message", {"message": "elsewhere"}))
    assert other is not None
    assert await read_history(chat.log, CHAT, other) == []
