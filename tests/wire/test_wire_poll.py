"""The answer to a poll."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streamer.events.cursor import Cursor
from streamer.events.event import Event
from streamer.events.json_line import encode_line
from streamer.events.page import Gap
from streamer.hub.controls import gap_control
from streamer.wire.poll import answer


def test_an_empty_page_is_still_an_answer() -> None:
    """With the cursor to go on from."""
    assert answer([], Cursor(7, 1), None) == b'{"events":[],"cursor":"7-1","gap":null}'


def test_the_gap_is_beside_the_events() -> None:
    """With the fields of the control event; a page that is polled has one at most."""
    gap = gap_control(Gap("a", Cursor(1, 0), Cursor(3, 0), "trimmed"), Cursor(3, 0))
    assert msgspec.json.decode(answer([], Cursor(3, 0), gap)) == {
        "events": [],
        "cursor": "3-0",
        "gap": {
            "type": "gap",
            "topic": "a",
            "after": "1-0",
            "until": "3-0",
            "reason": "trimmed",
            "cursor": "3-0",
        },
    }


@given(st.lists(st.text(), max_size=5))
def test_bodies_are_in_the_answer_byte_for_byte(texts: list[str]) -> None:
    """In order, each the bytes that every other wire sends."""
    events = [
        Event(Cursor(n, 0), "note", ("a",), encode_line({"text": text}))
        for n, text in enumerate(texts)
    ]
    whole = answer(events, Cursor(9, 0), None)
    assert b"[" + b",".join(event.body for event in events) + b"]" in whole
    assert [event["text"] for event in msgspec.json.decode(whole)["events"]] == texts
