"""Events: one body, encoded once, and the entry the log keeps."""

from __future__ import annotations

import msgspec
import pytest

from streamer.events.cursor import Cursor
from streamer.events.event import Event

ID = Cursor(1738483210123, 4)
HEAD = (
    b'"id":"1738483210123-4","type":"tick","topic":"chats/1","timestamp":"2025-02-02T08:00:10.123Z"'
)


@pytest.mark.parametrize(
    ("id_", "fields", "body"),
    [
        (
            ID,
            b'{"n":1}',
            b"{%b,%b}" % (HEAD, b'"n":1'),
        ),
        (
            ID,
            b"{}",
            b"{%b}" % HEAD,
        ),
        (None, b'{"n":1}', b'{"type":"tick","topic":"chats/1","n":1}'),
        (None, b"{}", b'{"type":"tick","topic":"chats/1"}'),
    ],
)
def test_a_body_is_one_flat_object(id_: Cursor | None, fields: bytes, body: bytes) -> None:
    """The server's fields first, then the publisher's; without an id no timestamp."""
    event = Event(id_, "tick", ("chats/1",), fields)
    assert event.body == body
    msgspec.json.decode(event.body)


@pytest.mark.parametrize(
    ("fields", "rest"), [(b'{"n":1}', b',"n":1}'), (b"{}", b"}")], ids=["fields", "none"]
)
def test_a_body_of_several_topics_names_them_all(fields: bytes, rest: bytes) -> None:
    """The first as its topic, so that a reader of another finds its own."""
    stamp = msgspec.json.decode(Event(ID, "tick", ("a",), b"{}").body)["timestamp"]
    body = Event(ID, "tick", ("projects/p", "jobs/j"), fields).body
    assert body == (
        f'{{"id":"{ID}","type":"tick","topic":"projects/p","topics":["projects/p","jobs/j"],'
        f'"timestamp":"{stamp}"'.encode()
        + rest
    )
    assert msgspec.json.decode(body)["topics"] == ["projects/p", "jobs/j"]


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("topics", [("a",), ("a/b", "c", "d.e~f")])
@pytest.mark.parametrize("fields", [b"{}", b'{"a":"x y"}', '{"a":"é\\n"}'.encode()])
def test_an_entry_is_read_as_it_was_written(
    terminal: bool, topics: tuple[str, ...], fields: bytes
) -> None:
    """No JSON is decoded for it."""
    event = Event(ID, "tick.tock", topics, fields, terminal=terminal)
    read = Event.from_entry(ID, event.entry())
    assert (read.id, read.type, read.topics, read.fields, read.terminal) == (
        ID,
        "tick.tock",
        topics,
        fields,
        terminal,
    )
    assert read.body == event.body


@pytest.mark.parametrize("entry", [b"", b"x", b"- tick", b"- tick\n{}", b"\n{}", b"- tick a {}"])
def test_anything_else_is_no_entry(entry: bytes) -> None:
    """Whoever wrote it."""
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is for nobody
        Event.from_entry(None, entry)


def test_each_wire_form_is_encoded_once() -> None:
    """However many readers ask."""
    event = Event(ID, "tick", ("a",), b"{}")
    calls: list[Event] = []

    def encode(given: Event) -> bytes:
        calls.append(given)
        return b"frame"

    assert [event.encoded(form, encode) for form in ("sse", "sse", "ws", "sse")] == [b"frame"] * 4
    assert calls == [event, event]
    assert event.body is event.body
    assert event.size > len(event.body)
