"""An upload that is cut continues where it stands, whichever process it comes to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.live import Live, StartLive
from support.tcp_proxy import TcpProxy
from support.tus import (
    PIECE,
    begin,
    cut,
    end_of,
    events_of,
    head_of_padded,
    id_of,
    media,
    offset_of,
    released,
    send,
)

#: Bytes of a large video, and of a piece of it that a client has in memory.
LARGE: Final = 200_000_000
CHUNK: Final = 1_000_000
#: Bytes by which a server may grow that receives it: far less than it is.
GROWTH: Final = 30_000_000


def test_an_upload_that_is_cut_twice_resumes_and_is_a_source_for_jobs(
    live: Live, project: str, video: bytes
) -> None:
    url = begin(live, project, len(video), "../../cat.mp4")
    there = cut(url, 0, video[:7_000_001], len(video))
    assert there > 6_000_000, "what came is kept"
    there = cut(url, there, video[there : there + 5_000_000], len(video) - there)
    assert there > 11_000_000
    answer = send(url, there, video[there:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(video)))
    events = events_of(live, f"projects/{project}")
    assert events == events_of(live, f"jobs/{id_of(url)}")
    assert {event["task_name"] for event in events} == {"upload"}
    fractions = [event["progress"] for event in events if event["type"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    source = f"uploads/{id_of(url)}"
    assert [event["type"] for event in events].count("completed") == 1
    assert events[-1]["result"] == {
        "source": source,
        "filename": "../../cat.mp4",
        "size": len(video),
        "duration": 1.0,
        "width": 320,
        "height": 240,
    }
    assert (media(live) / source).read_bytes() == video
    assert offset_of(url) == len(video)


def test_however_many_pieces_it_comes_in_its_events_are_few(
    live_server: Live, project: str, film: bytes
) -> None:
    url = begin(live_server, project, len(film))
    with httpx.Client() as client:
        for offset in range(200):
            fields = {**PIECE, "Upload-Offset": str(offset)}
            piece = film[offset : offset + 1]
            assert client.patch(url, headers=fields, content=piece).status_code == 204
    assert send(url, 200, film[200:]).status_code == 204
    assert len(events_of(live_server, f"projects/{project}")) < 30, "two a second, and the ends"


def test_another_process_continues_and_a_crash_loses_nothing_that_came(
    start_live: StartLive, project: str, video: bytes
) -> None:
    first = start_live()
    url = begin(first, project, len(video))
    there = cut(url, 0, video[:3_000_000], len(video))
    first.kill()
    second = start_live(STREAMER_PREFIX=first.environ["STREAMER_PREFIX"])
    url = url.replace(first.url, second.url)
    assert offset_of(url) == there > 2_000_000
    assert send(url, there, video[there:]).status_code == 204
    assert events_of(second, f"projects/{project}")[-1]["type"] == "completed"
    assert (media(second) / "uploads" / id_of(url)).read_bytes() == video


def test_a_large_video_that_is_cut_twice_arrives_byte_for_byte_in_little_memory(
    start_live: StartLive, project: str, film: bytes
) -> None:
    live = start_live()
    assert live.program is not None
    head, whole = head_of_padded(film, LARGE), hashlib.sha256()
    for chunk in large(head, 0):
        whole.update(chunk)
    before = peak_of(live.program.pid)
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        proxy.cuts.extend((LARGE // 3, 2 * LARGE // 3))
        url = begin(live, project, LARGE).replace(live.url, proxy.url)
        cuts = 0
        while (there := released(url)) < LARGE:
            fields = {**PIECE, "Upload-Offset": str(there), "Content-Length": str(LARGE - there)}
            try:
                answer = httpx.patch(url, headers=fields, content=large(head, there))
            except httpx.TransportError:
                cuts += 1
            else:
                assert answer.status_code == 204, answer.text
    assert cuts == 2
    assert end_of(live, f"projects/{project}")["result"]["size"] == LARGE
    assert peak_of(live.program.pid) - before < GROWTH
    with (media(live) / "uploads" / id_of(url)).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == whole.digest()


def large(head: bytes, start: int) -> Iterator[bytes]:
    """The large video from one of its bytes on; no part of it is like another."""
    if start < len(head):
        yield head[start:]
        start = len(head)
    while start < LARGE:
        block, skip = divmod(start, CHUNK)
        seed = hashlib.sha256(block.to_bytes(8, "big")).digest()
        chunk = (seed * (CHUNK // len(seed)))[skip : skip + LARGE - start]
        yield chunk
        start += len(chunk)


def peak_of(pid: int) -> int:
    """Bytes of memory that a process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    if found is None:
        pytest.skip("this system does not say how much memory a process had")
    return 1024 * int(found[1])
