"""The editor sends a video: as it comes, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from streamer.config.settings import Settings
from streamer.dialects.editor import received
from streamer.dialects.editor.multipart_file import file_in
from streamer.dialects.editor.received import receive
from streamer.errors import InvalidFields, InvalidSource
from support.live import Live
from support.waiting import wait_until

FORM: Final = "multipart/form-data; boundary=b"


def part(name: str, body: bytes, *, filename: str | None = "a.mp4") -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + body + b"\r\n"


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int = 7, content_type: str = FORM) -> bytes:
    return b"".join(
        [chunk async for chunk in file_in(content_type, in_pieces(body, size), "video")]
    )


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
def settings(tmp_path: Path) -> Settings:
    return Settings(media_dir=tmp_path / "media")


@pytest.fixture
def film(clip: Path) -> bytes:
    """A small video."""
    return clip.read_bytes()


def left(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.media_dir / "uploads").iterdir())


async def test_a_video_is_there_when_it_is_whole_and_one(settings: Settings, film: bytes) -> None:
    source = await receive("v1", in_pieces(film, 1000), settings)
    assert source == "uploads/v1"
    assert await asyncio.to_thread((settings.media_dir / source).read_bytes) == film
    with pytest.raises(InvalidSource):
        await receive("v2", in_pieces(b"no video", 3), settings)
    assert left(settings) == ["v1"]


async def test_what_is_too_large_is_refused_and_leaves_nothing(
    settings: Settings, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "MAX_BYTES", 5000)
    with pytest.raises(InvalidFields, match="too large: 5,000 bytes"):
        await receive("v1", in_pieces(film, 1000), settings)
    assert left(settings) == []


async def test_a_video_goes_up_and_is_trimmed_by_the_name_it_was_given(
    live: Live, film: bytes
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        files = {"video": ("../../holiday.mp4", film, "video/mp4")}
        answer = await client.post(f"{live.url}/api/upload", files=files)
        assert answer.status_code == 200, answer.text
        video = answer.json()["videoId"]
        for path in ("/srv/editor/1.mp4", answer.json()["inputPath"]):
            asked: dict[str, Any] = {"videoId": video, "inputPath": path}
            asked |= {"startTime": 0, "endTime": 0.5}
            trimmed = await client.post(f"{live.url}/api/edit/trim", json=asked)
            assert (trimmed.status_code, trimmed.json()["success"]) == (200, True), trimmed.text
        files = {"video": ("a.mp4", b"no video", "video/mp4")}
        refused = await client.post(f"{live.url}/api/upload", files=files)
        assert (refused.status_code, refused.json()["success"]) == (400, False)


async def test_of_a_client_that_leaves_half_way_nothing_stays(live: Live, film: bytes) -> None:
    directory = Path(live.environ["STREAMER_DATA_DIR"]) / "media" / "uploads"

    def unfinished() -> bool:
        return directory.exists() and any(
            path.name.endswith(".part") for path in directory.iterdir()
        )

    _, writer = await asyncio.open_connection("127.0.0.1", live.port)
    body = part("video", film)
    head = f"POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
    writer.write(f"{head}Content-Length: {len(body) + 99}\r\n\r\n".encode() + body)
    await wait_until(unfinished, "the upload did not begin")
    writer.close()
    await wait_until(lambda: not unfinished(), "what was sent of it is still there")
