"""The HTTP client of whoever asks a server that answers in its own time."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from streamer.client.open_client import open_patiently


async def test_what_tls_is_trusted_by_is_read_once_and_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It takes 20 to 50 ms, in which an event loop would serve no reader."""
    threads: list[threading.Thread] = []
    made = httpx.create_ssl_context

    def read() -> object:
        threads.append(threading.current_thread())
        return made()

    monkeypatch.setattr(httpx, "create_ssl_context", read)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # such as nobody else has read
    for _ in range(2):
        async with await open_patiently(silence=1.0):
            pass
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
