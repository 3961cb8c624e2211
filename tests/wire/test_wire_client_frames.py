"""Frames of a client, against what RFC 6455 and the `websockets` package make of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from streamer.wire.client_frames import (
    ClientFrames,
    CloseFrame,
    Message,
    Part,
    PingFrame,
    PongFrame,
    Received,
    Violation,
    unmasked,
)

LIMIT = 2000
TEXT, BINARY, MORE = 0x81, 0x82, 0x80


def frame(head: int, payload: bytes = b"", *, size: bytes | None = None, mask: int = 0x80) -> bytes:
    """One frame with a mask of its own; `size` is its second byte and what extends that."""
    if size is None:
        length = len(payload)
        size = bytes((mask | length,)) if length < 126 else struct.pack("!BH", mask | 126, length)
    key = b"\x12\x34\xab\xcd" if mask else b""
    return bytes((head,)) + size + key + (masked(payload, key) if key else payload)


def masked(payload: bytes, key: bytes) -> bytes:
    """As section 5.3 of RFC 6455 has it, byte by byte."""
    return bytes(byte ^ key[number % 4] for number, byte in enumerate(payload))


def deflated(payload: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def read(pieces: Sequence[bytes], *, limit: int = LIMIT, may_deflate: bool = False) -> list[object]:
    """What comes of `pieces`; the last of it is the code of a violation, if there is one."""
    frames = ClientFrames(limit, may_deflate=may_deflate)
    found: list[object] = []
    try:
        for piece in pieces:
            frames.feed(piece)
            while (received := frames.next()) is not None:
                found.append(received)
    except Violation as violation:
        found.append(violation.code)
    return found


_texts = st.text(max_size=200)
_controls = st.sampled_from([Opcode.PING, Opcode.PONG])
#: Fragments of one message, each with the control frames that come before it.
_message = st.tuples(
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    _texts,
    st.lists(st.integers(0, 200), max_size=3),
    st.lists(st.tuples(_controls, st.binary(max_size=125)), max_size=2),
    st.booleans(),
)


@settings(deadline=None, derandomize=True, database=None)
@given(
    messages=st.lists(_message, max_size=5),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    may_deflate=st.booleans(),
)
def test_messages_are_the_same_however_their_bytes_are_split(
    messages: list[tuple[Opcode, str, list[int], list[tuple[Opcode, bytes]], bool]],
    cuts: list[int],
    may_deflate: bool,
) -> None:
    """Whatever stands between fragments, and whether they are compressed; by another's frames."""
    wire, expected = b"", list[Received]()
    for opcode, text, borders, controls, wants_deflate in messages:
        is_deflated = wants_deflate and may_deflate
        payload = deflated(text.encode()) if is_deflated else text.encode()
        ends = sorted({*(min(border, len(payload)) for border in borders), 0, len(payload)})
        parts = [payload[start:end] for start, end in pairwise(ends)] or [b""]
        for number, part in enumerate(parts):
            for control, data in controls if number else ():
                wire += Frame(control, data).serialize(mask=True)
                expected.append(PingFrame(data) if control is Opcode.PING else PongFrame())
            is_last = number == len(parts) - 1
            kind = Opcode.CONT if number else opcode
            first, *rest = Frame(kind, part, fin=is_last).serialize(mask=True)
            rsv1 = 0x40 if is_deflated and number == 0 else 0
            wire += bytes((first | rsv1, *rest))
            if not is_last:
                expected.append(Part())
        expected.append(Message(text if opcode is Opcode.TEXT else text.encode()))
    borders = sorted({0, *(min(cut, len(wire)) for cut in cuts), len(wire)})
    pieces = [wire[start:end] for start, end in pairwise(borders)]
    assert read(pieces, may_deflate=may_deflate) == expected
    assert read([bytes((byte,)) for byte in wire], may_deflate=may_deflate) == expected


VIOLATIONS = {
    "a reserved bit": (frame(0xA1, b"x"), 1002),
    "another": (frame(0x91, b"x"), 1002),
    "a compressed message that nobody agreed to": (frame(0xC1, deflated(b"x")), 1002),
    "a reserved opcode": (frame(0x83), 1002),
    "a reserved opcode of control": (frame(0x8B), 1002),
    "no mask": (frame(TEXT, b"ping", mask=0), 1002),
    "a continuation of nothing": (frame(MORE), 1002),
    "a continuation of what has ended": (frame(TEXT, b"a") + frame(MORE), 1002),
    "a message in another": (frame(0x01, b"a") + frame(TEXT, b"b"), 1002),
    "a long ping": (frame(0x89, b"x" * 126), 1002),
    "a long pong": (frame(0x8A, b"x" * 126), 1002),
    "a long close": (frame(0x88, b"\x03\xe8" + b"x" * 124), 1002),
    "a ping in fragments": (frame(0x09), 1002),
    "a close in fragments": (frame(0x08), 1002),
    "a close of one byte": (frame(0x88, b"\x03"), 1002),
    "a negative length": (frame(TEXT, size=b"\xff" + b"\xff" * 8), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), 1007),
    "text that is cut": (frame(TEXT, "ä".encode()[:1]), 1007),
    "text that is cut over fragments": (
        frame(0x01, "ä".encode()[:1]) + frame(0x00) + frame(MORE, b"a"),
        1007,
    ),
    "a reason that is not UTF-8": (frame(0x88, b"\x03\xe8\xff"), 1007),
    "a frame over the limit": (frame(TEXT, b"x" * (LIMIT + 1)), 1009),
    "a head that says so": (frame(BINARY, size=b"\xff" + (1 << 40).to_bytes(8)), 1009),
    "fragments over the limit": (frame(0x01, b"x" * LIMIT) + frame(MORE, b"x"), 1009),
}


@pytest.mark.parametrize("may_deflate", [False, True])
@pytest.mark.parametrize(("wire", "code"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_each_violation_has_its_close_code_however_it_is_split(
    wire: bytes, code: int, may_deflate: bool
) -> None:
    """And what stands before it is read."""
    if may_deflate and wire[0] == 0xC1:
        return
    before = frame(0x89, b"before")
    for pieces in ([before + wire], [bytes((byte,)) for byte in before + wire]):
        first, *_, last = read(pieces, may_deflate=may_deflate)
        assert first == PingFrame(b"before")
        assert last == code


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_a_close_code_that_may_be_sent_is_taken(code: int) -> None:
    wire = frame(0x88, code.to_bytes(2) + "bis später".encode())
    assert read([wire]) == [CloseFrame(code, "bis später")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
def test_a_close_code_that_nobody_may_send_is_a_violation(code: int) -> None:
    assert read([frame(0x88, code.to_bytes(2))]) == [1002]


def test_a_close_frame_may_have_no_code() -> None:
    assert read([frame(0x88)]) == [CloseFrame(1005, "")]


@pytest.mark.parametrize("size", [125, 126, 127, 1000, LIMIT])
def test_a_message_up_to_the_limit_is_taken_in_any_form_of_its_length(size: int) -> None:
    """Also in more bytes than it needs."""
    payload = b"x" * size
    long = b"\xff" + size.to_bytes(8)
    for wire in (frame(TEXT, payload), frame(TEXT, payload, size=long)):
        assert read([wire]) == [Message(payload.decode())]


def test_a_frame_that_is_too_large_is_refused_before_it_comes() -> None:
    """By its head alone: nothing of it need be held."""
    assert read([b"\x82\xfe\xff\xff"]) == [1009]


def test_a_compressed_message_is_never_larger_in_memory_than_another() -> None:
    """Whoever sends a kilobyte that is a gigabyte is refused."""
    bomb = deflated(b"\0" * 1_000_000)
    assert len(bomb) < LIMIT
    assert read([frame(0xC1, bomb)], may_deflate=True) == [1009]
    assert read([frame(0xC2, deflated(b"\0" * LIMIT))], may_deflate=True) == [
        Message(b"\0" * LIMIT)
    ]


def test_what_is_compressed_wrongly_is_a_violation() -> None:
    assert read([frame(0xC1, b"\xff" * 10)], may_deflate=True) == [1002]


def test_a_fragment_after_the_first_says_nothing_of_compression() -> None:
    """RFC 7692, section 6.1: the bit is of the message, and on its first frame alone."""
    wire = deflated(b"hello")
    whole = frame(0x41, wire[:3]) + frame(MORE, wire[3:])
    assert read([whole], may_deflate=True) == [Part(), Message("hello")]
    assert read([frame(0x41, wire[:3]) + frame(0xC0, wire[3:])], may_deflate=True)[-1] == 1002


def test_between_messages_nothing_is_held() -> None:
    """Only then may what reads them be thrown away."""
    frames = ClientFrames(LIMIT)
    assert frames.is_empty
    for piece in (frame(0x01, b"a"), frame(0x89), frame(MORE, b"b")[:3]):
        frames.feed(piece)
        while frames.next() is not None:
            pass
        assert not frames.is_empty
    frames.feed(frame(MORE, b"b")[3:])
    assert frames.next() == Message("ab")
    assert frames.is_empty


@given(payload=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_a_mask_is_taken_off_as_it_is_put_on(payload: bytes, mask: bytes) -> None:
    assert unmasked(masked(payload, mask), mask) == payload
