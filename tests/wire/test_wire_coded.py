"""What is compressed once for many is read by each as if it were its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.wire.coded import Coded, CodedFeed
from streamer.wire.coding import Mark
from streamer.wire.envelope import Envelope
from streamer.wire.sse import LAST_CHUNK, NAMED
from streamer.wire.waiting import Waiting
from streamer.wire.windows import Windows
from support.coded import CODINGS, Decoder, decoder_of
from support.raw_http import answers_in

EVENT: Final = b'event: progress\ndata: {"job_id":"7c9e6679","progress":0.%02d}\nid: 1-%d\n\n'


def event(number: int) -> bytes:
    return EVENT % (number, number)


class Client:
    """A reader and a real decompressor; in step, or not."""

    def __init__(self, form: Coded) -> None:
        self._envelope: Envelope = form.envelope()
        self._form = form
        self._decoder: Decoder = decoder_of(form.coding.name)
        self.read = self.told = b""
        self.mark: Mark | None = None
        self.feed: CodedFeed | Waiting | None = None

    def take(self, data: bytes) -> None:
        self.read += self._decoder.feed(data)

    def own(self, frames: bytes) -> None:
        self.part()
        self.told += frames
        self.take(self._envelope.own(self._form.wrap(frames)))

    def join(self, feed: CodedFeed | Waiting) -> None:
        assert isinstance(feed, Waiting) or feed.is_fresh
        self.feed, self.mark = feed, feed.mark
        self.take(self._envelope.joined(feed.mark))

    def part(self) -> None:
        if self.mark is not None:
            self._envelope.parted(self.mark)
            self.mark = self.feed = None

    def end(self) -> None:
        self.part()
        self.take(self._envelope.end())
        assert self._decoder.is_whole
        assert self.read == self.told


@pytest.fixture(params=list(CODINGS))
def form(request: pytest.FixtureRequest) -> Coded:
    return Coded(NAMED, CODINGS[request.param], Windows(time.monotonic))


def batch(feed: CodedFeed | Waiting, frames: bytes, *clients: Client) -> bytes:
    buffer = feed.wrap(frames)
    for client in clients:
        client.told += frames
        client.take(buffer)
        client.mark = buffer.mark
    return buffer


def test_those_in_step_read_the_same_bytes(form: Coded) -> None:
    feed, clients = form.for_feed(), [Client(form) for _ in range(2)]
    for number, client in enumerate(clients):
        client.own(b": %d\n\n" % number)
        client.join(feed)
    for number in range(20):
        batch(feed, event(number), *clients)
    told = b"".join(map(event, range(20)))
    assert [client.read for client in clients] == [b": 0\n\n" + told, b": 1\n\n" + told]


def test_what_they_read_is_a_fifth_of_what_it_says(form: Coded) -> None:
    feed = form.for_feed()
    plain = [event(number) for number in range(100)]
    coded = [feed.wrap(frames) for frames in plain]
    assert sum(map(len, coded)) < 0.35 * sum(map(len, plain))  # of events of 70 bytes
    assert sum(len(form.wrap(frames)) for frames in plain) > 2 * sum(map(len, coded))


def test_whatever_is_flushed_in_gzip_ends_with_the_block_for_which_some_wait() -> None:
    """The empty stored one: Go, in which Caddy and Traefik are written, hands on nothing before."""
    form = Coded(NAMED, CODINGS["gzip"], Windows(time.monotonic))
    pieces = [form.heartbeat, *(form.wrap(b"x" * size) for size in (1, 1023, 1024, 70_000))]
    for feed in (form.for_feed(), form.for_waiting()):
        pieces += [feed.wrap(b"x" * size) for size in (1, 2048)]
    for piece in pieces:
        assert piece.endswith(b"\0\0\xff\xff")


def test_each_batch_can_be_read_at_once(form: Coded) -> None:
    feed, client = form.for_feed(), Client(form)
    client.join(feed)
    for number in range(10):
        batch(feed, event(number), client)
        assert client.read.endswith(event(number))


def test_nobody_can_join_within_a_window_and_anybody_behind_it(form: Coded) -> None:
    feed, early, late = form.for_feed(), Client(form), Client(form)
    early.join(feed)
    batch(feed, event(1), early)
    assert not feed.is_fresh
    late.own(event(1))
    feed.renew()
    late.join(feed)
    batch(feed, event(2), early, late)
    assert early.read == late.read == event(1) + event(2)


def test_those_who_wait_are_written_what_refers_to_nothing(form: Coded) -> None:
    """Anybody can join them, and go from them to those in step, or to the end."""
    feed, waiting = form.for_feed(), form.for_waiting()
    early, late, latest = (Client(form) for _ in range(3))
    early.join(feed)
    batch(feed, event(1), early)
    for number, client in enumerate((late, latest), start=2):
        client.own(b": %d\n\n" % number)
        client.join(waiting)
        batch(waiting, event(number), *([late] if client is late else [late, latest]))
        batch(feed, event(number), early)
    latest.end()
    feed.renew()
    late.part()
    late.join(feed)
    batch(feed, event(4), early, late)
    assert late.read == b": 2\n\n" + event(2) + event(3) + event(4)
    for client in (early, late):
        client.end()


def test_who_falls_out_of_step_reads_on_by_itself_and_joins_again(form: Coded) -> None:
    feed, steady, other = form.for_feed(), Client(form), Client(form)
    for client in (steady, other):
        client.join(feed)
    batch(feed, event(1), steady, other)
    other.own(b":\n")
    batch(feed, event(2), steady)
    other.own(event(2))
    feed.renew()
    other.join(feed)
    batch(feed, event(3), steady, other)
    assert other.read == event(1) + b":\n" + event(2) + event(3)
    assert steady.read == event(1) + event(2) + event(3)


@pytest.mark.parametrize("until", range(5))
def test_a_body_ends_properly_wherever_it_ends(form: Coded, until: int) -> None:
    """A gzip trailer has the checksum of what this one reader was told, in step or not."""
    steps: list[Callable[[Client, CodedFeed], object]] = [
        lambda client, _feed: client.own(event(0)),
        lambda client, feed: client.join(feed),
        lambda client, feed: batch(feed, event(1), client),
        lambda client, _feed: client.own(event(2)),
    ]
    feed, client = form.for_feed(), Client(form)
    batch(feed, event(7))  # what came before it is not in its checksum
    feed.renew()
    for step in steps[:until]:
        step(client, feed)
    client.end()


def test_a_feed_without_a_window_is_read_as_well(form: Coded) -> None:
    """There are more feeds than windows: it goes on with one as soon as there is one."""
    others = Coded(NAMED, form.coding, Windows(time.monotonic, 0)).for_feed()
    clients = [Client(form) for _ in range(2)]
    for client in clients:
        client.join(others)
        batch(others, event(1), client)
    assert others.is_fresh
    for client in clients:
        client.end()


def test_a_window_that_is_taken_away_within_a_frame_leaves_it_properly(form: Coded) -> None:
    clock = [0.0]
    windows = Windows(lambda: clock[0], 1, at_least=5.0)
    feeds = [Coded(NAMED, form.coding, windows).for_feed() for _ in range(2)]
    clients = [Client(form) for _ in range(2)]
    for feed, client in zip(feeds, clients, strict=True):
        client.join(feed)
    batch(feeds[0], event(1), clients[0])
    batch(feeds[1], event(1), clients[1])
    assert not feeds[0].is_fresh, "it was used just now"
    clock[0] = 5.0
    batch(feeds[1], event(2), clients[1])
    assert feeds[0].is_fresh
    batch(feeds[0], event(2), clients[0])
    for client in clients:
        client.end()
        assert client.read == event(1) + event(2)


def test_chunks_are_those_of_http() -> None:
    form = Coded(NAMED, CODINGS["gzip"], Windows(time.monotonic), chunked=True)
    envelope: Envelope = form.envelope()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    [answer] = answers_in(head + envelope.own(form.wrap(event(1))) + envelope.end() + LAST_CHUNK)
    decoder = decoder_of("gzip")
    assert decoder.feed(answer.body) == event(1)
    assert decoder.is_whole


def test_an_empty_word_is_no_chunk() -> None:
    """It would be the last one."""
    for coding in CODINGS.values():
        assert Coded(NAMED, coding, Windows(time.monotonic), chunked=True).framed(b"") == b""


@pytest.mark.parametrize("name", CODINGS)
@given(
    steps=st.lists(st.sampled_from(["batch", "own", "join", "wait", "renew", "end"]), max_size=40)
)
def test_any_order_is_read_by_all(name: str, steps: list[str]) -> None:
    form = Coded(NAMED, CODINGS[name], Windows(time.monotonic))
    feed, waiting = form.for_feed(), form.for_waiting()
    clients = [Client(form) for _ in range(3)]
    for number, step in enumerate(steps):
        client = clients[number % 3]
        match step:
            case "batch":
                for one in (feed, waiting):
                    joined = [c for c in clients if c.mark is not None and c.feed is one]
                    batch(one, event(number), *joined)
            case "own":
                client.own(event(number))
            case "renew":
                feed.renew()
            case "join" if feed.is_fresh and client.feed is not feed:
                client.part()
                client.join(feed)
            case "wait" if client.mark is None:
                client.join(waiting)
            case "end":
                client.end()
                clients[number % 3] = Client(form)
    for client in clients:
        client.end()
