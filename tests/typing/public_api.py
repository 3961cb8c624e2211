"""The public API as a user writes it: read by mypy and pyright, never run.

`assert_type` says what an expression is. A line with two ignores is a mistake that
both checkers must find: an ignore that nothing needs is itself an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, assert_type

import dramatiq
import msgspec
from redis import Redis
from rq import Queue
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

import streamer
from streamer import (
    Answer,
    Authorize,
    FastHttp,
    FastWebSocket,
    Job,
    JobCancelled,
    JobKind,
    LogHandler,
    MemoryEventLog,
    Notifications,
    Progress,
    Publisher,
    RedisEventLog,
    RQWorker,
    SessionPublisher,
    Settings,
    StreamerApp,
    StreamerPlugin,
    SyncPublisher,
    Task,
    __version__,
    answer,
    conversation,
    create_app,
    django_user,
    install,
    job_kind,
    outbox_metadata,
    patch_tqdm,
    progress,
    relay,
    track,
)
from streamer.client import (
    AsyncEventStream,
    AsyncReading,
    ClientError,
    CompletedEvent,
    ConnectedEvent,
    EndEvent,
    ErrorEvent,
    Event,
    EventStream,
    GapEvent,
    Interruption,
    JobEvent,
    ProgressEvent,
    Reading,
    Refused,
    Snapshot,
    StatusEvent,
    Unreachable,
    follow,
    follow_async,
    reading,
    reading_async,
)
from streamer.eventlog.base import EventLog
from streamer.testing import (
    FakeClock,
    Published,
    RecordingLog,
    assert_not_published,
    assert_published,
)


def installs_a_queue(broker: object) -> None:
    assert_type(install(broker), SyncPublisher)
    assert_type(install(broker, redis_url="redis://localhost", prefix="mine"), SyncPublisher)
    queue = Queue(connection=Redis())
    assert_type(install(queue), SyncPublisher)
    assert_type(RQWorker([queue]).work(burst=True), bool)
    streamer.install(broker, "redis://localhost")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def is_a_job_itself() -> None:
    with streamer.job("encode", project="p1") as job:
        assert_type(job, Job)
        assert_type(job.id, str)
        job.progress(0.5, "half way", fps=24)
        job.result = {"frames": 240}
        for number in job.track(range(3)):
            assert_type(number, int)
    async with streamer.job("encode", id="nightly") as same:
        assert_type(same.cancelled, bool)
    streamer.job()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def reports_from_a_job(pages: list[str]) -> None:
    assert_type(progress(), Progress)
    assert_type(progress().fraction, float)
    assert_type(progress().cancelled, bool)
    assert_type(progress().job_id, str | None)
    assert_type(track(pages), Iterator[str])
    assert_type(progress().track(enumerate(pages), total=3), Iterator[tuple[int, str]])
    for page in streamer.track(pages, message="drawing"):
        assert_type(page, str)
    try:
        progress().update(1, "half way", step=2, of="three")
    except JobCancelled as cancelled:
        assert_type(cancelled, JobCancelled)

    progress().update("half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    progress().fraction = 0.5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    track(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def tells_more_from_a_job(pages: list[str]) -> None:
    p = streamer.progress()
    with p.task("encode", total=240, unit="s", weight=8) as task:
        assert_type(task, Task)
        task.advance(1)
        task.advance()
        assert_type(task.total, float | None)
        task.total = 300
        task.done = 12.5
        assert_type(task.done, float)
        assert_type(task.fraction, float)
        assert_type(task.task("inner"), Task)
        assert_type(task.track(pages), Iterator[str])
    p.log("hello", "warning", source="ffmpeg")
    p.meta(codec="h264")
    p.meta({"color space": "bt709"}, pages=3)
    p.partial({"pages": pages})
    p.checkpoint([1, 2])
    assert_type(p.last_checkpoint, Any)
    with p.capture_stdout():
        pass
    assert_type(p.environ(), dict[str, str])
    with ThreadPoolExecutor() as pool:
        assert_type(pool.submit(p.wrap(len), pages).result(), int)
    logging.getLogger().addHandler(LogHandler(logging.INFO))
    patch_tqdm()

    p.task("encode", 240)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    p.task("encode", total="many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    task.advance("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    p.wrap(len)(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    p.last_checkpoint = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def publishes_from_a_worker(log: EventLog) -> None:
    with SyncPublisher(lambda: log, max_events=10) as publisher:
        assert_type(publisher, SyncPublisher)
        publisher.publish(["jobs/1", "projects/p"], "said", {"text": "hello"}, ephemeral=True)
        publisher.progress("jobs/1", 0.5, task_name="encode", metadata={"fps": 25})
        publisher.status("jobs/1", "running", message="away we go")
        publisher.error("jobs/1", "no such file", details={"errno": 2}, attempt=1)
        publisher.completed("jobs/1", [1, 2], unless=["jobs/1/over"])
        assert_type(publisher.flush(), bool)
        assert_type(publisher.dropped, int)
    assert_type(publisher.close(timeout=1.0), bool)

    SyncPublisher(log)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    SyncPublisher()
    publisher.progress("jobs/1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    publisher.publish("a", "b", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def publishes_from_an_event_loop(log: EventLog) -> None:
    publisher = Publisher(log, max_event_bytes=1000)
    event_id = await publisher.publish("chats/42", "said", {"text": "hello"}, idempotency_key="k")
    if event_id is not None:
        assert_type(event_id.ms, int)
        assert_type(str(event_id), str)
    # Every kind of event answers as `publish` does.
    event_id = await publisher.progress("jobs/1", 0.5)
    event_id = await publisher.status("jobs/1", "cancelled")
    event_id = await publisher.error("jobs/1", "no such file")
    event_id = await publisher.completed("jobs/1")

    str(event_id.ms)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


def publishes_in_a_transaction(session: Session, engine: Engine) -> None:
    outbox_metadata.create_all(engine)
    publisher = SessionPublisher(session, max_event_bytes=1000)
    publisher.publish("orders/1", "paid", {"amount": 5}, idempotency_key="k")
    assert_type(Notifications(publisher), Notifications[None])
    SessionPublisher(engine)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def relays(engine: AsyncEngine, session: AsyncSession, publisher: Publisher) -> None:
    SessionPublisher(session).completed("jobs/1", [1, 2])
    async with relay(engine, publisher, seconds=0.1) as nothing:
        assert_type(nothing, None)
    relay("sqlite://", publisher)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def notifies_people(publisher: SyncPublisher) -> None:
    notifications = Notifications(publisher)
    assert_type(notifications, Notifications[None])
    notifications.system_message("Back at 8", level="warning", target="all")


class Thumbnails(msgspec.Struct):
    """The parameters of a kind of job."""

    pages: list[str]


def answers_from_a_job(tokens: Iterator[str]) -> None:
    with answer("chats/42", reply_to="1738483210123-0") as said:
        assert_type(said, Answer)
        for token in tokens:
            assert_type(said.text(token), None)
        said.model = "m1"
        said.finish_reason = "stop"
    assert_type(conversation("chats/42", "1738483210123-0"), list[dict[str, str]])
    assert_type(said.said, str)
    assert_type(said.name, str)


async def answers_from_a_handler(publisher: Publisher) -> None:
    async with answer("chats/42", publisher=publisher, name="a1", attempt=2) as said:
        assert_type(said, Answer)


def draw(parameters: Thumbnails, _settings: object) -> int:
    return len(parameters.pages)


@job_kind
@dramatiq.actor(max_retries=3)
def thumbnail(source: str, width: int = 320) -> str:
    return f"{source} {width}"


@job_kind("slowly")
@dramatiq.actor
async def slow(source: str) -> str:
    return source


def starts_an_actor_that_is_marked() -> None:
    assert_type(thumbnail("a.png", width=64), str)
    thumbnail.send("a.png")
    thumbnail.send(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    slow.send("a.png")
    job_kind(len)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def offers_a_kind_of_job(fields: Mapping[str, Any]) -> None:
    kind = JobKind(name="thumbnails", parameters=Thumbnails, run=draw, options={"max_retries": 3})
    assert_type(kind, JobKind)
    assert_type(kind.read(fields), msgspec.Struct)

    JobKind(name="thumbnails")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kind.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def follows_and_blocks(url: str) -> None:
    def reconnecting(interruption: Interruption) -> None:
        assert_type(interruption.reason, str)
        assert_type(interruption.seconds, float)
        assert_type(interruption.attempt, int)
        assert_type(interruption.unreachable, bool)

    stream = streamer.follow(url, "jobs/1", "jobs/2", start="earliest", on_reconnect=reconnecting)
    assert_type(stream, EventStream)
    try:
        with stream as events:
            for event in events:
                assert_type(event, Event)
                assert_type(event.type, str)
                assert_type(event.body, bytes)
                assert_type(event.id, str | None)
                assert_type(event.topic, str | None)
                assert_type(event.topics, tuple[str, ...])
                assert_type(event.time, datetime | None)
                assert_type(event.fields, dict[str, Any])
                event.id = ""  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        assert_type(stream.last_event_id, str | None)
    except Refused as refused:
        assert_type(refused.status, int)
        assert_type(refused.detail, str)
        assert_type(refused.code, str | None)
    except Unreachable as unreachable:
        assert_type(unreachable.attempts, int)
        assert_type(unreachable.reason, str)
    except ClientError as other:
        assert_type(other, ClientError)

    follow(url, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    follow(url, "a", transport="poll")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def knows_what_it_was_given(event: Event) -> None:
    match event:
        case ProgressEvent(progress=fraction):
            assert_type(fraction, float)
            assert_type(event.rate, float | None)
            assert_type(event.eta_seconds, float | None)
            assert_type(event.tasks, list[dict[str, Any]])
        case StatusEvent():
            assert_type(event.status, str)
        case CompletedEvent():
            assert_type(event.result, Any)
            assert_type(event.result_omitted, str | None)
        case ErrorEvent():
            assert_type(event.error, str)
            assert_type(event.details, Any)
        case ConnectedEvent():
            assert_type(event.resumed, bool)
            assert_type(event.snapshots, dict[str, Snapshot])
        case GapEvent():
            assert_type(event.after, str)
            assert_type(event.until, str)
            assert_type(event.reason, str)
        case EndEvent():
            assert_type(event.reason, str)
            assert_type(event.remaining, int)
        case _:
            assert_type(event, Event)
    if isinstance(event, JobEvent):
        assert_type(event.job_id, str | None)
        assert_type(event.task_name, str | None)
        assert_type(event.attempt, int | None)
        assert_type(event.metadata, dict[str, Any])


async def follows_in_an_event_loop(url: str) -> None:
    async def token() -> str:
        return "token"

    stream = streamer.follow_async(
        url, "jobs/1", until_end=True, after="0-0", token=token, transport="websocket"
    )
    assert_type(stream, AsyncEventStream)
    async with stream as events:
        async for event in events:
            assert_type(event, Event)

    list(stream)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    follow(url, "a", token=token)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    follow_async(url, "a", heartbeat="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def reads_a_topic(url: str) -> None:
    with streamer.reading(url, "chats/42", reader="ada", after="0-0") as topic:
        assert_type(topic, Reading)
        assert_type(topic.count(), int | None)
        for event in topic:
            assert_type(event, Event)
            assert_type(topic.unread, int | None)
            assert_type(topic.cursor, str | None)
            topic.mark_as_read(event.id)

    reading(url, "a", "b")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    topic.unread = 0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def reads_a_topic_in_an_event_loop(url: str) -> None:
    async with streamer.reading_async(url, "users/7", token="t") as topic:
        assert_type(topic, AsyncReading)
        assert_type(await topic.count(), int | None)
        await topic.mark_as_read()
        async for event in topic:
            assert_type(event, Event)

    reading_async(url, "a", token=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def mounts_it(host: object) -> None:
    async def who(connection: Any) -> Mapping[str, object] | None:  # noqa: ANN401 - as users write it
        user = await django_user(connection)
        return {"sub": str(user.pk)} if user else None

    authorize: Authorize = who
    live = create_app(authorize=authorize)
    assert_type(live, StreamerApp)
    async with live.lifespan():
        assert_type(live.publisher, Publisher)
        assert_type(await live.get_publisher(), Publisher)
        assert_type(live.sync_publisher, SyncPublisher)
    live.beside(host, at="/live")
    create_app(Settings(port=8001), MemoryEventLog())
    assert_type(StreamerPlugin("/live", authorize=who).app, StreamerApp)
    create_app(log=RedisEventLog("redis://localhost:6379"))
    assert_type(FastHttp.drain_seconds + FastWebSocket.drain_seconds, float)
    assert __version__.startswith("0.")

    StreamerPlugin(guards="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    create_app(authorize="ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.publisher = None  # type: ignore[misc, assignment]  # pyright: ignore[reportAttributeAccessIssue]


def tests_what_it_publishes() -> None:
    log = RecordingLog(FakeClock(1.0))
    assert_type(log.publisher, Publisher)
    assert_type(assert_published(log, "jobs/1", "said", text="a").fields, dict[str, Any])
    assert_not_published(log, "jobs/1", "said", log="is a field as any other")
    events: list[Published] = log.published
    assert_type(events[0].id, str | None)

    assert_published(log, "jobs/1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def asks_for_what_is_not_there() -> None:
    streamer.tracks([])  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
