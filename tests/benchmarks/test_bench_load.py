"""The load generator counts what a server sent, whatever the server did with it."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from streamer.wire.zstd import ZSTD
from support.waiting import DEADLINE

Encode = Callable[[Sequence[int]], bytes]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
_UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
_AGREED = b"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"


def _body(sequence: int) -> bytes:
    pad = "x" * (sequence % 200)
    return f'{{"mark":"0:{sequence}:{time.monotonic_ns()}","pad":"{pad}"}}'.encode()


def _plain(sequences: Sequence[int]) -> bytes:
    events = (b"id: %d\ndata: %b\n\n" % (n, _body(n)) for n in sequences)
    return _HEAD + b"\r\n" + b": hello\n" + b"".join(events)


def _carriage_returns(sequences: Sequence[int]) -> bytes:
    events = (b"id: %d\r\ndata: %b\r\n\r\n" % (n, _body(n)) for n in sequences)
    return _HEAD + b"\r\n" + b"".join(events)


def _chunked(sequences: Sequence[int]) -> bytes:
    chunks = [b": hello\n", *(b"id: %d\ndata: %b\n\n" % (n, _body(n)) for n in sequences)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed


def _coded(head: bytes, body: Sequence[bytes]) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in body)
    return _HEAD + head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + framed


def _gzip(sequences: Sequence[int]) -> bytes:
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    body = [
        compressor.compress(b"id: %d\ndata: %b\n\n" % (n, _body(n)))
        + compressor.flush(zlib.Z_SYNC_FLUSH)
        for n in sequences
    ]
    return _coded(b"Content-Encoding: gzip", body)


def _zstd(sequences: Sequence[int]) -> bytes:
    body = [ZSTD.alone(b"id: %d\ndata: %b\n\n" % (n, _body(n))) for n in sequences]
    return _coded(b"Content-Encoding: zstd", body)


def _frame(first: int, body: bytes) -> bytes:
    length = bytes([len(body)]) if len(body) < 126 else b"\x7e" + struct.pack("!H", len(body))
    return bytes([first]) + length + body


def _websocket(sequences: Sequence[int]) -> bytes:
    ping = _frame(0x89, b"hi")  # which is no event
    return _UPGRADE + b"\r\n" + ping + b"".join(_frame(0x81, _body(n)) for n in sequences)


def _deflate(sequences: Sequence[int]) -> bytes:
    """Every third message is sent as it is, and is in no window."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    frames = [_frame(0x89, b"hi")]
    for n in sequences:
        if n % 3 == 0:
            frames.append(_frame(0x81, _body(n)))
            continue
        coded = compressor.compress(_body(n)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        frames.append(_frame(0xC1, coded.removesuffix(b"\0\0\xff\xff")))
    return _UPGRADE + _AGREED + b"\r\n" + b"".join(frames)


@contextlib.contextmanager
def _server(answer: Callable[[], bytes], *, cut: bool) -> Iterator[int]:
    """Send `answer` to one reader, once it is asked for, in pieces if `cut`."""

    def serve() -> None:
        reader, _ = listener.accept()
        with reader:
            reader.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader.recv(4096)
            left = answer()
            pieces = random.Random(7)
            while left:
                size = pieces.choice((1, 2, 3, 30)) if cut else len(left)
                reader.sendall(left[:size])
                left = left[size:]
            stop.wait(DEADLINE)

    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _read(
    sequences: Sequence[int],
    encode: Encode,
    tmp_path: Path,
    *,
    cut: bool,
    coding: str | None = None,
    transport: str = "sse",
) -> Any:  # noqa: ANN401 - the benchmark is no package
    load = importlib.import_module("bench.load")
    if reason := load.missing_coding(coding):
        pytest.skip(reason)
    with (
        _server(lambda: encode(sequences), cut=cut) as port,
        load.LoadGenerator(
            port=port,
            transport=transport,
            read_path="/",
            publish_path="/",
            readers=1,
            sample_every=1,
            coding=coding,
            cores=frozenset(os.sched_getaffinity(0)),
            directory=tmp_path,
        ) as generator,
    ):
        # The first event may come with the head: it counts as while attaching.
        early = generator.attach()
        late = generator.ask(f"settle {len(sequences)}")
        assert late.delivered >= early.delivered
        return late


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(
    ("encode", "transport"),
    [(_plain, "sse"), (_carriage_returns, "sse"), (_chunked, "sse"), (_websocket, "websocket")],
)
def test_every_event_is_counted_once_however_its_bytes_are_cut(
    encode: Encode, transport: str, cut: bool, tmp_path: Path
) -> None:
    """Heads, chunks, lines and frames are put together again from any pieces."""
    tally = _read(range(1, 61), encode, tmp_path, cut=cut, transport=transport)
    assert (tally.delivered, tally.lost, tally.duplicated, tally.error) == (60, 0, 0, "")
    assert 0 < tally.p50_ms <= tally.p99_ms <= tally.max_ms * 1.01


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(
    ("encode", "coding", "transport"),
    [
        (_gzip, "gzip", "sse"),
        (_zstd, "zstd", "sse"),
        (_deflate, "permessage-deflate", "websocket"),
    ],
)
def test_what_is_compressed_is_decoded_before_it_is_counted(
    encode: Encode, coding: str, transport: str, cut: bool, tmp_path: Path
) -> None:
    """The events are those that were sent, and the bytes those that came."""
    tally = _read(range(1, 61), encode, tmp_path, cut=cut, coding=coding, transport=transport)
    assert (tally.delivered, tally.lost, tally.duplicated, tally.error) == (60, 0, 0, "")
    assert tally.p50_ms > 0
    tally = _read([1, 2, 2, 5], encode, tmp_path, cut=cut, coding=coding, transport=transport)
    assert (tally.delivered, tally.lost, tally.duplicated) == (4, 2, 1)


def test_a_compressed_message_weighs_what_it_would_as_it_is(tmp_path: Path) -> None:
    """The event is as large as over a plain WebSocket; what came is not."""
    plain = _read(range(1, 61), _websocket, tmp_path, cut=False, transport="websocket")
    coded = _read(
        range(1, 61),
        _deflate,
        tmp_path,
        cut=False,
        coding="permessage-deflate",
        transport="websocket",
    )
    assert abs(coded.event_bytes - plain.event_bytes) < 1


@pytest.mark.parametrize(
    ("encode", "coding", "transport"),
    [
        (_plain, "gzip", "sse"),
        (_zstd, "gzip", "sse"),
        (_websocket, "permessage-deflate", "websocket"),
    ],
)
def test_a_reader_that_is_answered_in_another_coding_is_told(
    encode: Encode, coding: str, transport: str, tmp_path: Path
) -> None:
    """A server that does not compress is not taken for one that does."""
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*in another coding"):
        _read([1], encode, tmp_path, cut=False, coding=coding, transport=transport)


@pytest.mark.parametrize(
    ("answer", "coding", "transport"),
    [
        (_HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip at all", "gzip", "sse"),
        (
            _UPGRADE + _AGREED + b"\r\n" + _frame(0xC1, b"\xff\xff no deflate at all"),
            "permessage-deflate",
            "websocket",
        ),
        (_UPGRADE + b"\r\n" + _frame(0xC1, b"compressed, unasked"), None, "websocket"),
    ],
    ids=["gzip", "permessage-deflate", "not agreed"],
)
def test_what_cannot_be_decoded_is_told(
    answer: bytes, coding: str | None, transport: str, tmp_path: Path
) -> None:
    """Nothing is counted that a client could not read."""
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*cannot decode"):
        _read([], lambda _: answer, tmp_path, cut=False, coding=coding, transport=transport)


@pytest.mark.parametrize(("encode", "transport"), [(_plain, "sse"), (_websocket, "websocket")])
def test_what_is_lost_or_doubled_is_told(encode: Encode, transport: str, tmp_path: Path) -> None:
    """A hole in the sequence is a loss, a sequence number seen before a double."""
    tally = _read([1, 2, 2, 5], encode, tmp_path, cut=False, transport=transport)
    assert (tally.delivered, tally.lost, tally.duplicated) == (4, 2, 1)


def test_a_refused_reader_is_told_with_the_servers_answer(tmp_path: Path) -> None:
    """A benchmark whose readers were refused must fail loudly."""
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*503 Busy"):
        _read([1], lambda _: b"HTTP/1.1 503 Busy\r\n\r\n", tmp_path, cut=False)
