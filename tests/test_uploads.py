"""A video is uploaded in pieces, watched by everybody, and probed before a job may have it."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.live import Live, StartLive
from support.requirements import needs
from support.waiting import wait_until_blocking

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "UPLOADS.md"
PIECE: Final = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
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


def create(live: Live, project: str, length: int, name: str = "../../cat.mp4") -> httpx.Response:
    pairs = {"project_id": project, "filename": name}
    metadata = ",".join(f"{n} {base64.b64encode(v.encode()).decode()}" for n, v in pairs.items())
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata}
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


def cut(live: Live, url: str, offset: int, body: bytes, total: int) -> None:
    """Send a piece of `total` bytes, and leave after `body`."""
    path = url.removeprefix(live.url)
    fields = {**PIECE, "Host": "localhost", "Upload-Offset": offset, "Content-Length": total}
    with socket.create_connection(("127.0.0.1", live.port)) as peer:
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        peer.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
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
    path = url.removeprefix(live.url)
    with socket.create_connection(("127.0.0.1", live.port)) as peer:
        fields = {**PIECE, "Host": "localhost", "Upload-Offset": 0, "Content-Length": 10}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        peer.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\nabc".encode())
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
