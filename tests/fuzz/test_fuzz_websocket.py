from __future__ import annotations

import json
import os
import struct
from typing import Final

import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection, connect

from support.live import Live
from support.waiting import DEADLINE

_SETTINGS: Final = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
_topics = st.sampled_from(["projects/p", "a/b", "..", "", "/", "x" * 500]) | st.text(max_size=40)
_commands = st.fixed_dictionaries(
    {"type": st.sampled_from(["ping", "subscribe", "unsubscribe", "end"]) | _scalars},
    optional={
        "topic": _topics | _scalars | st.lists(_topics, max_size=3),
        "last_event_id": st.sampled_from(["0-0", "1-1", "9" * 15 + "-0", "x"]) | _scalars,
        "extra": st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=8),
    },
).map(json.dumps)
_texts = st.one_of(
    _commands,
    st.text(max_size=200),
    st.sampled_from(["ping", "", "null", "[]", "{}", "[" * 5000, '{"type":' * 500, "9" * 5000]),
)
#: One message as its fragments; bytes are a binary one.
_messages = st.one_of(
    _texts.map(lambda text: [text]),
    st.lists(st.text(max_size=30), min_size=2, max_size=5),
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
)


def url_of(live: Live) -> str:
    return f"{live.ws_url}/api/v1/stream?topic=projects/fuzz"


def read_until_pong(socket: ClientConnection) -> list[str]:
    """Types of what came, up to the pong; each is a JSON object of one line."""
    types = []
    while True:
        text = socket.recv(timeout=DEADLINE)
        assert isinstance(text, str), "a binary frame came"
        body = json.loads(text)
        types.append(body["type"])
        assert "Traceback" not in text
        if body["type"] == "pong":
            return types


@_SETTINGS
@given(
    messages=st.lists(_messages, max_size=6), pings=st.lists(st.binary(max_size=125), max_size=2)
)
def test_no_message_costs_a_client_its_connection(
    fuzzed: Live, messages: list[list[str] | list[bytes]], pings: list[bytes]
) -> None:
    """Every message is obeyed or told what was wrong; then a ping is still answered."""
    with connect(url_of(fuzzed), proxy=None, max_size=None) as socket:
        for message in messages:
            socket.send(message if len(message) > 1 else message[0])
        for payload in set(pings):
            assert socket.ping(payload).wait(DEADLINE), "a ping frame was not answered"
        socket.send("ping")
        types = read_until_pong(socket)
        assert types[0] == "connected"
        known = {"connected", "caught_up", "refused", "subscribed", "unsubscribed", "pong", "gap"}
        assert set(types) <= known, types


def frame(head: int, payload: bytes, *, masked: bool = True) -> bytes:
    """One frame as it stands on the wire (RFC 6455, section 5.2)."""
    mask = os.urandom(4)
    bit = 0x80 if masked else 0
    size = len(payload)
    if size <= 125:
        length = bytes((bit | size,))
    elif size <= 0xFFFF:
        length = struct.pack("!BH", bit | 126, size)
    else:
        length = struct.pack("!BQ", bit | 127, size)
    if not masked:
        return bytes((head,)) + length + payload
    data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes((head,)) + length + mask + data


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(frame(0x81, b"\xff\xfe"), 1007, id="text that is not UTF-8"),
        pytest.param(frame(0x81, b"x" * 20_000), 1009, id="a frame over the limit"),
        pytest.param(frame(0xC1, b"ping"), 1002, id="a reserved bit"),
        pytest.param(frame(0x83, b"ping"), 1002, id="a reserved opcode"),
        pytest.param(frame(0x81, b"ping", masked=False), 1002, id="a frame without a mask"),
        pytest.param(frame(0x80, b"ping"), 1002, id="a continuation of nothing"),
        pytest.param(frame(0x89, b"x" * 126), 1002, id="a long control frame"),
        pytest.param(frame(0x09, b""), 1002, id="a control frame in fragments"),
        pytest.param(frame(0x88, b"\x03"), 1002, id="a close frame of one byte"),
        pytest.param(frame(0x88, struct.pack("!H", 1005)), 1002, id="a close code nobody sends"),
    ],
)
def test_a_broken_frame_is_answered_by_its_close_code(fuzzed: Live, wire: bytes, code: int) -> None:
    """As RFC 6455 (sections 5 and 7.4) has it, and the server serves on."""
    with connect(url_of(fuzzed), proxy=None) as socket:
        assert json.loads(socket.recv(timeout=DEADLINE))["type"] == "connected"
        socket.socket.sendall(wire)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            read_until_pong(socket)  # none comes
        assert closed.value.rcvd is not None, "cut without a close frame"
        assert closed.value.rcvd.code == code


@_SETTINGS
@given(garbage=st.binary(min_size=1, max_size=400))
def test_bytes_that_are_no_frames_end_their_connection_and_no_other(
    fuzzed: Live, garbage: bytes
) -> None:
    with connect(url_of(fuzzed), proxy=None, close_timeout=0.05) as socket:
        socket.socket.sendall(garbage)
