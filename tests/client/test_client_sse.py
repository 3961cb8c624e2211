"""What is of server-sent events alone: content codings, redirects, and types of content."""

from __future__ import annotations

import re
import traceback
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from streamer.client import Event, Refused, follow
from streamer.client.publish import publish
from support.following import END, WAYS, Way, body, cursor_in, ids, says, sse_frame
from support.scripted_server import HEAD, SILENCE, ScriptedServer

SSE_WAYS = [way for way in WAYS if way.transport == "sse"]
pytestmark = [pytest.mark.usefixtures("soon"), pytest.mark.parametrize("way", SSE_WAYS, ids=str)]

EVENTS = [body("connected", "1-0"), body("progress", "2-0"), body("progress", "3-0"), END]
FRAMES = [sse_frame(event) for event in EVENTS]

#: Makes of one frame after the other what a proxy sends for it, with a flush after each.
Packer = Callable[[bytes], bytes]


def gzip() -> Packer:
    packer = zlib.compressobj(wbits=31)
    return lambda frame: packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH)


def deflate() -> Packer:
    packer = zlib.compressobj(wbits=15)
    return lambda frame: packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH)


def br() -> Packer:
    packer = brotli.Compressor()
    return lambda frame: packer.process(frame) + packer.flush()


def zstd() -> Packer:
    packer = zstandard.ZstdCompressor().compressobj()
    flushed = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda frame: packer.compress(frame) + packer.flush(flushed)


CODINGS = {"gzip": gzip, "deflate": deflate, "br": br, "zstd": zstd}


def head(coding: str, *, chunked: bool = True) -> bytes:
    lines = f"\r\nContent-Encoding: {coding}\r\n" + "Transfer-Encoding: chunked\r\n" * chunked
    return HEAD.replace(b"\r\n\r\n", f"{lines}\r\n".encode())


def chunk(piece: bytes) -> bytes:
    """A chunk of its own: a client reads it by itself."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_stream_is_read_whatever_the_pieces_it_comes_in(way: Way, coding: str) -> None:
    """A proxy compresses what it is set up to compress; a stream was lost to it for ever."""
    packed = b"".join(map(CODINGS[coding](), FRAMES))
    script = head(coding) + b"".join(chunk(bytes((byte,))) for byte in packed) + b"0\r\n\r\n"
    with ScriptedServer(script) as server:
        assert list(ids(way.follow(server.url, "projects/p1"))) == ["2-0", "3-0"]
    (offered,) = re.findall(r"accept-encoding: (.*)\r", server.requests[0].lower())
    assert coding in offered.split(", ")


@pytest.mark.parametrize("coding", CODINGS)
def test_an_event_of_a_compressed_stream_is_handed_on_when_it_is_flushed(
    way: Way, coding: str
) -> None:
    """The server then says nothing more: what was held back would never come."""
    packer = CODINGS[coding]()
    script = head(coding) + b"".join(chunk(packer(frame)) for frame in FRAMES[:3]) + SILENCE
    with ScriptedServer(script) as server:
        events = way.follow(server.url, "projects/p1", most=3)
    assert list(ids(events)) == ["2-0", "3-0"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_that_is_cut_within_a_block_is_resumed_after_its_last_whole_event(
    way: Way, coding: str
) -> None:
    """Of its third event some codings hand on what came of it, and that is nothing."""
    packer = CODINGS[coding]()
    before = packer(FRAMES[0]) + packer(FRAMES[1])
    last = packer(FRAMES[2])
    cuts = [head(coding, chunked=False) + before + last[:end] for end in range(0, len(last) - 4, 3)]
    for cut in cuts:
        with ScriptedServer(cut, says(*EVENTS[2:])) as server:
            assert list(ids(way.follow(server.url, "projects/p1"))) == ["2-0", "3-0"]
        assert cursor_in(server.requests[1]) in ("2-0", "3-0")


def test_what_cannot_be_decoded_is_asked_for_again(way: Way) -> None:
    told: list[str] = []
    with ScriptedServer(head("gzip", chunked=False) + b"no gzip", says(*EVENTS)) as server:
        events = way.follow(server.url, "a", on_reconnect=lambda one: told.append(one.reason))
    assert list(ids(events)) == ["2-0", "3-0"]
    assert "could not be decoded" in told[0]


def test_a_coding_that_was_not_asked_for_is_refused_by_its_name(way: Way) -> None:
    """Its bytes would be no lines at all, and the reader silent for ever."""
    script = head("zpaq", chunked=False) + b"?"
    with ScriptedServer(script) as server, pytest.raises(Refused, match="zpaq"):
        way.follow(server.url, "a")


def moved(status: int, to: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Moved", f"Location: {to}/api/v1/stream?topic=a")
    return "\r\n".join((*lines, "Content-Length: 0", "Connection: close", "", "")).encode()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_position(way: Way, status: int) -> None:
    with (
        ScriptedServer(says(*EVENTS)) as there,
        ScriptedServer(moved(status, there.url)) as here,
    ):
        assert list(ids(way.follow(here.url, "a", after="1-0"))) == ["2-0", "3-0"]
    assert cursor_in(there.requests[0]) == "1-0"


def test_a_head_that_is_cut_at_whatever_byte_is_no_refusal(way: Way) -> None:
    """Of some heads a library makes a whole one, without a type of content and without a body."""
    heads = [HEAD[:end] for end in range(1, len(HEAD))]
    bare = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    with ScriptedServer(*heads, bare, says(*EVENTS)) as server:
        assert list(ids(way.follow(server.url, "a"))) == ["2-0", "3-0"]
    assert len(server.requests) == len(heads) + 2


def test_the_stream_says_how_long_to_wait(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.client.reader.LONGEST_WAIT", 30.0)
    told: list[float] = []
    first = HEAD + b"retry: 30\n" + FRAMES[0]
    with ScriptedServer(first, says(*EVENTS)) as server:
        way.follow(server.url, "a", on_reconnect=lambda one: told.append(one.seconds))
    assert 0.015 <= told[0] <= 0.03


def test_a_server_that_floods_is_read_no_faster_than_its_events_are_taken(way: Way) -> None:
    """It is held back by TCP; the reader holds what one read brings."""
    flood = b"".join(sse_frame(body("note", f"{n}-0", text="x" * 1000)) for n in range(1, 3000))
    seen: list[Event] = []
    with ScriptedServer(HEAD + flood, says(END)) as server:
        events = way.each(server.url, "a", then=seen.append)
    assert len(events) == len(seen) == 3000


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://u:hunter2@h")
    calls: Iterator[Callable[[], Any]] = iter(
        (lambda: way.follow("http://h", "a"), lambda: publish("http://h", "a", "b", {}))
    )
    for call in calls:
        with pytest.raises(Refused, match="environment") as caught:
            call()
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_name_in_its_form_for_dns_that_is_malformed_is_refused_at_once(way: Way) -> None:
    with pytest.raises(ValueError, match="malformed"):
        way.follow("http://xn--0.example", "a")


def test_a_stream_from_another_server_is_read_by_its_names(way: Way) -> None:
    """What its bodies do not say, such as their type, is what the frames say."""
    frames = b"event: tick\ndata: {}\nid: 5\n\n"
    with ScriptedServer(HEAD + frames, says(END)) as server, follow(server.url, "a") as events:
        tick = next(events)
    assert (tick.type, tick.id, tick.topic, tick.fields) == ("tick", "5", None, {})
