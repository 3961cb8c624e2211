"""The public API as a user writes it: read by mypy and pyright, never run.

`assert_type` says what an expression is. A line with two ignores is a mistake that
both checkers must find: an ignore that nothing needs is itself an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, assert_type

import msgspec

import streamer
from streamer import (
    JobCancelled,
    JobKind,
    Notifications,
    Progress,
    Publisher,
    SyncPublisher,
    progress,
    track,
)
from streamer.client import (
    AsyncEventStream,
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
    Refused,
    Snapshot,
    StatusEvent,
    Unreachable,
    follow,
    follow_async,
)
from streamer.eventlog.base import EventLog


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
    SyncPublisher()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
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


def notifies_people(publisher: SyncPublisher) -> None:
    notifications = Notifications(publisher)
    assert_type(notifications, Notifications[None])
    notifications.system_message("Back at 8", level="warning", target="all")


class Thumbnails(msgspec.Struct):
    """The parameters of a kind of job."""

    pages: list[str]


def draw(parameters: Thumbnails, _settings: object) -> int:
    return len(parameters.pages)


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
        case StatusEvent():
            assert_type(event.status, str)
        case CompletedEvent():
            assert_type(event.result, Any)
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


def asks_for_what_is_not_there() -> None:
    streamer.tracks([])  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
