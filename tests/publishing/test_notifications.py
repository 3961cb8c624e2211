"""What a platform tells its users: which event each method publishes, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from streamer import Notifications, Publisher
from streamer.errors import InvalidFields, InvalidTopic
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.events.cursor import ORIGIN

Tell = Callable[[Notifications[Any]], Any]

CASES: dict[str, tuple[Tell, tuple[str, ...], str, dict[str, Any]]] = {
    "a user": (
        lambda to: to.notify("7", "invited", by="ada", chat="chats/42"),
        ("users/7",),
        "invited",
        {"by": "ada", "chat": "chats/42"},
    ),
    "progress": (
        lambda to: to.transcode_progress("v1", "running", 45, "half way"),
        ("admin",),
        "transcode_progress",
        {"video_id": "v1", "status": "running", "progress": 45, "message": "half way"},
    ),
    "progress, to a user too": (
        lambda to: to.transcode_progress("v1", "running", 100, user="7"),
        ("users/7", "admin"),
        "transcode_progress",
        {"video_id": "v1", "status": "running", "progress": 100, "message": ""},
    ),
    "done": (
        lambda to: to.transcode_complete("v1", "Cats", "hls", 123_456),
        ("admin",),
        "transcode_complete",
        {"video_id": "v1", "title": "Cats", "format_type": "hls", "file_size": 123_456},
    ),
    "failed": (
        lambda to: to.transcode_failed("v1", "Cats", "no space", user="7"),
        ("users/7", "admin"),
        "transcode_failed",
        {"video_id": "v1", "title": "Cats", "error": "no space"},
    ),
    "everybody": (
        lambda to: to.system_message("back at 8"),
        ("system",),
        "system_message",
        {"message": "back at 8", "level": "info"},
    ),
    "admins": (
        lambda to: to.system_message("disk", "error", "admin"),
        ("admin",),
        "system_message",
        {"message": "disk", "level": "error"},
    ),
    "one by name": (
        lambda to: to.system_message("welcome", "success", "7"),
        ("users/7",),
        "system_message",
        {"message": "welcome", "level": "success"},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_each_is_published_to_whom_it_concerns(case: str) -> None:
    tell, topics, event_type, fields = CASES[case]
    log = MemoryEventLog()
    await tell(Notifications(Publisher(log)))
    page = await log.read(topics, ORIGIN, 10)
    (event,) = page.events
    assert (event.type, event.topics) == (event_type, topics)
    kept = {name: value for name, value in _body(event.body).items() if name in fields}
    assert kept == fields


def _body(text: bytes) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(text)
    return body


@pytest.mark.parametrize("progress", [-1, 100.5, float("nan")])
async def test_progress_is_in_percent(progress: float) -> None:
    with pytest.raises(InvalidFields, match="0 to 100"):
        await Notifications(Publisher(MemoryEventLog())).transcode_progress(
            "v", "running", progress
        )


async def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidFields, match="info, success, warning, error"):
        await Notifications(Publisher(MemoryEventLog())).system_message("x", "loud")  # type: ignore[arg-type]


async def test_a_user_who_is_no_topic_is_refused() -> None:
    with pytest.raises(InvalidTopic, match="user id"):
        await Notifications(Publisher(MemoryEventLog())).notify("a/b", "invited")


async def test_how_far_a_transcode_is_does_not_count_as_unread() -> None:
    log = MemoryEventLog()
    tell = Notifications(Publisher(log))
    await tell.transcode_progress("v1", "running", 45, user="7")
    await tell.transcode_complete("v1", "Cats", "hls", 1, user="7")
    await tell.system_message("welcome", target="7")
    reading = await log.reader_cursors.states(("users/7", "admin"), "7")
    assert [state.unread for state in reading.states.values()] == [2, 1]
