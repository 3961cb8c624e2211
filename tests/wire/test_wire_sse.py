"""The SSE wire, against WIRE's rules and two independent parsers of HTTP."""

from __future__ import annotations

import re

import h11
import httptools
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from streamer.events.control import Control
from streamer.events.cursor import Cursor
from streamer.events.event import CONTROL_TYPES, Event
from streamer.events.json_line import encode_line
from streamer.events.new_event import frame_size
from streamer.wire import sse
from streamer.wire.form import encode
from streamer.wire.websocket import FRAMES, LINES
from support.event_source import EventSourceParser

ID = Cursor(1738483210123, 4)
NASTY = "x\u2028y\u2029z\u0085w\r\n\n: \0 id: 1\rdata: \ud7ff\U0001f600"


def note(type_: str = "note", id_: Cursor | None = ID, text: str = "t") -> Event:
    return Event(id_, type_, ("a",), encode_line({"text": text}))


def test_a_durable_event_is_event_data_and_id() -> None:
    """In one frame, with line feeds only, ended by an empty line."""
    assert sse.NAMED.event(note()) == (
        b"event: note\n"
        b'data: {"id":"1738483210123-4","type":"note","topic":"a",'
        b'"timestamp":"2025-02-02T08:00:10.123Z","text":"t"}\n'
        b"id: 1738483210123-4\n\n"
    )


def test_an_ephemeral_event_has_no_id() -> None:
    """It must not move a reader's cursor."""
    frame = sse.NAMED.event(note("typing", None))
    assert frame == b'event: typing\ndata: {"type":"typing","topic":"a","text":"t"}\n\n'


def test_the_unnamed_form_leaves_out_only_the_name() -> None:
    """So that one onmessage sees everything."""
    named, unnamed = sse.NAMED.event(note()), sse.UNNAMED.event(note())
    assert unnamed == named.replace(b"event: note\n", b"")


def test_an_error_is_named_failed() -> None:
    """A browser's own error event says something else; the body keeps the type."""
    frame = sse.NAMED.event(note("error"))
    assert b"event: failed\n" in frame
    assert b'"type":"error"' in frame
    assert b"event: failed\n" in sse.NAMED.control(Control("error", {"error": "no"}))


def test_retry_stands_in_a_frame_with_data() -> None:
    """Digits only, and in no other frame."""
    control = Control("reconnect", {"retry_ms": 2500}, retry_ms=2500)
    frame = sse.NAMED.control(control)
    assert frame == b'event: reconnect\nretry: 2500\ndata: {"type":"reconnect","retry_ms":2500}\n\n'
    assert b"retry" not in sse.NAMED.control(Control("pong"))


def test_a_heartbeat_is_a_comment_without_an_empty_line() -> None:
    """With one, four clients see an empty event."""
    assert sse.NAMED.heartbeat == b":\n"
    assert sse.NAMED_CHUNKED.heartbeat == b"2\r\n:\n\r\n"


def test_the_headers_are_those_that_proxies_need() -> None:
    """Exactly these."""
    assert sse.HEADERS == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache, no-transform",
        "X-Accel-Buffering": "no",
    }


FORMS = [sse.NAMED, sse.UNNAMED]


class HastyParser(EventSourceParser):
    """Moves its cursor at the ``id:`` line, as three clients do."""

    @property
    def cursor(self) -> str:
        return self._id


ITEMS = st.lists(
    st.one_of(
        st.builds(
            note,
            st.sampled_from(["note", "error", "progress"]),
            st.sampled_from([ID, None]),
            st.text() | st.just(NASTY),
        ),
        st.builds(
            Control,
            st.sampled_from(sorted(CONTROL_TYPES)),
            st.fixed_dictionaries({"reason": st.text() | st.just(NASTY)}),
            st.sampled_from([ID, None]),
            st.sampled_from([None, 2500]),
        ),
    ),
    min_size=1,
    max_size=5,
)


@given(ITEMS, st.sampled_from(FORMS))
def test_a_frame_holds_one_line_of_each_field_whatever_is_in_it(
    items: list[Event | Control], form: sse.Sse
) -> None:
    """No raw line end of any kind, no NUL; an id or a retry only where there is data."""
    joined = encode(form, items)
    text = joined.decode()
    assert not re.search("[\r\0\u2028\u2029\u0085]", text)
    frames = text.split("\n\n")
    assert frames.pop() == ""
    assert len(frames) == len(items)
    for frame in frames:
        names = [line.split(": ", 1)[0] for line in frame.split("\n")]
        assert names.count("data") == 1
        assert set(names) <= {"id", "retry", "event", "data"}
        assert len(names) == len(set(names))
        # A client may move its cursor at this line: nothing of the frame comes after it.
        assert "id" not in names[:-1]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("parser_of", [EventSourceParser, HastyParser], ids=["strict", "hasty"])
def test_a_cut_at_any_byte_loses_no_event(
    form: sse.Sse, parser_of: type[EventSourceParser]
) -> None:
    """A client that comes back with its cursor has seen everything up to there.

    One place is left to clients that move it at the ``id:`` line: between the last
    two bytes of a frame, for an event ends with an empty line.
    """
    ids = [Cursor(1738483210123, n) for n in range(8, 12)]
    frames = [
        form.control(Control("connected", {"cursor": str(ids[0])}, id=ids[0], retry_ms=2000)),
        form.event(note(id_=ids[1])),
        form.control(Control("gap", {"cursor": str(ids[2])}, id=ids[2])),
        form.event(note("error", ids[3])),
    ]
    written = b"".join(frames)
    between = {len(b"".join(frames[:n])) - 1 for n in range(1, len(frames) + 1)}
    lost = set()
    for cut in range(len(written) + 1):
        parser = parser_of()
        parser.feed(written[:cut])
        seen = len(parser.events)
        if parser.cursor not in {"", *map(str, ids[:seen])}:
            lost.add(cut)
    assert lost == (between if parser_of is HastyParser else set())


@given(ITEMS, st.lists(st.integers(1, 40), max_size=50))
def test_an_event_source_reads_what_was_written(
    items: list[Event | Control], cuts: list[int]
) -> None:
    """However the network cuts it, heartbeats between the frames make no event."""
    written = sse.HEARTBEAT.join([encode(sse.NAMED, [item]) for item in items]) + sse.HEARTBEAT
    parser = EventSourceParser()
    for cut in cuts:
        parser.feed(written[:cut])
        written = written[cut:]
    parser.feed(written)
    bodies = [item.body if isinstance(item, Event) else item.body() for item in items]
    assert [event.data.encode() for event in parser.events] == bodies
    types = ["failed" if item.type == "error" else item.type for item in items]
    assert [event.type for event in parser.events] == types
    last = ""
    for item, event in zip(items, parser.events, strict=True):
        last = str(item.id) if item.id is not None else last
        assert event.last_event_id == last
    if any(isinstance(item, Control) and item.retry_ms for item in items):
        assert parser.retry_ms == 2500


def test_an_event_is_encoded_once_for_both_forms_of_transport() -> None:
    """Chunked or not, its frame is the same object."""
    event = note()
    encode(sse.NAMED, [event])
    assert event.encoded(sse.NAMED_CHUNKED.name, lambda _event: b"other") == sse.NAMED.event(event)
    assert sse.NAMED.name != sse.UNNAMED.name


@given(
    st.sampled_from(["note", "error", "progress"]),
    st.lists(st.sampled_from(["a", "projects/p", "jobs/" + "j" * 64]), min_size=1, unique=True),
    st.text() | st.just(NASTY),
    st.builds(Cursor, st.integers(0, 2**43), st.integers(0, 2**64 - 1)),
)
def test_the_size_an_event_is_measured_by_is_that_of_its_largest_frame(
    type_: str, topics: list[str], text: str, id_: Cursor
) -> None:
    """To the byte, for the longest id; no other id and no other form makes it larger."""
    fields = encode_line({"text": text})
    size = frame_size(type_, tuple(topics), fields)
    widest = Cursor(253_402_300_799_999, 2**64 - 1)
    frame = sse.NAMED.event(Event(widest, type_, tuple(topics), fields))
    assert len(frame) == size
    event = Event(id_, type_, tuple(topics), fields)
    for form in (sse.NAMED, sse.UNNAMED, FRAMES, LINES):
        assert len(form.event(event)) <= size


SIZES = [1, 9, 10, 15, 16, 255, 256, 65535, 65536]


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_is_read_by_h11(size: int) -> None:
    """Of any size, followed by the last chunk."""
    data = b"x" * size
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.receive_data(sse.chunk(data) + sse.chunk(data) + sse.LAST_CHUNK)
    assert isinstance(client.next_event(), h11.Response)
    got = b""
    while isinstance(event := client.next_event(), h11.Data):
        got += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert got == data + data


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_is_read_by_httptools(size: int) -> None:
    """As browsers' parsers are of its kind."""

    class Client:
        body = b""
        complete = False

        def on_body(self, body: bytes) -> None:
            self.body += body

        def on_message_complete(self) -> None:
            self.complete = True

    client = Client()
    parser = httptools.HttpResponseParser(client)
    parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    parser.feed_data(sse.chunk(b"y" * size))
    assert client.body == b"y" * size
    assert not client.complete
    parser.feed_data(sse.LAST_CHUNK)
    assert client.complete


def test_a_body_is_the_same_bytes_on_every_wire() -> None:
    """Encoded once."""
    event = note(text=NASTY)
    assert b"data: " + event.body + b"\nid: " in sse.NAMED.event(event)
    assert msgspec.json.decode(event.body)["text"] == NASTY
