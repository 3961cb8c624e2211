"""A client of the tus protocol 1.0 that does one request at a time, also wrong ones."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx

from .live import Live
from .waiting import DEADLINE, wait_until_blocking

TUS: Final = {"Tus-Resumable": "1.0.0"}
PIECE: Final = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata_of(**values: str) -> str:
    """The field ``Upload-Metadata``."""
    return ",".join(f"{n} {base64.b64encode(v.encode()).decode()}" for n, v in values.items())


def create(
    live: Live,
    project: str,
    length: int | str,
    name: str = "cat.mp4",
    **more: str,
) -> httpx.Response:
    """Begin an upload."""
    metadata = metadata_of(project_id=project, filename=name)
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata, **more}
    return httpx.post(f"{live.url}/api/v1/uploads", headers=headers, timeout=DEADLINE)


def begin(
    live: Live,
    project: str,
    length: int,
    name: str = "cat.mp4",
    **more: str,
) -> str:
    """Begin an upload; return its address."""
    created = create(live, project, length, name, **more)
    assert created.status_code == 201, created.text
    location: str = created.headers["location"]
    return live.url + location


def send(url: str, offset: int | str, body: bytes, **headers: str) -> httpx.Response:
    """Send a piece."""
    fields = {**PIECE, "Upload-Offset": str(offset), **headers}
    return httpx.patch(url, headers=fields, content=body, timeout=DEADLINE)


def look(url: str, **headers: str) -> httpx.Response:
    """Ask how an upload stands."""
    return httpx.head(url, headers={**TUS, **headers}, timeout=DEADLINE)


def offset_of(url: str) -> int:
    """Bytes that have come."""
    return int(look(url).headers["upload-offset"])


def id_of(url: str) -> str:
    """An upload's id, by its address."""
    return url.rpartition("/")[2]


def events_of(live: Live, topic: str) -> list[dict[str, Any]]:
    """All events of a topic."""
    query: dict[str, str | int] = {"topic": topic, "limit": 1000}
    answer = httpx.get(f"{live.url}/api/v1/events", params=query)
    events: list[dict[str, Any]] = answer.json()["events"]
    return events


def end_of(live: Live, topic: str) -> dict[str, Any]:
    """The last event of a topic, once it is the end of a job."""

    def end() -> dict[str, Any] | None:
        last = (events_of(live, topic) or [{}])[-1]
        over = last.get("type") in {"completed", "error"} or last.get("status") == "cancelled"
        return last if over else None

    last = wait_until_blocking(end, f"{topic} did not end")
    assert last is not None
    return last


def patching(url: str, offset: int, total: int, **more: object) -> socket.socket:
    """A connection that has sent the head of a piece of `total` bytes."""
    at = httpx.URL(url)
    fields: dict[str, object] = {**PIECE, "Host": "localhost", "Upload-Offset": offset}
    fields |= {"Content-Length": total, **more}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    peer = socket.create_connection((at.host, at.port or 80))
    peer.settimeout(DEADLINE)
    peer.sendall(f"PATCH {at.path} HTTP/1.1\r\n{head}\r\n".encode())
    return peer


def cut(url: str, offset: int, body: bytes, total: int) -> int:
    """Send a piece of `total` bytes, and leave after `body`; return how much has come.

    What came in the very moment of the cut a server may not have read any more.
    """
    with patching(url, offset, total) as peer:
        peer.sendall(body)
    return released(url)


def released(url: str) -> int:
    """Wait until nobody writes an upload; return the bytes that have come."""

    def is_free() -> bool:
        return send(url, offset_of(url), b"").status_code == 204

    wait_until_blocking(is_free, "it stayed locked")
    return offset_of(url)


def padded(film: bytes, size: int) -> bytes:
    """A video of `size` bytes: an MP4 with a box ``free`` behind it (ISO 14496-12, 8.1.2)."""
    head = head_of_padded(film, size)
    return head + bytes(size - len(head))


def head_of_padded(film: bytes, size: int) -> bytes:
    """What such a video begins with; the rest of its `size` bytes may be anything."""
    return film + (size - len(film)).to_bytes(4, "big") + b"free"


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    """A body that comes in these chunks."""
    for chunk in chunks:
        yield chunk


def quarantine(live: Live) -> Path:
    """Where the unfinished uploads of a server lie."""
    return Path(live.environ["STREAMER_DATA_DIR"]) / "uploads"


def media(live: Live) -> Path:
    """Where a server's jobs find videos."""
    return Path(live.environ["STREAMER_DATA_DIR"]) / "media"
