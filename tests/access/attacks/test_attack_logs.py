"""A real server, at its most talkative, says no token anywhere."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive
from support.signing import sign
from support.stage import HANDSHAKE
from support.waiting import DEADLINE, wait_until_blocking

SECRET: Final = "a secret of thirty-two bytes, hunter2"
ANN: Final = Grants("ann", subscribe=Patterns(["**"]), publish=Patterns(["**"]))


def tokens() -> dict[str, str]:
    now = int(time.time())
    return {
        "good": Issuer(SECRET).issue(ANN, 60),
        "an admin's": Issuer(SECRET).issue(Grants("root", is_admin=True), 60),
        "expired": sign({"sub": "ann", "exp": now - 900}, SECRET, "HS256"),
        "forged": sign(
            {"sub": "ann", "exp": now + 900}, "another secret of 32 bytes, hunter2", "HS256"
        ),
        "no JWT": "opaque-7c1f-opaque-7c1f-opaque-7c1f",
        "cut": Issuer(SECRET).issue(ANN, 60)[:-20],
    }


def requests(token: str) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """First lines, headers and bodies: `token` in every place, right and wrong."""
    stream = "/api/v1/projects/p1/stream"
    for query in (f"token={token}", f"access_token={token}", f"from=earliest&Token={token}"):
        yield f"GET {stream}?{query}", {}, b""
        yield f"GET {stream}?{query}", dict(HANDSHAKE), b""
        yield f"GET /nowhere?{query}", {}, b""
        yield f"GET /?{query}", {}, b""
        yield f"GET /healthz?{query}", {"X-Long": "x" * 70_000}, b""
        yield f"GET {stream}?{query}", {**HANDSHAKE, "X-Long": "x" * 70_000}, b""
        yield f"GET {stream}?{query}", {"Host": "evil.example"}, b""
        yield f"GET {stream}?{query}", {"Origin": "https://evil.example", **HANDSHAKE}, b""
        yield f"DELETE {stream}?{query}", {}, b""
        yield f"POST /api/v1/events?{query}", {"Content-Length": "1"}, b"{"
        yield f"CONNECT {stream}?{query}", {}, b""
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"bearer  {token}"},
        {"Authorization": f"Token {token}"},
        {"Authorization": token},
        {"Cookie": f"__Host-streamer={token}"},
        {"Cookie": f"session={token}"},
        {"Authorization": f"Bearer {token}", "Cookie": f"__Host-streamer={token}x"},
        {"Referer": f"http://localhost/?token={token}"},
    ):
        yield f"GET {stream}", headers, b""
        yield f"GET {stream}", {**HANDSHAKE, **headers}, b""
        body = b'{"type":"note","topic":"projects/p1"}'
        yield "POST /api/v1/events", {**headers, "Content-Length": str(len(body))}, body
        body = b'{"sub":"nobody"}'
        yield "POST /api/v1/revocations", {**headers, "Content-Length": str(len(body))}, body
    for protocols in (f"bearer, {token}", f"{token}, bearer", f"bearer,{token},{token}"):
        yield f"GET {stream}", {**HANDSHAKE, "Sec-WebSocket-Protocol": protocols}, b""


def send(live: Live, line: str, headers: dict[str, str], body: bytes) -> bytes:
    """What comes back at first."""
    sent = {"Host": "localhost", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection(("127.0.0.1", live.port), timeout=DEADLINE) as connection:
        with contextlib.suppress(OSError):  # it may be refused before it is whole
            connection.sendall(f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body)
        said = b""
        with contextlib.suppress(OSError):
            while part := connection.recv(1 << 16):
                said += part
                # Of a stream the head may come by itself.
                if b"text/event-stream" not in said or b"data: " in said:
                    break
        return said


@pytest.mark.parametrize("path", ["fast", "portable"])
def test_a_server_says_no_token_anywhere(start_live: StartLive, path: str) -> None:
    """Not in a line, whatever becomes of the request, nor in an answer."""
    live = start_live(path, STREAMER_AUTH_SECRET=SECRET, STREAMER_LOG_LEVEL="debug")
    program = live.program
    assert program is not None
    said, known = b"", tokens()
    for token in known.values():
        for line, headers, body in requests(token):
            if path == "fast" or "X-Long" not in headers:  # uvicorn by itself never answers that
                said += send(live, line, headers, body)
    made = httpx.post(
        f"{live.url}/api/v1/tokens",
        json={"subscribe": ["projects/p1"]},
        headers={"Authorization": f"Bearer {known['good']}"},
    ).json()["token"]
    said += send(live, f"GET /api/v1/projects/p1/stream?token={made}", {}, b"")
    assert b'"type":"connected"' in said
    assert said.count(b" 401 ") > 20
    last = "/nowhere/at-the-end"
    httpx.get(live.url + last)
    wait_until_blocking(lambda: last in program.err + program.out, "the access log did not come")
    printed = program.err + program.out
    for name, token in {**known, "made": made}.items():
        # Of a JWT the signature is what makes it one; of others all of it.
        secret = token.rpartition(".")[2][:20]
        assert secret not in printed, f"{name}: {lines_with(secret, printed)}"
        assert secret.encode() not in said, name
    assert SECRET not in printed


def lines_with(text: str, printed: str) -> list[str]:
    return [line[:300] for line in printed.splitlines() if text in line][:3]
