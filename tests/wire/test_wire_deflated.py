"""Messages that are compressed once for many are read by each as if they were its own."""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.events.control import Control
from streamer.events.cursor import Cursor
from streamer.events.event import Event, Run
from streamer.wire.bodies import NOTHING
from streamer.wire.deflated import Deflated, DeflatedFeed
from streamer.wire.form import Form, encode
from streamer.wire.websocket import FRAMES, binary_frame, pong_frame, text_frame
from streamer.wire.windows import Windows
from support.coded import MessageDecoder

PROGRESS: Final = (
    b'{"job_id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","task_name":"encode","progress":0.%03d,'
    b'"status":"in_progress","message":"Transcoding frame %d of 1200","metadata":{"fps":%d}}'
)


def event(number: int) -> Event:
    fields = PROGRESS % (number, number, number * 7 % 60)
    return Event(Cursor(1_738_483_210_123 + number, 0), "progress", ("projects/p1",), fields)


def clock() -> float:
    return 0.0


class Client:
    """A reader and a real decompressor; in step, or not."""

    def __init__(self, form: Deflated) -> None:
        self._form = form
        self._decoder = MessageDecoder()
        self.read: list[bytes] = []
        self.told: list[bytes] = []
        self.in_step = False

    @property
    def compressed(self) -> int:
        return self._decoder.compressed

    def take(self, data: bytes) -> None:
        self.read += self._decoder.feed(data).splitlines()

    def own(self, *events: Event) -> None:
        self._told(self._form, *events)

    def beside(self, control: Control) -> None:
        """As `Reader.write` has it, for one that is in step."""
        self._told(self._form.beside if self.in_step else self._form, control)

    def _told(self, form: Form, *items: Event | Control) -> None:
        if any(isinstance(item, Event) for item in items):
            self.in_step = False
        self.told += [item.body if isinstance(item, Event) else item.body() for item in items]
        self.take(encode(form, items))

    def join(self, feed: DeflatedFeed) -> None:
        assert feed.is_fresh
        self.in_step = True


@pytest.fixture
def form() -> Deflated:
    return Deflated(FRAMES, Windows(clock))


def batch(feed: DeflatedFeed, events: list[Event], *clients: Client) -> bytes:
    buffer = encode(feed, Run(events))
    for client in clients:
        client.told += [event.body for event in events]
        client.take(buffer)
    return buffer


def test_those_in_step_read_the_same_messages_whatever_they_were_told_before(
    form: Deflated,
) -> None:
    feed, clients = form.for_feed(), [Client(form) for _ in range(2)]
    for number, client in enumerate(clients):
        client.own(*map(event, range(500, 500 + number)))
        client.join(feed)
    for number in range(20):
        batch(feed, [event(number)], *clients)
    for client in clients:
        assert client.read == client.told
    assert clients[0].compressed == 20


def test_what_they_are_sent_is_a_sixth_of_what_it_says(form: Deflated) -> None:
    feed = form.for_feed()
    runs = [[event(number)] for number in range(300)]
    coded = sum(len(encode(feed, Run(run))) for run in runs)
    assert coded < 0.18 * sum(len(encode(FRAMES, run)) for run in runs)


def test_each_event_of_a_batch_is_a_message(form: Deflated) -> None:
    feed, client = form.for_feed(), Client(form)
    client.join(feed)
    batch(feed, [event(1), event(2), event(3)], client)
    batch(feed, [event(4)], client)
    assert client.read == [event(number).body for number in range(1, 5)]
    assert client.compressed == 4


def test_what_one_in_step_is_told_by_itself_leaves_it_in_step(form: Deflated) -> None:
    """It is not compressed, so that the window is left as the others have it."""
    feed, client, other = form.for_feed(), Client(form), Client(form)
    client.join(feed)
    other.join(feed)
    long = Control("refused", {"detail": "this is refused, for a reason that is long. " * 40})
    for number in range(5):
        batch(feed, [event(number)], client, other)
        client.beside(long)
        client.take(form.heartbeat)
        client.take(pong_frame(b"are you there"))
    assert client.read == client.told
    assert other.read == other.told
    assert client.compressed == 5


def test_nobody_can_join_within_a_window_and_anybody_behind_it(form: Deflated) -> None:
    feed, early, late = form.for_feed(), Client(form), Client(form)
    early.join(feed)
    batch(feed, [event(1)], early)
    assert not feed.is_fresh
    late.own(event(0), event(1))
    feed.renew()
    late.join(feed)
    batch(feed, [event(2)], early, late)
    batch(feed, [event(3)], early, late)
    assert early.read == early.told
    assert late.read == late.told


def test_who_is_not_in_step_is_sent_a_replay_compressed(form: Deflated) -> None:
    """Not where it is no more than a packet."""
    client = Client(form)
    replay = Run(list(map(event, range(50))))
    buffer = encode(form, replay)
    assert len(buffer) < 0.2 * len(encode(FRAMES, replay))
    client.take(buffer)
    assert client.read == [one.body for one in replay]
    assert form.wrap(text_frame(b"x" * 1000)) == text_frame(b"x" * 1000)


def test_each_batch_leaves_another_mark(form: Deflated) -> None:
    """By it the hub tells who may be in a cohort with whom."""
    feed = form.for_feed()
    marks = [feed.mark]
    for number in range(3):
        batch(feed, [event(number)])
        marks.append(feed.mark)
    assert len(set(map(id, marks))) == len(marks)


def test_a_feed_without_a_window_is_read_as_well(form: Deflated) -> None:
    feed = Deflated(form.plain, Windows(clock, 0)).for_feed()
    clients = [Client(form) for _ in range(2)]
    for number, client in enumerate(clients):
        client.join(feed)
        batch(feed, [event(number), event(number + 1)], *clients[: number + 1])
    assert feed.is_fresh
    for client in clients:
        assert client.read == client.told


def test_a_window_that_is_taken_away_is_begun_anew_when_there_is_one() -> None:
    now = [0.0]
    form = Deflated(FRAMES, Windows(lambda: now[0], 1, at_least=5.0))
    feeds, clients = [form.for_feed() for _ in range(2)], [Client(form) for _ in range(2)]
    for feed, client in zip(feeds, clients, strict=True):
        client.join(feed)
        batch(feed, [event(1)], client)
    assert not feeds[0].is_fresh, "it was used just now"
    assert feeds[1].is_fresh
    now[0] = 5.0
    batch(feeds[1], [event(2)], clients[1])
    assert feeds[0].is_fresh
    for _ in range(2):
        batch(feeds[0], [event(2)], clients[0])
    for client in clients:
        assert client.read == client.told


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300, 65_535, 65_536, 200_000])
def test_a_message_of_any_size_is_read_whole(form: Deflated, size: int) -> None:
    payload = (json.dumps([list(range(1000))]).encode() * (size // 4000 + 1))[:size]
    frames = text_frame(b"a") + text_frame(payload) + text_frame(b"z")
    for wrap in (form.for_feed().wrap, form.wrap):
        decoder = MessageDecoder()
        assert decoder.feed(wrap(frames)) == b"a\n" + payload + b"\nz\n"


def test_frames_that_are_no_messages_are_left_as_they_are(form: Deflated) -> None:
    """A dialect that has nothing to say of an event says so with a pong."""
    feed = form.for_feed()
    assert feed.wrap(NOTHING) == NOTHING
    first, *_ = feed.wrap(NOTHING + binary_frame(b"x"))[len(NOTHING) :]
    assert first == 0x82 | 0x40, "binary, and compressed"


_STEPS: Final = ("batch", "batch", "own", "beside", "renew")


@given(
    steps=st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 2)), max_size=40),
    most=st.sampled_from([0, 1, 2]),
)
def test_any_order_is_read_by_all(steps: list[tuple[str, int]], most: int) -> None:
    """Whoever can join does, as in the hub: the first two are of one feed."""
    form = Deflated(FRAMES, Windows(clock, most, at_least=0.0))
    clients = [Client(form) for _ in range(3)]
    feeds = [form.for_feed() for _ in range(2)]
    for number, (step, who) in enumerate(steps):
        client, feed, those = clients[who], feeds[who // 2], clients[who // 2 * 2 :][:2]
        match step:
            case "batch":
                for one in those:
                    if not one.in_step and feed.is_fresh:
                        one.join(feed)
                in_step = [one for one in those if one.in_step]
                batch(feed, [event(number), event(number + 1)], *in_step)
            case "own":
                client.own(*map(event, range(number, number + 5)))
            case "beside":
                client.beside(Control("pong", {"note": "x" * 1500}))
            case "renew":
                feed.renew()
    for client in clients:
        assert client.read == client.told
