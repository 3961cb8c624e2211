"""A video of one's own goes the whole way: up, through quarantine, into jobs, out with a poster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.live import Live, StartLive
from support.processes import streamer
from support.tus import begin, create, end_of, events_of, id_of, look, media, send
from support.videos import H264, SOUND, Videos, probed, track

#: Eight seconds with sound, a key picture at each whole second.
EIGHT: Final = (
    *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=8"),
    *("-f", "lavfi", "-i", "sine=duration=8"),
    *("-g", "25", *H264, "-c:a", "aac"),
)
STILL: Final = ("-f", "lavfi", "-i", "testsrc2=duration=1", "-frames:v", "1")
FIRST: Final = ("-movflags", "+faststart")
NAME: Final = 'Kätzchen "1"; rm -rf\n\r\t\x00/../猫 🐈\u202egnp.mp4'
SHOWN: Final = 'Kätzchen "1"; rm -rf/../猫 🐈gnp.mp4'


def upload(live: Live, project: str, content: bytes) -> tuple[str, httpx.Response]:
    """Send a file; return its address and the answer to its last piece."""
    url = begin(live, project, len(content), NAME)
    return url, send(url, 0, content)


def submit(live: Live, project: str, **job: object) -> httpx.Response:
    return httpx.post(f"{live.url}/api/v1/projects/{project}/jobs", json=job)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("sound.m4a", SOUND, "it has no pictures"),
        ("sound.wav", SOUND, "it is of a kind that is no video"),
        ("still.png", STILL, "it is of a kind that is no video"),
        ("still.jpg", STILL, "it is of a kind that is no video"),
    ],
)
def test_what_has_no_moving_pictures_is_refused_with_the_reason(
    *,
    live_server: Live,
    project: str,
    videos: Videos,
    name: str,
    make: tuple[str, ...],
    said: str,
) -> None:
    url, answer = upload(live_server, project, videos.make(name, *make).read_bytes())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_source")
    assert f"{SHOWN!r} is not a video that can be read: {said}" in answer.json()["detail"]
    assert end_of(live_server, f"projects/{project}")["error"] == answer.json()["detail"]
    assert look(url).status_code == 404
    assert not (media(live_server) / "uploads" / id_of(url)).exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0", id="one byte"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", id="list"),
        pytest.param(b"ffconcat version 1.0\nfile /etc/passwd\n", id="concat"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)) * 64, id="archive"),
        pytest.param(b"<svg><image href='file:///etc/passwd'/></svg>", id="svg"),
    ],
)
def test_what_would_name_other_files_or_is_no_video_stays_in_quarantine(
    live_server: Live, project: str, content: bytes
) -> None:
    _, answer = upload(live_server, project, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_source")


def test_an_empty_file_is_refused_before_it_begins(live_server: Live, project: str) -> None:
    assert create(live_server, project, 0).status_code == 400


def test_half_a_video_is_refused_or_else_its_job_fails_with_the_reason(
    working: Live, project: str, videos: Videos
) -> None:
    whole = videos.make("eight.mp4", *EIGHT).read_bytes()
    _, answer = upload(working, project, whole[: len(whole) // 2])
    assert "it is cut off" in answer.json()["detail"]
    first = videos.make("first.mp4", *EIGHT, *FIRST).read_bytes()
    url, answer = upload(working, project, first[: len(first) // 2])
    assert answer.status_code == 204, "its head is there, and says that it is a video"
    source = f"uploads/{id_of(url)}"
    job = submit(working, project, kind="trim", source=source, start=1, end=7).json()["task_id"]
    last = end_of(working, f"jobs/{job}")
    assert last["type"] == "error"
    assert "cut off" in last["error"]


@pytest.fixture
def working(start_live: StartLive) -> Iterator[Live]:
    """A server with a worker."""
    live = start_live()
    with streamer("worker", environ=live.environ):
        yield live


def test_a_video_of_one_s_own_is_transcoded_and_trimmed_with_a_poster(
    working: Live, project: str, videos: Videos
) -> None:
    content = videos.make("eight.mp4", *EIGHT).read_bytes()
    _, answer = upload(working, project, content)
    assert answer.status_code == 204, answer.text
    told = events_of(working, f"projects/{project}")
    assert told[0]["message"] == f"Uploading {SHOWN}"
    result = told[-1]["result"]
    assert result["filename"] == SHOWN
    assert (result["duration"], result["width"], result["height"]) == (8.0, 160, 120)
    asked: list[dict[str, Any]] = [
        {"kind": "trim", "start": 2, "end": 5},
        {"kind": "trim", "start": 6.5, "end": 30},
        {"kind": "transcode", "height": 144, "format": "mp4"},
    ]
    seconds = [3.0, 1.5, 8.0]
    for body, lasts in zip(asked, seconds, strict=True):
        job = submit(working, project, source=result["source"], **body).json()["task_id"]
        last = end_of(working, f"jobs/{job}")
        assert last["type"] == "completed", last
        of_job = [e["progress"] for e in events_of(working, f"jobs/{job}") if "progress" in e]
        assert of_job == sorted(of_job)
        assert of_job[-1] == 1.0
        made, poster = (fetch(working, last["result"][name]) for name in ("url", "poster"))
        path = made(Path(working.environ["STREAMER_DATA_DIR"]) / f"{job}.mp4")
        assert float(probed(path)["format"]["duration"]) == pytest.approx(lasts, abs=0.2)
        assert track(path, "audio") is not None
        shown = track(poster(path.with_suffix(".jpg")), "video")
        assert shown is not None
        assert shown["codec_name"] == "mjpeg"
    for wrong, said in (
        ({"start": 5, "end": 5}, "start must be below end"),
        ({"start": -1, "end": 5}, "start"),
        ({"start": 8.5, "end": 9}, "the video lasts 8.000 s"),
        ({"start": 1}, "end"),
    ):
        refused = submit(working, project, kind="trim", source=result["source"], **wrong)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_fields"), wrong
        assert said in refused.json()["detail"]


def fetch(live: Live, address: str) -> Callable[[Path], Path]:
    """Write what is at an address of results to a path."""
    answer = httpx.get(f"{live.url}{address}")
    assert answer.status_code == 200, address

    def write(path: Path) -> Path:
        path.write_bytes(answer.content)
        return path

    return write
