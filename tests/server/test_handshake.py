"""The handshake of a WebSocket (RFC 6455, section 4.2)."""

from __future__ import annotations

import pytest

from streamer.errors import HeadTooLarge, InvalidRequest
from streamer.server.handshake import (
    MAX_FIELDS,
    MAX_LINE,
    lines_of,
    read_handshake,
    switching,
)

#: That of section 1.3.
KEY = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
VERSION = "sec-websocket-version: 13"


def head(*lines: str, target: str = "/stream?topic=a") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"GET {target} HTTP/1.1", *lines, "")).encode()


def test_a_handshake_is_answered_as_the_rfc_does() -> None:
    handshake = read_handshake(head("host: x", KEY, VERSION, "cookie: a; b: c", "empty: "))
    assert handshake.target == b"/stream?topic=a"
    assert handshake.values(b"cookie") == ["a; b: c"]
    assert handshake.values(b"empty") == [""]
    answer = switching(handshake, [(b"x", b"y")])
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\nx: y\r\n\r\n" in answer


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([VERSION], "Sec-WebSocket-Key"),
        ([KEY], "Sec-WebSocket-Version must be 13, and is missing"),
        ([KEY, "sec-websocket-version: 8"], "must be 13, and is '8'"),
        ([KEY, KEY, VERSION], "sec-websocket-key comes twice"),
        ([KEY, VERSION, VERSION], "sec-websocket-version comes twice"),
        (["sec-websocket-key: dGhlIHNhbXBsZQ==", VERSION], "must be 16 bytes"),
        (["sec-websocket-key: no base64 at all", VERSION], "must be 16 bytes"),
        ([KEY, VERSION, "content-length: 5"], "it has a body"),
        ([KEY, VERSION, "transfer-encoding: chunked"], "it has a body"),
        ([KEY, VERSION, "no field"], "no header field"),
    ],
)
def test_what_is_no_handshake_is_refused_by_what_is_wrong(lines: list[str], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        read_handshake(head(*lines))


@pytest.mark.parametrize(
    "too_large",
    [
        head(KEY, VERSION, f"x: {'y' * MAX_LINE}"),
        head(KEY, VERSION, target="/" + "x" * MAX_LINE),
        head(KEY, VERSION, *(f"x-{number}: y" for number in range(MAX_FIELDS))),
    ],
    ids=["a line", "the URL", "the number of fields"],
)
def test_what_is_too_large_is_refused(too_large: bytes) -> None:
    with pytest.raises(HeadTooLarge):
        read_handshake(too_large)


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\n", b"\r"])
def test_nobody_adds_a_line_of_their_own_to_the_answer(value: bytes) -> None:
    with pytest.raises(ValueError, match="end of a line"):
        lines_of([(b"x", value)])
