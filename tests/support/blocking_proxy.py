"""A proxy as some companies have: what is answered at once passes, and no stream does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx

#: Seconds: longer than a long poll.
_TIMEOUT: Final = 60
#: What is of one connection, and is not passed on.
_OF_THE_CONNECTION: Final = frozenset({"connection", "transfer-encoding", "content-length"})


@contextmanager
def blocking_proxy(upstream: str) -> Iterator[str]:
    """Stand before `upstream`, refuse what is a stream or a WebSocket; the URL it answers at."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.endswith("/stream"):
                self._answer(403, {"content-type": "text/html"}, b"<h1>Not in this company</h1>")
                return
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            headers["Accept-Encoding"] = "identity"
            try:
                found = httpx.get(upstream + self.path, headers=headers, timeout=_TIMEOUT)
            except httpx.TransportError:
                self._answer(502, {}, b"")
                return
            self._answer(found.status_code, dict(found.headers), found.content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:  # whoever asked has left
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            """Say nothing: a test reads what the browser saw."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
