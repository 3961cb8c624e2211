"""An identity provider: keys over HTTPS by a certificate of its own, and tokens signed by them."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest
import trustme

from .signing import private_key, public_jwk, sign


class TokenIssuer:
    """Publishes its keys at `url` until it is stopped; it may come back at the same place.

    `ca_file` is the authority that its certificate is from (``SSL_CERT_FILE``), `asked` the
    paths that it was asked for.
    """

    def __init__(self, directory: Path, *, algorithm: str = "RS256") -> None:
        authority = trustme.CA()
        self.ca_file: Final = directory / "issuer-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._tls: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self._tls)
        self.algorithm: Final = algorithm
        self.asked: Final[list[str]] = []
        self.number = 0
        self._published = [0]
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where its keys are."""
        return f"https://127.0.0.1:{self._port}/jwks.json"

    @property
    def kid(self) -> str:
        """The id of the key that it signs with now."""
        return f"key-{self.number}"

    def client(self) -> httpx.AsyncClient:
        """An HTTP client that trusts it."""
        return httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(self.ca_file)))

    def token(self, **claims: object) -> str:
        """A token of `claims`, signed with the newest key."""
        key = private_key(self.algorithm, self.number)
        return sign(claims, key, self.algorithm, {"kid": self.kid})

    def rotate(self, *, keep_old: bool = False) -> None:
        """Sign with a new key from now on; publish it, and the old ones if they are kept."""
        self.number += 1
        self._published = [*(self._published if keep_old else []), self.number]

    def key_set(self) -> bytes:
        """What it publishes."""
        keys = [
            public_jwk(self.algorithm, private_key(self.algorithm, number), kid=f"key-{number}")
            for number in self._published
        ]
        return json.dumps({"keys": keys}).encode()

    def start(self) -> None:
        """Be there, at the place where it was before if it was."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = issuer.key_set()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        server.socket = self._tls.wrap_socket(server.socket, server_side=True)
        self._port = server.server_address[1]
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Be gone: whoever connects is refused."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[TokenIssuer]:
    """An issuer that is there."""
    running = TokenIssuer(tmp_path)
    running.start()
    yield running
    running.stop()
