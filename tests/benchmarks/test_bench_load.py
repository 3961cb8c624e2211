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
_UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


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


def _websocket(sequences: Sequence[int]) -> bytes:
    frames = [b"\x89\x02hi"]  # a ping, which is no event
    for n in sequences:
        body = _body(n)
        length = bytes([len(body)]) if len(body) < 126 else b"\x7e" + struct.pack("!H", len(body))
        frames.append(b"\x81" + length + body)
    return _UPGRADE + b"".join(frames)


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
) -> Any:  # noqa: ANN401 - the benchmark is no package
    load = importlib.import_module("bench.load")
    if reason := load.missing_coding(coding):
        pytest.skip(reason)
    with (
        _server(lambda: encode(sequences), cut=cut) as port,
        load.LoadGenerator(
            port=port,
            transport="websocket" if encode is _websocket else "sse",
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
@pytest.mark.parametrize("encode", [_plain, _carriage_returns, _chunked, _websocket])
def test_every_event_is_counted_once_however_its_bytes_are_cut(
    encode: Encode, cut: bool, tmp_path: Path
) -> None:
    """Heads, chunks, lines and frames are put together again from any pieces."""
    tally = _read(range(1, 61), encode, tmp_path, cut=cut)
    assert (tally.delivered, tally.lost, tally.duplicated, tally.error) == (60, 0, 0, "")
    assert 0 < tally.p50_ms <= tally.p99_ms <= tally.max_ms * 1.01


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(("encode", "coding"), [(_gzip, "gzip"), (_zstd, "zstd")])
def test_what_is_compressed_is_decoded_before_it_is_counted(
    encode: Encode, coding: str, cut: bool, tmp_path: Path
) -> None:
    """The events are those that were sent, and the bytes those that came."""
    tally = _read(range(1, 61), encode, tmp_path, cut=cut, coding=coding)
    assert (tally.delivered, tally.lost, tally.duplicated, tally.error) == (60, 0, 0, "")
    tally = _read([1, 2, 2, 5], encode, tmp_path, cut=cut, coding=coding)
    assert (tally.delivered, tally.lost, tally.duplicated) == (4, 2, 1)


@pytest.mark.parametrize("encode", [_plain, _zstd])
def test_a_reader_that_is_answered_in_another_coding_is_told(
    encode: Encode, tmp_path: Path
) -> None:
    """A server that does not compress is not taken for one that does."""
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*in another coding"):
        _read([1], encode, tmp_path, cut=False, coding="gzip")


def test_what_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    """Nothing is counted that a client could not read."""
    body = b"Content-Encoding: gzip\r\n\r\n" + b"no gzip at all"
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*cannot decode"):
        _read([], lambda _: _HEAD + body, tmp_path, cut=False, coding="gzip")


@pytest.mark.parametrize("encode", [_plain, _websocket])
def test_what_is_lost_or_doubled_is_told(encode: Encode, tmp_path: Path) -> None:
    """A hole in the sequence is a loss, a sequence number seen before a double."""
    tally = _read([1, 2, 2, 5], encode, tmp_path, cut=False)
    assert (tally.delivered, tally.lost, tally.duplicated) == (4, 2, 1)


def test_a_refused_reader_is_told_with_the_servers_answer(tmp_path: Path) -> None:
    """A benchmark whose readers were refused must fail loudly."""
    with pytest.raises(RuntimeError, match=r"0 of 1 attached.*503 Busy"):
        _read([1], lambda _: b"HTTP/1.1 503 Busy\r\n\r\n", tmp_path, cut=False)
