"""What an event is to whoever reads it: typed where it is known, and whole in any case."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.client import (
    CompletedEvent,
    ConnectedEvent,
    EndEvent,
    ErrorEvent,
    Event,
    GapEvent,
    ProgressEvent,
    StatusEvent,
)
from streamer.client.event import NotAnEvent, event_of
from streamer.client.received import Received


def read(**body: object) -> Event:
    return event_of(Received("", json.dumps(body).encode()))


def test_an_event_has_its_envelope_and_its_publisher_s_fields() -> None:
    text = '{"id":"5-0","type":"said","topic":"chats/1","topics":["chats/1","users/2"],'
    text += '"timestamp":"2026-11-27T11:39:53.349Z","text":"hé","new":{"deep":[1]}}'
    event = event_of(Received("said", text.encode(), "5-0"))
    assert type(event) is Event
    assert (event.type, event.id, event.topic) == ("said", "5-0", "chats/1")
    assert event.topics == ("chats/1", "users/2")
    assert event.time == datetime(2026, 11, 27, 11, 39, 53, 349000, tzinfo=UTC)
    assert event.fields == {"text": "hé", "new": {"deep": [1]}}
    assert event.body == text.encode()


def test_events_of_jobs_are_typed() -> None:
    common = {"task_name": "encode", "job_id": "j1", "attempt": 2, "message": "half", "x": 1}
    progress = read(type="progress", progress=1, metadata={"speed": 2.5}, **common)
    assert isinstance(progress, ProgressEvent)
    assert (progress.progress, progress.task_name, progress.job_id) == (1.0, "encode", "j1")
    assert (progress.attempt, progress.message) == (2, "half")
    assert progress.metadata == {"speed": 2.5}
    assert progress.fields["x"] == 1
    assert (progress.rate, progress.eta_seconds, progress.tasks) == (None, None, [])
    told = read(type="progress", progress=0, rate=2, eta_seconds=9.5, tasks=[{"name": "a"}, 5])
    assert isinstance(told, ProgressEvent)
    assert (told.rate, told.eta_seconds, told.tasks) == (2.0, 9.5, [{"name": "a"}])
    status = read(type="status", status="retrying")
    assert isinstance(status, StatusEvent)
    assert (status.status, status.job_id, status.project_id) == ("retrying", None, None)
    completed = read(type="completed", result={"url": "/x"}, parent_id="j0")
    assert isinstance(completed, CompletedEvent)
    assert (completed.result, completed.parent_id) == ({"url": "/x"}, "j0")
    assert completed.result_omitted is None
    error = read(type="error", error="no space", details=[1])
    assert isinstance(error, ErrorEvent)
    assert (error.error, error.details) == ("no space", [1])


def test_they_can_be_matched() -> None:
    match read(type="progress", progress=0.25):
        case ProgressEvent(progress=fraction):
            assert fraction == 0.25
        case _:
            pytest.fail("it is progress")


def test_control_events_say_where_the_reader_is() -> None:
    one = {"status": "running", "progress": 0.5}
    connected = read(type="connected", cursor="1-0", topic="jobs/1", snapshot=one, resumed=True)
    assert isinstance(connected, ConnectedEvent)
    assert (connected.id, connected.resumed) == ("1-0", True)
    assert connected.snapshots == {"jobs/1": one}
    several = read(type="connected", cursor="1-0", snapshots={"a": one, "b": {}})
    assert isinstance(several, ConnectedEvent)
    assert (several.snapshots, several.resumed) == ({"a": one, "b": {}}, False)
    gap = read(type="gap", cursor="7-0", topic=None, after="1-0", until="7-0", reason="trimmed")
    assert isinstance(gap, GapEvent)
    assert (gap.id, gap.after, gap.until, gap.reason) == ("7-0", "1-0", "7-0", "trimmed")
    end = read(type="end", topic="jobs/1", reason="completed", remaining=2)
    assert isinstance(end, EndEvent)
    assert (end.id, end.topic, end.reason, end.remaining) == (None, "jobs/1", "completed", 2)


def test_a_publisher_s_cursor_is_a_field_like_any_other() -> None:
    assert read(type="said", cursor="99-0").id is None


@pytest.mark.parametrize(
    "body",
    [
        {"type": "progress", "progress": "half"},
        {"type": "progress", "progress": True},
        {"type": "progress"},
        {"type": "status", "status": 5},
        {"type": "error", "error": None},
    ],
)
def test_what_is_not_what_its_type_promises_is_a_plain_event(body: dict[str, object]) -> None:
    """A server that is not ours may send anything; what is typed can be relied on."""
    event = read(**body)
    assert type(event) is Event
    assert event.type == body["type"]


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    [
        *("type", "id", "topic", "topics", "timestamp", "cursor", "progress", "status", "error"),
        *("snapshot", "snapshots", "remaining", "metadata", "job_id", "after"),
    ]
)
TYPES = st.sampled_from(["progress", "status", "error", "completed", "connected", "gap", "end"])


@given(body=st.dictionaries(NAMES, ANY, max_size=6), named=TYPES | ANY)
@settings(deadline=None)
def test_any_json_object_can_be_read(body: dict[str, object], named: object) -> None:
    event = read(**body | {"type": named})
    assert set(event.fields) <= set(body)
    assert json.loads(event.body) == body | {"type": named}
    for name in dir(event):
        if not name.startswith("_"):
            getattr(event, name)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"5", b"\xff", b"{" * 9, b"[" * 100_000])
def test_what_is_not_an_object_is_no_event(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        event_of(Received("said", body))
