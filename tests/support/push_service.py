"""A push service and its browsers, written from the RFCs and by none of what Streamer sends with.

It believes nothing: each push is checked as RFC 8030 and 8292 say, and read as RFC 8291 does,
by code of its own over hashes, a curve and a cipher.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: Bytes of a body that every service takes (RFC 8030 section 7.2).
_MOST: Final = 4096


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF (RFC 5869) of one block."""
    drawn = hmac.digest(salt, secret, "sha256")
    return hmac.digest(drawn, info + b"\x01", "sha256")[:length]


class Browser:
    """A user agent: it subscribes at a service, and reads what is pushed to it."""

    def __init__(self, service: PushService, name: str = "") -> None:
        self.service: Final = service
        self.path: Final = f"/push/{name or secrets.token_hex(8)}"
        self._private: Final = ec.generate_private_key(ec.SECP256R1())
        self.point: Final = self._private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self._auth: Final = secrets.token_bytes(16)
        service.browsers[self.path] = self

    @property
    def endpoint(self) -> str:
        return self.service.url + self.path

    def subscription(self, **more: object) -> dict[str, Any]:
        """What `PushSubscription.toJSON` gives."""
        return {
            "endpoint": self.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": base64url(self.point), "auth": base64url(self._auth)},
            **more,
        }

    @property
    def pushes(self) -> list[dict[str, Any]]:
        """What was pushed to it and taken, in order."""
        return [push.message for push in self.service.taken if push.path == self.path]

    def read(self, body: bytes) -> bytes:
        """Decrypt (RFC 8291 section 3.4, RFC 8188 section 2)."""
        salt, record_size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sender) == 65
        assert len(sealed) <= record_size
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._private.exchange(ec.ECDH(), public)
        info = b"WebPush: info\0" + self.point + sender
        secret = hkdf(self._auth, shared, info, 32)
        key = hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
        nonce = hkdf(salt, secret, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain.endswith(b"\2"), "it is not the last record, or has none of the padding"
        return plain[:-1]


@dataclass
class Received:
    """One push, as it came."""

    path: str
    headers: dict[str, str]
    message: dict[str, Any]
    size: int


@dataclass
class Reply:
    """What is answered to a push."""

    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # as many come at once as several servers have places


class PushService:
    """A push service on the loopback.

    `received` is every push that came and was right; `taken` are those that were answered
    with a success. `replies` are given to the next pushes, of a path or of any (``""``);
    then 201. While a path is in `hanging`, or ``""``, nothing is answered. What was wrong
    with a push is in `wrong`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.browsers: Final[dict[str, Browser]] = {}
        self.received: Final[list[Received]] = []
        self.taken: Final[list[Received]] = []
        self.replies: Final[dict[str, list[Reply]]] = {}
        self.hanging: Final[set[str]] = set()
        self.wrong: Final[list[str]] = []
        #: The keys that browsers subscribed for, by path; of others, any is right.
        self.keys: Final[dict[str, str]] = {}
        self.now = time.time
        self._tls: Final = tls
        self._host: Final = host
        self._port = 0
        self._go = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self._port}"

    def start(self) -> None:
        """Be there, at the place where it was before if it was."""
        service = self
        self._go = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                service._take(self)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        server = _Server((self._host, self._port), Handler)
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True)
        self._port = server.server_address[1]
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be gone: whoever connects is refused."""
        self.go_on()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None

    def go_on(self) -> None:
        """Answer what hangs, and hang no more."""
        self.hanging.clear()
        self._go.set()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = urlsplit(request.path).path
        try:
            push = Received(path, headers, self._checked(path, headers, body), len(body))
        except (AssertionError, ValueError, KeyError, InvalidSignature) as error:
            self.wrong.append(f"{path}: {type(error).__name__} {error}")
            self._answer(request, Reply(401))
            return
        self.received.append(push)
        if self.hanging & {"", path}:
            self._go.wait(60)
            request.close_connection = True
            return
        waiting = self.replies.get(path) or self.replies.get("") or []
        reply = waiting.pop(0) if waiting else Reply()
        if reply.status < 300:
            self.taken.append(push)
        self._answer(request, reply)

    def _answer(self, request: BaseHTTPRequestHandler, reply: Reply) -> None:
        request.send_response(reply.status)
        for name, value in reply.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(reply.body)))
        request.end_headers()
        with suppress(ConnectionError):  # who has read enough goes
            request.wfile.write(reply.body)

    def _checked(self, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        """What the push says, if all of it is as it must be."""
        assert len(body) <= _MOST, f"{len(body)} bytes"
        assert headers["content-encoding"] == "aes128gcm"
        assert int(headers["ttl"]) >= 0  # RFC 8030 section 5.2
        assert headers["urgency"] in {"very-low", "low", "normal", "high"}  # 5.3
        topic = headers["topic"]  # 5.4
        assert 0 < len(topic) <= 32
        assert base64url(from_base64url(topic)) == topic
        self._check_signature(path, headers["authorization"])
        message: dict[str, Any] = json.loads(self.browsers[path].read(body))
        return message

    def _check_signature(self, path: str, authorization: str) -> None:
        """RFC 8292 sections 2 and 3; RFC 7515 section 5.2, RFC 7518 section 3.4."""
        scheme, _, rest = authorization.partition(" ")
        assert scheme == "vapid"
        given = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert set(given) == {"t", "k"}
        assert self.keys.get(path, given["k"]) == given["k"], "it is signed with another key"
        head, claims, signature = given["t"].split(".")
        assert json.loads(from_base64url(head))["alg"] == "ES256"
        raw = from_base64url(signature)
        assert len(raw) == 64
        point = from_base64url(given["k"])
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).verify(
            encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
            f"{head}.{claims}".encode(),
            ec.ECDSA(hashes.SHA256()),
        )
        said = json.loads(from_base64url(claims))
        assert said["aud"] == self.url, said["aud"]
        assert 0 < said["exp"] - self.now() <= 24 * 3600
        assert said["sub"].startswith(("mailto:", "https://"))


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """A push service that is there; that every push was right is looked at in the end."""
    with ExitStack() as stack:
        service = PushService()
        service.start()
        stack.callback(service.stop)
        yield service
        assert service.wrong == []
