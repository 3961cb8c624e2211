"""A server of somebody's own files, such as ``python -m http.server``."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

_NO_HEADERS: Final[Mapping[str, str]] = {}


class _Files(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, headers: Mapping[str, str], **options: Any) -> None:  # noqa: ANN401 - as its own
        self._more: Final = headers
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        for name, value in self._more.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its own name
        """Nothing: a test's output is its own."""


@contextmanager
def file_server(directory: Path, headers: Mapping[str, str] = _NO_HEADERS) -> Iterator[str]:
    """Serve `directory` with these headers; the URL of it, with a slash at its end."""
    handler = partial(_Files, directory=str(directory), headers=headers)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
