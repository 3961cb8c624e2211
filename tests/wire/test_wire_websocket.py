"""The WebSocket wire, against the parser of the `websockets` package."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from streamer.errors import InvalidCursor, InvalidFrame, InvalidTopic, StreamerError
from streamer.events.control import Control
from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.wire.form import encode
from streamer.wire.websocket import (
    FRAMES,
    LINES,
    MAX_REASON_BYTES,
    Ping,
    Subscribe,
    Unsubscribe,
    close_reason,
    parse_command,
    text_frame,
)


def frames_of(data: bytes) -> list[Frame]:
    """What the `websockets` package reads, as a client."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frames = []
    while True:
        parsing = Frame.parse(reader.read_exact, mask=False, max_size=None)
        try:
            next(parsing)
        except StopIteration as result:
            frames.append(result.value)
        except EOFError:
            return frames
        else:
            raise AssertionError(f"{len(data)} bytes end within a frame")


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 65535, 65536, 65537, 200_000])
def test_a_frame_of_any_size_is_read_whole(size: int) -> None:
    """Text, final, unmasked, with nothing left over."""
    payload = b"x" * size
    frames = frames_of(text_frame(payload) + text_frame(b"next"))
    assert frames == [Frame(Opcode.TEXT, payload, fin=True), Frame(Opcode.TEXT, b"next", fin=True)]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_a_frame_has_the_shortest_length_that_holds_it(size: int) -> None:
    """RFC 6455, section 5.2: the minimal number of bytes must be used."""
    expected = Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    assert text_frame(b"x" * size) == expected


def test_a_heartbeat_is_an_empty_ping() -> None:
    """Every client answers it unasked."""
    assert frames_of(FRAMES.heartbeat) == [Frame(Opcode.PING, b"")]
    assert LINES.heartbeat == b"", "the server that frames also pings"


@given(st.lists(st.text(max_size=300), max_size=5))
def test_events_and_control_events_are_one_frame_each(texts: list[str]) -> None:
    """The same bodies as the lines that another server frames."""
    items: list[Event | Control] = [Control("pong")]
    for number, text in enumerate(texts):
        items.append(Control("end", {"reason": text}))
        items.append(Event(Cursor(number, 0), "note", ("a",), b'{"n":1}'))
    payloads = [frame.data for frame in frames_of(encode(FRAMES, items))]
    bodies = [item.body if isinstance(item, Event) else item.body() for item in items]
    assert payloads == bodies
    assert encode(LINES, items).split(b"\n") == [*bodies, b""]


COMMANDS = [
    ("ping", Ping()),
    ('{"type":"ping"}', Ping()),
    ('{"type":"ping","extra":1}', Ping()),
    ('{"type":"subscribe","topic":"a/b"}', Subscribe("a/b")),
    ('{"type":"subscribe","topic":"a","last_event_id":"7-1"}', Subscribe("a", "7-1")),
    ('{"type":"subscribe","topic":"a","last_event_id":null}', Subscribe("a")),
    (' {"topic":"a","type":"unsubscribe"} ', Unsubscribe("a")),
]


@pytest.mark.parametrize(("text", "command"), COMMANDS)
def test_a_command_is_read(text: str, command: object) -> None:
    """In any of the forms that clients send."""
    assert parse_command(text) == command


def test_a_subscription_has_a_cursor_if_it_names_an_event() -> None:
    """Else it begins with what is new."""
    assert Subscribe("a", "7-1").cursor() == Cursor(7, 1)
    assert Subscribe("a").cursor() is None


REFUSED: list[tuple[str | bytes, type[StreamerError], str]] = [
    (b"ping", InvalidFrame, "binary"),
    (b"", InvalidFrame, "binary"),
    ("", InvalidFrame, "allowed are the text ping"),
    ("PING", InvalidFrame, "allowed are"),
    ("hello", InvalidFrame, "allowed are"),
    ("null", InvalidFrame, "allowed are"),
    ("[]", InvalidFrame, "allowed are"),
    ("{}", InvalidFrame, "type"),
    ('{"type":"pong"}', InvalidFrame, "pong"),
    ('{"type":7}', InvalidFrame, "allowed are"),
    ('{"type":"subscribe"}', InvalidFrame, "topic"),
    ('{"type":"subscribe","topic":7}', InvalidFrame, "topic"),
    ('{"type":"subscribe","topic":"a","last_event_id":7}', InvalidFrame, "last_event_id"),
    ('{"type":"subscribe","topic":""}', InvalidTopic, "not a topic"),
    ('{"type":"subscribe","topic":"a//b"}', InvalidTopic, "'a//b' is not a topic"),
    ('{"type":"subscribe","topic":"a\\n"}', InvalidTopic, "not a topic"),
    ('{"type":"unsubscribe","topic":"*"}', InvalidTopic, "'*' is not a topic"),
    ('{"type":"subscribe","topic":"a","last_event_id":""}', InvalidCursor, "not an event id"),
    ('{"type":"subscribe","topic":"a","last_event_id":"$"}', InvalidCursor, "not an event id"),
    ('{"type":"subscribe","topic":"a","last_event_id":"1-1\\n"}', InvalidCursor, "not an event"),
    ('{"type":"ping"}{"type":"ping"}', InvalidFrame, "allowed are"),
    ('{"type":"ping"', InvalidFrame, "allowed are"),
    ("[" * 100_000, InvalidFrame, "allowed are"),
    ('{"type":"subscribe","topic":"\ud800"}', InvalidFrame, "allowed are"),
]


@pytest.mark.parametrize(("text", "error", "told"), REFUSED, ids=[str(r[0])[:50] for r in REFUSED])
def test_what_is_no_command_is_refused_with_what_is_allowed(
    text: str | bytes, error: type[StreamerError], told: str
) -> None:
    """In a message of bounded length that names what was wrong."""
    with pytest.raises(error) as caught:
        parse_command(text)
    assert told in caught.value.detail
    assert len(caught.value.detail) < 500


@given(st.text() | st.binary())
def test_any_frame_at_all_is_a_command_or_refused(text: str | bytes) -> None:
    """Nothing else is ever raised."""
    with contextlib.suppress(InvalidFrame, InvalidTopic, InvalidCursor):
        parse_command(text)


@given(st.text(max_size=300))
def test_a_close_reason_fits_into_its_frame(text: str) -> None:
    """Cut between characters, never within one."""
    cut = close_reason(text)
    assert len(cut.encode()) <= MAX_REASON_BYTES
    assert text.startswith(cut)
    assert len(text.encode()) <= MAX_REASON_BYTES or len(cut.encode()) > MAX_REASON_BYTES - 4
