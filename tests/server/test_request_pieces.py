"""Pieces of what a client sends: wherever a request ends, one ends too."""

from __future__ import annotations

import httptools
from hypothesis import given
from hypothesis import strategies as st

from streamer.server.request_pieces import RequestPieces

_CHUNKS = st.lists(st.binary(min_size=1, max_size=30) | st.just(b"\r\n\r\n"), max_size=4)


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n"
    kind = draw(st.sampled_from(["none", "length", "chunks", "trailers"]))
    if kind == "none":
        return head + b"\r\n"
    if kind == "length":
        body = draw(st.binary(max_size=60) | st.just(b"\r\n\r\n"))
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    trailers = b"X-Trailer: y\r\n" if kind == "trailers" else b""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in draw(_CHUNKS))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


class _Reader:
    """Feeds a parser piece by piece, as the server does, and sees where requests end."""

    def __init__(self, most: int = 4096) -> None:
        self.pieces = RequestPieces(most)
        self.ends: list[int] = []
        self.fed = 0
        self.refused = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.pieces.head_read(self._headers)

    def on_body(self, _body: bytes) -> None:
        self.pieces.body_read()

    def on_message_complete(self) -> None:
        self.pieces.message_read()
        self.ends.append(self.fed)

    def read(self, data: bytes) -> None:
        start = 0
        while start < len(data) and not self.refused:
            end = self.pieces.end(data, start)
            if end == start:
                self.refused = True
                return
            self.fed += end - start
            self._parser.feed_data(data[start:end])
            start = end


@given(st.lists(_requests(), min_size=1, max_size=4), st.lists(st.integers(1, 40), max_size=40))
def test_wherever_a_request_ends_a_piece_ends(requests: list[bytes], cuts: list[int]) -> None:
    """Whatever its body, and however it is cut into packets."""
    wire = b"".join(requests)
    reader = _Reader()
    rest = wire
    for cut in cuts:
        reader.read(rest[:cut])
        rest = rest[cut:]
    reader.read(rest)
    assert not reader.refused
    assert reader.ends == [len(b"".join(requests[: n + 1])) for n in range(len(requests))]
    assert not reader.pieces.begun


def test_a_head_may_be_as_long_as_is_said_and_no_longer() -> None:
    """In one packet, or byte by byte."""
    head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for data in ([head], [bytes((byte,)) for byte in head]):
        for most, refused in ((len(head), False), (len(head) - 1, True)):
            reader = _Reader(most)
            for part in data:
                reader.read(part)
            assert reader.refused is refused


def test_a_body_in_chunks_may_be_of_any_length_and_its_trailers_not() -> None:
    """What is no part of a chunk is counted between two of them, and after the last."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    reader = _Reader(8192)
    reader.read(head + chunk * 100 + b"0\r\n")
    assert not reader.refused
    reader.read(b"X-Trailer: " + b"y" * 10_000)
    assert reader.refused
