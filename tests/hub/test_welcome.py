"""What a reader is told first is the same, whoever was told it before."""

from __future__ import annotations

import time

import pytest

from streamer.events.control import Control
from streamer.events.cursor import Cursor
from streamer.events.snapshot import Snapshot
from streamer.hub.controls import connected_control
from streamer.hub.welcome import Welcome
from streamer.wire.coded import Coded
from streamer.wire.deflated import Deflated
from streamer.wire.form import Form, encode
from streamer.wire.gzip import GZIP
from streamer.wire.sse import NAMED, NAMED_CHUNKED, UNNAMED
from streamer.wire.websocket import FRAMES, LINES, Frames, text_frame
from streamer.wire.windows import Windows
from streamer.wire.zstd import ZSTD

AT = Cursor(1738483210123, 4)
CAUGHT_UP = Control("caught_up", {"cursor": str(AT)}, id=AT)
WINDOWS = Windows(time.monotonic)
FORMS: dict[str, Form] = {
    "named": NAMED,
    "chunked": NAMED_CHUNKED,
    "unnamed": UNNAMED,
    "gzip": Coded(NAMED, GZIP, WINDOWS, chunked=True),
    "zstd": Coded(UNNAMED, ZSTD, WINDOWS),
    "frames": FRAMES,
    "lines": LINES,
    "deflated": Deflated(FRAMES, WINDOWS),
}


def welcome(
    number: int, snapshot: Snapshot, topic: str = "projects/p", *, resumed: bool = False
) -> Welcome:
    """That of the reader of this number."""

    def connected(retry_ms: int, stream_id: str) -> Control:
        return connected_control(
            (topic,),
            AT,
            {topic: snapshot},
            resumed=resumed,
            retry_ms=retry_ms,
            stream=(stream_id, None),
        )

    return Welcome(
        connected,
        (900 + 150 * number, f"{number:012}.{number:032}"),
        (),
        snapshot.welcomes,
        (topic, resumed),
    )


def by_itself(form: Form, told: Welcome) -> bytes:
    return encode(form, [*told.items(), CAUGHT_UP])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_from_the_third_on_they_are_told_what_each_would_be_told_alone(form: Form) -> None:
    snapshot = Snapshot(cursor=AT, message="100 % done")
    for number in range(5):
        told = welcome(number, snapshot)
        buffer = told.with_caught_up(form, [CAUGHT_UP])
        assert (buffer is None) == (number < 2)
        assert buffer in {None, by_itself(form, told)}


@pytest.mark.parametrize("message", ["1234567890", "1" * 45])
def test_what_looks_like_a_place_for_something_else_is_none(message: str) -> None:
    snapshot = Snapshot(cursor=AT, message=message)
    for number in range(4):
        assert welcome(number, snapshot).with_caught_up(NAMED, [CAUGHT_UP]) is None


def test_a_form_whose_lengths_depend_on_a_number_writes_each_by_itself() -> None:
    class Telling(Frames):
        def control(self, control: Control) -> bytes:
            return text_frame(b"%d %b" % (control.retry_ms or 0, control.body()))

    snapshot, form = Snapshot(cursor=AT), Telling()
    for number in range(4):
        assert welcome(number, snapshot).with_caught_up(form, [CAUGHT_UP]) is None


def test_who_is_told_something_else_is_told_it() -> None:
    """Of another state, of another topic, or after having been here."""
    snapshot, other = Snapshot(cursor=AT), Snapshot(cursor=AT, status="completed")
    for _ in range(3):
        welcome(1, snapshot).with_caught_up(NAMED, [CAUGHT_UP])
    for told in (
        *(welcome(2, snapshot, "projects/q") for _ in range(3)),
        *(welcome(3, snapshot, resumed=True) for _ in range(3)),
        *(welcome(4, other) for _ in range(3)),
    ):
        assert told.with_caught_up(NAMED, [CAUGHT_UP]) in {None, by_itself(NAMED, told)}


def test_nothing_long_is_kept_for_others() -> None:
    snapshot = Snapshot(cursor=AT, message="x" * 5000)
    for number in range(4):
        assert welcome(number, snapshot).with_caught_up(NAMED, [CAUGHT_UP]) is None


def test_more_than_that_nothing_follows_is_encoded_by_itself() -> None:
    snapshot = Snapshot(cursor=AT)
    for number in range(4):
        assert welcome(number, snapshot).with_caught_up(NAMED, [CAUGHT_UP, CAUGHT_UP]) is None


def test_who_has_caught_up_elsewhere_is_told_where() -> None:
    snapshot = Snapshot(cursor=AT)
    for number in range(3):
        welcome(number, snapshot).with_caught_up(NAMED, [CAUGHT_UP])
    further = Control("caught_up", {"cursor": "1738483210124-0"}, id=Cursor(1738483210124, 0))
    for number in range(4):
        told = welcome(number, snapshot)
        buffer = told.with_caught_up(NAMED, [further])
        assert buffer in {None, encode(NAMED, [*told.items(), further])}
