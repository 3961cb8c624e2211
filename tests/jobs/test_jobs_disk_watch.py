"""The disk that jobs write to: results go in their time, and it is watched before it is full."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest

from streamer.config.settings import Settings
from streamer.jobs.disk_watch import DiskWatch
from streamer.jobs.transcode.source import check_source
from support.live import Live, StartLive

WEEK = 7 * 86400
#: Bytes that no disk has.
ENDLESS = 2**60


def result(directory: Path, *, age: float, extension: str = "mp4") -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / f"{uuid4()}.{extension}"
    path.write_bytes(b"film")
    os.utime(path, (time.time() - age,) * 2)
    return path


async def test_results_go_at_their_age_though_no_job_runs_and_others_look_too(
    tmp_path: Path,
) -> None:
    """Whichever server comes first removes them; the others find nothing left to do."""
    settings = Settings(data_dir=tmp_path, disk_reserve=0)
    old, new = (result(settings.output_dir, age=age) for age in (WEEK + 60, 60))
    for watch in [DiskWatch(settings) for _ in range(3)]:
        await watch.look()
        assert (old.exists(), new.exists()) == (False, True)


async def test_a_server_without_results_has_nothing_to_remove(tmp_path: Path) -> None:
    data = tmp_path / "not" / "there"
    await DiskWatch(Settings(data_dir=data, disk_reserve=0)).look()
    assert not data.parent.exists()


async def test_a_disk_that_is_nearly_full_is_reported_once_until_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is room again with a tenth more: a disk at its edge is not reported each time."""
    caplog.set_level(logging.INFO, "streamer.jobs.disk_watch")
    watch = DiskWatch(Settings(data_dir=tmp_path, disk_reserve=1000))
    said = []
    for free in (2000, 999, 500, 1000, 1099, 999, 1100, 1050, 999):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr("streamer.jobs.disk_watch.disk_usage", lambda _, usage=usage: usage)
        await watch.look()
        said.append(bool(watch.low))
    assert said == [False, True, True, True, True, True, False, False, True]
    assert [record.getMessage().partition(" has ")[2] for record in caplog.records] == [
        "999 bytes free; jobs and uploads write nothing",
        "1,100 bytes free again; jobs and uploads go on",
        "999 bytes free; jobs and uploads write nothing",
    ]


def test_a_full_disk_refuses_jobs_and_uploads_at_once_and_readers_none(
    start_live: StartLive, project: str, clip: Path, short_dir: Path
) -> None:
    """With 503, and how much is kept free; `/readyz` warns, and the server stays ready."""
    live = start_live(STREAMER_DISK_RESERVE=str(ENDLESS))
    media, output = short_dir / "media", short_dir / "output"
    media.mkdir()
    (media / "film.mp4").write_bytes(clip.read_bytes())
    with httpx.Client(base_url=live.url) as client:
        job = {"kind": "transcode", "source": "film.mp4"}
        answer = client.post(f"/api/v1/projects/{project}/jobs", json=job)
        assert answer.status_code == 202, "its results are on another machine's disk"
        output.mkdir()
        for source in ("sample", "film.mp4"):
            answer = client.post(
                f"/api/v1/projects/{project}/jobs", json={"kind": "transcode", "source": source}
            )
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (503, "disk_full")
            assert f"{ENDLESS:,} are kept free (STREAMER_DISK_RESERVE)" in problem["detail"]
            assert problem["retry"]
            assert int(answer.headers["Retry-After"]) >= 1
        answer = client.post(
            "/api/v1/uploads",
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Length": "5",
                "Upload-Metadata": "project_id cDE=",
            },
        )
        assert (answer.status_code, answer.json()["code"]) == (507, "upload_space")
        assert len(client.get("/api/v1/jobs").json()["jobs"]) == 1
        ready = client.get("/readyz")
        assert ready.status_code == 200
        (warning,) = ready.json()["warnings"]
        assert "are kept free" in warning
        answer = client.post(f"/api/v1/projects/{project}/events", json={"type": "note"})
        assert answer.status_code == 201


def test_the_address_of_a_removed_result_says_that_it_is_gone(
    live_server: Live, project: str
) -> None:
    """410 while its job is remembered, for its poster too; what was never made is 404."""
    job = str(uuid4())
    made = {"url": f"/files/{job}.mp4", "poster": f"/files/{job}.jpg"}
    body: dict[str, object] = {
        "topics": [f"projects/{project}", f"jobs/{job}"],
        "type": "completed",
    }
    body |= {"job_id": job, "task_name": "transcode", "result": made}
    with httpx.Client(base_url=live_server.url) as client:
        assert client.post("/api/v1/events", json=body).status_code == 201
        output = Path(live_server.environ["STREAMER_DATA_DIR"]) / "output"
        output.mkdir(parents=True, exist_ok=True)
        film = output / f"{job}.mp4"
        film.write_bytes(b"film")
        assert client.get(made["url"]).content == b"film"
        film.unlink()
        for path in made.values():
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (410, "result_removed")
            assert "run the job again" in answer.json()["detail"]
        for path in (f"/files/{job}.webm", f"/files/{uuid4()}.mp4", "/files/a.mp4"):
            assert client.get(path).status_code == 404


def test_an_uploaded_video_that_a_job_asks_for_is_not_old(tmp_path: Path, clip: Path) -> None:
    """The oldest make room: what is wanted counts from then on. Other videos are left alone."""
    settings = Settings(data_dir=tmp_path, disk_reserve=0)
    names = ("uploads/" + uuid4().hex, "film.mp4")
    for name in names:
        path = settings.media_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip.read_bytes())
        os.utime(path, (1000.0, 1000.0))
        assert check_source(name, settings)
    used, other = ((settings.media_dir / name).stat().st_mtime for name in names)
    assert time.time() - used < 60
    assert other == 1000.0
