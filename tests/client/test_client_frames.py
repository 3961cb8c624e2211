"""Parsing an event stream, as the WHATWG wrote it down."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.client.frames import Frames, FrameTooLarge
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


@given(
    cuts=st.lists(st.integers(0, len(STREAM)), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
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
        (b"retry: " + b"9" * 5000 + b"\ndata: a\n\n", [Received("message", b"a")]),
        (b"data: a\r\r", [Received("message", b"a")]),
        (b"data: a\r\n\r", [Received("message", b"a")]),
        (b"data: a\n\xef\xbb\xbfdata: b\n\n", [Received("message", b"a")]),
        (b"event: x\ndata: a\nid: 1-0\n\n", [Received("x", b"a", "1-0")]),
        (b"data: unfinished\n", []),
        (b"data: \xe2\x80\xa8\n\n", [Received("message", "\u2028".encode())]),
    ],
)
def test_a_frame_is_read_by_the_letter(stream: bytes, events: list[Received]) -> None:
    assert list(Frames().feed(stream)) == events


def test_a_short_first_piece_is_not_kept_for_a_mark_that_comes_later() -> None:
    frames = Frames()
    assert list(frames.feed(b"\n")) == []
    assert list(frames.feed(b"\xef\xbb")) == []
    assert list(frames.feed(b"\xbfdata: a\n\n")) == []  # a field that nobody knows


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: " + b"x" * 993 + b"\n"])
def test_an_event_that_never_ends_is_not_kept_for_ever(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.client.frames.LARGEST_FRAME", 5000)
    frames = Frames()
    with pytest.raises(FrameTooLarge):
        assert [list(frames.feed(piece)) for _ in range(6)]
