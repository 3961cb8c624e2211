"""Parsing an event stream, as the WHATWG wrote it down."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.client.frames import Frames
from streamer.client.received import Received

STREAM = (
    b"retry: 2000\nid: 1-0\nevent: connected\ndata: {}\n\n"
    b":\n"
    b'id: 2-0\nevent: failed\ndata: {"a":1}\n\n'
    b":\n:\n"
    b"event: typing\ndata: {}\n\n"
    b"id: 3-0\ndata: {}\n\n"
)
EVENTS = [
    Received("connected", b"{}", "1-0"),
    Received("error", b'{"a":1}', "2-0"),
    Received("typing", b"{}", None),
    Received("message", b"{}", "3-0"),
]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12), end=st.sampled_from(["\n", "\r\n"]))
def test_events_are_the_same_however_the_bytes_are_cut(cuts: list[int], end: str) -> None:
    stream = STREAM.replace(b"\n", end.encode())
    frames = Frames()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert [event for piece in pieces for event in frames.feed(piece)] == EVENTS
    assert frames.retry_ms == 2000


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\ndata: b\n\n", [Received("message", b"a\nb")]),
        (b"data:a\n\n", [Received("message", b"a")]),
        (b"data\n\n", [Received("message", b"")]),
        (b"id: 7-0\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [Received("message", b"a")]),
        (b"future: x\ndata: a\n\n", [Received("message", b"a")]),
        (b"id: 1\x00\ndata: a\n\n", [Received("message", b"a")]),
        (b"retry: soon\ndata: a\n\n", [Received("message", b"a")]),
        (b"data: unfinished\n", []),
        (b"data: \xe2\x80\xa8\n\n", [Received("message", "\u2028".encode())]),
    ],
)
def test_a_frame_is_read_by_the_letter(stream: bytes, events: list[Received]) -> None:
    assert list(Frames().feed(stream)) == events
