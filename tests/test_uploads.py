"""A video is uploaded in pieces, watched by everybody, and probed before a job may have it."""

from __future__ import annotations

import base64
import errno
import os
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.access.issue import Issuer
from streamer.config.settings import Settings
from streamer.errors import InvalidSource, UploadSpace
from streamer.eventlog.memory.log import MemoryEventLog
from streamer.publishing.publisher import Publisher
from streamer.uploads.uploads import Uploads
from support.asking import grants
from support.live import Live, StartLive
from support.requirements import needs
from support.waiting import wait_until_blocking

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "UPLOADS.md"
PIECE: Final = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
SECRET: Final = "an upload's secret, long enough to sign"
TUS: Final = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(autouse=True)
def _ffprobe() -> None:
    needs("ffprobe")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video whose header is at its end, and that is padded to some megabytes."""
    path = tmp_path_factory.mktemp("video") / "v.mkv"
    source = "testsrc2=s=64x64:d=1"
    subprocess.run(
        [needs("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", str(path)],
        check=True,
        timeout=60,
    )
    return path.read_bytes() + bytes(20_000_000)


def create(
    live: Live, project: str, length: int, name: str = "../../cat.mp4", **more: str
) -> httpx.Response:
    pairs = {"project_id": project, "filename": name}
    metadata = ",".join(f"{n} {base64.b64encode(v.encode()).decode()}" for n, v in pairs.items())
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata, **more}
    return httpx.post(f"{live.url}/api/v1/uploads", headers=headers)


def send(url: str, offset: int, body: bytes, **headers: str) -> httpx.Response:
    return httpx.patch(
        url, headers={**PIECE, "Upload-Offset": str(offset), **headers}, content=body, timeout=60
    )


def offset_of(url: str) -> int:
    return int(httpx.head(url, headers=TUS).headers["upload-offset"])


def events_of(live: Live, topic: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = httpx.get(f"{live.url}/api/v1/{topic}/events").json()["events"]
    return events


def patching(live: Live, url: str, offset: int, total: int) -> socket.socket:
    """A connection that has sent the head of a piece of `total` bytes."""
    path = url.removeprefix(live.url)
    fields = {**PIECE, "Host": "localhost", "Upload-Offset": offset, "Content-Length": total}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    peer = socket.create_connection(("127.0.0.1", live.port))
    peer.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode())
    return peer


def bearer(subject: str, topic: str) -> dict[str, str]:
    allowed = grants(subject, reads=(topic,), writes=(topic,))
    return {"Authorization": f"Bearer {Issuer(SECRET).issue(allowed, 600)}"}


def cut(live: Live, url: str, offset: int, body: bytes, total: int) -> None:
    """Send a piece of `total` bytes, and leave after `body`."""
    with patching(live, url, offset, total) as peer:
        peer.sendall(body)
    wait_until_blocking(lambda: offset_of(url) == offset + len(body), "the bytes were not kept")


def test_an_upload_that_is_cut_twice_resumes_and_is_a_source_for_jobs(
    live: Live, project: str, video: bytes
) -> None:
    created = create(live, project, len(video))
    assert created.status_code == 201, created.text
    url = live.url + created.headers["location"]
    cut(live, url, 0, video[:7_000_001], len(video))
    cut(live, url, 7_000_001, video[7_000_001:9_000_000], len(video) - 7_000_001)
    there = offset_of(url)
    answer = send(url, there, video[there:])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(video)))
    upload_id = url.rpartition("/")[2]
    events = events_of(live, f"projects/{project}")
    assert events == events_of(live, f"jobs/{upload_id}")
    assert {event["task_name"] for event in events} == {"upload"}
    told = [event["progress"] for event in events if event["type"] == "progress"]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(told) < 20, "an event for each piece is too many"
    source = f"uploads/{upload_id}"
    assert events[-1]["type"] == "completed"
    assert events[-1]["result"] == {
        "source": source,
        "filename": "../../cat.mp4",
        "size": len(video),
    }
    media = Path(live.environ["STREAMER_DATA_DIR"]) / "media"
    assert (media / source).read_bytes() == video
    assert offset_of(url) == len(video)


def test_what_is_no_video_is_refused_and_removed(live: Live, project: str) -> None:
    url = live.url + create(live, project, 1000).headers["location"]
    answer = send(url, 0, b"x" * 1000)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_source")
    assert httpx.head(url, headers=TUS).status_code == 404
    assert events_of(live, f"projects/{project}")[-1]["type"] == "error"
    directory = Path(live.environ["STREAMER_DATA_DIR"]) / "uploads"
    assert not list(directory.glob(f"{url.rpartition('/')[2]}*"))


def test_the_protocol_is_held_to(live: Live, project: str) -> None:
    url = live.url + create(live, project, 1000).headers["location"]
    assert send(url, 5, b"x").status_code == 409
    assert send(url, 0, b"x" * 2000).status_code == 413
    assert send(url, 0, b"x", **{"Tus-Resumable": "0.2.2"}).status_code == 412
    assert send(url, 0, b"x", **{"Content-Type": "text/plain"}).status_code == 400
    assert create(live, project, 1 << 50).status_code == 413
    assert create(live, "a/b", 10).status_code == 400
    options = httpx.options(f"{live.url}/api/v1/uploads")
    assert options.headers["tus-version"] == "1.0.0"
    assert "termination" in options.headers["tus-extension"]
    assert httpx.delete(url, headers=TUS).status_code == 204
    assert httpx.head(url, headers=TUS).status_code == 404
    assert events_of(live, f"projects/{project}")[-1]["status"] == "cancelled"


def test_two_at_once_are_refused(live: Live, project: str) -> None:
    url = live.url + create(live, project, 1000).headers["location"]
    with patching(live, url, 0, 10) as peer:
        peer.sendall(b"abc")
        wait_until_blocking(lambda: send(url, 9, b"").status_code == 423, "it was not locked")
    wait_until_blocking(lambda: offset_of(url) == 3, "what came was not kept")


def test_as_many_as_may_be_are_unfinished(start_live: StartLive, project: str) -> None:
    live = start_live(STREAMER_UPLOAD_MAX_PER_SUBJECT="1")
    assert create(live, project, 10).status_code == 201
    refused = create(live, project, 10)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")


def test_the_document_uploads_a_video(
    live_server: Live, project: str, video: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cat.mp4").write_bytes(video)
    code = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0]
    code = code.replace("http://localhost:8000", live_server.url).replace('"demo"', f'"{project}"')
    code = code.replace('"cat.mp4"', repr(str(tmp_path / "cat.mp4")))
    exec(code, {})
    assert events_of(live_server, f"projects/{project}")[-1]["type"] == "completed"


def test_only_who_began_it_may_continue_or_know_of_it(start_live: StartLive, project: str) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    both = {name: bearer(name, f"projects/{project}") for name in ("ann", "bob")}
    assert create(live, project, 10).status_code == 401
    assert create(live, project, 10, **bearer("eve", "projects/other")).status_code == 403
    url = live.url + create(live, project, 10, **both["ann"]).headers["location"]
    assert send(url, 0, b"x").status_code == 401
    assert send(url, 0, b"x", **both["bob"]).status_code == 404
    assert httpx.delete(url, headers={**TUS, **both["bob"]}).status_code == 404
    assert httpx.head(url, headers={**TUS, **both["bob"]}).status_code == 404
    assert send(url, 0, b"x", **both["ann"]).headers["upload-offset"] == "1"


def test_another_page_may_not_upload(live: Live, project: str) -> None:
    assert create(live, project, 10, Origin="https://evil.example").status_code == 403


def test_a_page_that_may_reads_where_to_continue(start_live: StartLive, project: str) -> None:
    live = start_live(STREAMER_ALLOWED_ORIGINS="https://app.example")
    page = {"Origin": "https://app.example"}
    asks = {**page, "Access-Control-Request-Method": "PATCH"}
    allowed = httpx.options(f"{live.url}/api/v1/uploads/x", headers=asks).headers
    assert "PATCH" in allowed["access-control-allow-methods"]
    assert "upload-offset" in allowed["access-control-allow-headers"]
    created = create(live, project, 10, **page)
    assert "upload-offset" in created.headers["access-control-expose-headers"]


def test_another_process_continues_and_a_crash_loses_nothing_that_came(
    start_live: StartLive, project: str, video: bytes, tmp_path: Path
) -> None:
    first = start_live()
    url = first.url + create(first, project, len(video)).headers["location"]
    cut(first, url, 0, video[:3_000_000], len(video))
    first.kill()
    second = start_live(STREAMER_PREFIX=first.environ["STREAMER_PREFIX"])
    url = url.replace(first.url, second.url)
    assert offset_of(url) == 3_000_000
    assert send(url, 3_000_000, video[3_000_000:]).status_code == 204
    assert events_of(second, f"projects/{project}")[-1]["type"] == "completed"


def test_a_body_may_be_slow_but_not_as_slow_as_one_who_holds_a_connection(
    start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_BODY_TIMEOUT="1")
    url = live.url + create(live, project, 10_000_000).headers["location"]
    with patching(live, url, 0, 10_000_000) as peer:
        begun = time.monotonic()

        def keep_on() -> bool:
            peer.sendall(bytes(1024))
            return time.monotonic() - begun > 2.5

        wait_until_blocking(keep_on, "the time did not pass")
    wait_until_blocking(lambda: offset_of(url) > 0, "nothing was kept")
    wait_until_blocking(lambda: send(url, offset_of(url), b"").status_code == 204, "still locked")
    there = offset_of(url)
    with patching(live, url, there, 1000) as peer:
        peer.sendall(b"x")
        peer.settimeout(10)
        assert peer.recv(4096).startswith(b"HTTP/1.1 408 ")


# Without a server


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    settings = Settings(data_dir=tmp_path, upload_ttl=60.0)
    return Uploads(settings, Publisher(MemoryEventLog()))


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_what_is_not_continued_is_removed(uploads: Uploads, tmp_path: Path) -> None:
    stored = await uploads.create("a.mp4", "p", 10)
    await uploads.sweep()
    assert stored.part.exists()
    os.utime(stored.part, (1.0, 1.0))
    await uploads.sweep()
    assert [path.suffix for path in (tmp_path / "uploads").iterdir()] == [".lock"]


async def test_what_was_whole_when_a_process_ended_is_finished(
    uploads: Uploads, tmp_path: Path, video: bytes
) -> None:
    stored = await uploads.create("a.mp4", "p", len(video))
    stored.part.write_bytes(video)
    await uploads.sweep()
    assert (tmp_path / "media" / "uploads" / stored.id).read_bytes() == video
    assert stored.read().reported


async def test_a_full_disk_loses_nothing_but_the_chunk(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await uploads.create("a.mp4", "p", 3_000_000)
    record = stored.read()
    there = await uploads.receive(stored, record, 0, chunks_of(bytes(1_000_000)))
    assert there == 1_000_000

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("streamer.uploads.stored.os.write", full)
        with pytest.raises(UploadSpace):
            await uploads.receive(stored, record, there, chunks_of(bytes(1_000_000)))
    assert stored.offset(record) == 1_000_000
    assert await uploads.receive(stored, record, there, chunks_of(b"x")) == 1_000_001


async def test_a_disk_that_has_no_room_takes_no_upload(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, disk_reserve=1 << 60)
    uploads = Uploads(settings, Publisher(MemoryEventLog()))
    with pytest.raises(UploadSpace, match="STREAMER_DISK_RESERVE"):
        await uploads.create("a.mp4", "p", 10)


async def test_a_whole_video_is_received_in_one_go(
    uploads: Uploads, tmp_path: Path, video: bytes
) -> None:
    upload_id = await uploads.receive_upload(chunks_of(video[:99], video[99:]), "a.mp4", "p")
    assert (tmp_path / "media" / "uploads" / upload_id).read_bytes() == video
    with pytest.raises(InvalidSource):
        await uploads.receive_upload(chunks_of(b"no video"), "a.mp4", "p")
