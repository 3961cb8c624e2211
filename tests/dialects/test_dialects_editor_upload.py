"""The editor sends a video in a form: an upload like every other, whole or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.dialects.editor.multipart_file import FormFile
from streamer.errors import InvalidFields
from support.live import Live, StartLive
from support.tus import end_of, events_of, media, offset_of, quarantine
from support.waiting import wait_until_blocking

FORM: Final = "multipart/form-data; boundary=b"


def part(name: str, body: bytes, *, filename: str | None = "a.mp4") -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + body + b"\r\n"


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int = 7, content_type: str = FORM) -> bytes:
    file = FormFile(content_type, in_pieces(body, size), "video")
    assert await file.name() == "a.mp4"
    return b"".join([chunk async for chunk in file.chunks()])


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_file_comes_out_as_it_went_in_however_it_is_cut(size: int) -> None:
    data = bytes(range(256)) * 4 + b"\r\n--c\r\n--"
    body = part("title", b"mine", filename=None) + part("video", data) + b"--b--\r\n"
    assert await read(body, size) == data


@pytest.mark.parametrize(
    ("body", "content_type", "wrong"),
    [
        (b"{}", "application/json", "must be multipart/form-data"),
        (b"", "multipart/form-data", "must be multipart/form-data"),
        (b"nothing", FORM, "cannot be read"),
        (part("video", b"x"), FORM, "cannot be read"),
        (part("film", b"x") + b"--b--", FORM, "has no file 'video'"),
        (part("video", b"x", filename=None) + b"--b--", FORM, "has no file 'video'"),
        (part("video", b"x") * 2 + b"--b--", FORM, "more than once"),
        (part("t", b"x" * 20_000) + part("video", b"x") + b"--b--", FORM, "16,384 bytes beside"),
        (part("t", b"") * 20 + b"--b--", FORM, "cannot be read"),
    ],
)
async def test_a_form_that_has_not_one_file_is_refused(
    body: bytes, content_type: str, wrong: str
) -> None:
    with pytest.raises(InvalidFields, match=wrong):
        await read(body, 64, content_type)


@pytest.fixture
def film(clip: Path) -> bytes:
    """A small video."""
    return clip.read_bytes()


def send(live: Live, film: bytes, name: str = "../../holiday.mp4") -> httpx.Response:
    files = {"video": (name, film, "video/mp4")}
    return httpx.post(f"{live.url}/api/upload", files=files)


def test_a_video_goes_up_and_is_trimmed_by_the_name_it_was_given(live: Live, film: bytes) -> None:
    answer = send(live, film)
    assert answer.status_code == 200, answer.text
    video, path = answer.json()["videoId"], answer.json()["inputPath"]
    assert (media(live) / path).read_bytes() == film
    for named in ("/srv/editor/1.mp4", path):
        asked: dict[str, Any] = {"videoId": video, "inputPath": named}
        asked |= {"startTime": 0, "endTime": 0.5}
        trimmed = httpx.post(f"{live.url}/api/edit/trim", json=asked)
        assert (trimmed.status_code, trimmed.json()["success"]) == (200, True), trimmed.text
        httpx.post(f"{live.url}/api/v1/jobs/{trimmed.json()['jobId']}/cancel")


def test_it_is_an_upload_like_every_other(live: Live, film: bytes) -> None:
    answer = send(live, film, "/home/me/holiday.mp4")
    video = answer.json()["videoId"]
    events = events_of(live, f"projects/{video}")
    assert events == events_of(live, f"jobs/{video}")
    assert {event["task_name"] for event in events} == {"upload"}
    assert events[-1]["result"]["source"] == answer.json()["inputPath"]
    assert events[-1]["result"]["filename"] == "/home/me/holiday.mp4"
    assert events_of(live, f"videos/{video}") == [], "its page knows no end without an output"
    assert offset_of(f"{live.url}/api/v1/uploads/{video}") == len(film)


def test_what_is_no_video_or_too_large_is_refused_in_the_editor_s_words(
    start_live: StartLive, film: bytes
) -> None:
    live = start_live(STREAMER_UPLOAD_MAX_BYTES=str(len(film)))
    for body, status, code in (
        (b"no video", 400, "invalid_source"),
        (film + b"x", 413, "upload_too_large"),
        (b"", 400, "invalid_source"),
    ):
        refused = send(live, body).json()
        assert (refused["status"], refused["code"], refused["success"]) == (status, code, False)
        assert refused["error"] == refused["message"] == refused["detail"]
    assert list(quarantine(live).glob("*.*")) == [quarantine(live) / "creating.lock"]
    assert not (media(live) / "uploads").exists()
    assert send(live, film).status_code == 200


def test_of_a_client_that_leaves_half_way_nothing_stays(live: Live, film: bytes) -> None:
    left = set(quarantine(live).glob("*")) | {quarantine(live) / "creating.lock"}

    def begun() -> list[str]:
        return [path.stem for path in set(quarantine(live).glob("*.part")) - left]

    body = part("video", film)
    with socket.create_connection(("127.0.0.1", live.port)) as peer:
        head = f"POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
        peer.sendall(f"{head}Content-Length: {len(body) + 99}\r\n\r\n".encode() + body)
        (upload,) = wait_until_blocking(begun, "the upload did not begin")
    assert "cannot be read" in end_of(live, f"jobs/{upload}")["error"]
    wait_until_blocking(lambda: set(quarantine(live).glob("*")) <= left, "it is still there")


def test_a_form_without_the_video_begins_no_upload(live: Live) -> None:
    before = httpx.get(f"{live.url}/api/v1/jobs").json()
    refused = httpx.post(f"{live.url}/api/upload", files={"film": ("a.mp4", b"x", "video/mp4")})
    assert (refused.status_code, refused.json()["success"]) == (400, False)
    assert httpx.get(f"{live.url}/api/v1/jobs").json() == before


async def test_a_queued_trim_that_is_cancelled_is_told_to_the_editor(
    live: Live, project: str
) -> None:
    asked = {"videoId": project, "inputPath": "sample", "startTime": 1, "endTime": 2}
    async with httpx.AsyncClient(trust_env=False) as client:
        job = (await client.post(f"{live.url}/api/edit/trim", json=asked)).json()["jobId"]
        cancelled = await client.post(f"{live.url}/api/v1/jobs/{job}/cancel")
        assert cancelled.json()["status"] == "cancelled"
    for topic in (f"videos/{project}", f"projects/{project}", f"jobs/{job}"):
        last = (await asyncio.to_thread(events_of, live, topic))[-1]
        assert (last["status"], last["topic"]) == ("cancelled", f"projects/{project}"), topic
