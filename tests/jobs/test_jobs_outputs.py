"""The directory of results: what is removed, what stays, and when it takes no more."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from streamer.jobs.transcode.ffmpeg import FfmpegFailed, OutOfSpace
from streamer.jobs.transcode.outputs import check_space, remove_old
from support.transcoding import JOB_ID, Transcoding
from support.videos import H264, PICTURE, Videos


def result(directory: Path, number: int, *, age: float = 0.0, size: int = 100) -> Path:
    """A result of a job, written `age` seconds ago."""
    path = directory / f"{UUID(int=number)}.mp4"
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


def left(directory: Path) -> set[Path]:
    return set(directory.iterdir())


def test_a_result_is_removed_at_its_age(tmp_path: Path) -> None:
    result(tmp_path, 1, age=101)
    young = result(tmp_path, 2, age=50)
    remove_old(tmp_path, max_age=100, max_bytes=0)
    assert left(tmp_path) == {young}


def test_the_oldest_results_make_room(tmp_path: Path) -> None:
    paths = [result(tmp_path, n, age=n * 10) for n in range(1, 6)]
    remove_old(tmp_path, max_age=0, max_bytes=250)
    assert left(tmp_path) == set(paths[:2])


def test_a_poster_is_a_result_too(tmp_path: Path) -> None:
    poster = result(tmp_path, 1, age=101).with_suffix(".jpg")
    poster.with_suffix(".mp4").rename(poster)
    remove_old(tmp_path, max_age=100, max_bytes=0)
    assert left(tmp_path) == set()


def test_without_limits_everything_stays(tmp_path: Path) -> None:
    paths = {result(tmp_path, n, age=n * 1e8) for n in range(1, 4)}
    remove_old(tmp_path, max_age=0, max_bytes=0)
    assert left(tmp_path) == paths


def test_the_result_just_made_stays_and_counts(tmp_path: Path) -> None:
    own = result(tmp_path, 1, age=1000, size=300)
    young = result(tmp_path, 2, size=50)
    result(tmp_path, 3, age=5, size=50)
    remove_old(tmp_path, max_age=100, max_bytes=350, keep=own.stem)
    assert left(tmp_path) == {own, young}
    remove_old(tmp_path, max_age=100, max_bytes=10, keep=own.stem)
    assert left(tmp_path) == {own}


def test_nothing_else_in_the_directory_is_touched(tmp_path: Path) -> None:
    """It may be a directory with somebody's films in it."""
    names = ["film.mp4", f"{UUID(int=1)}.mov", f"my-{UUID(int=1)}.mp4", f"{UUID(int=1)}.mp4.txt"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / f"{UUID(int=2)}.mp4").symlink_to(tmp_path / "film.mp4")
    before = left(tmp_path)
    remove_old(tmp_path, max_age=1, max_bytes=1)
    assert left(tmp_path) == before


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path) -> None:
    check_space(tmp_path, 0)
    with pytest.raises(OutOfSpace, match=r"nearly full: .*STREAMER_DISK_RESERVE"):
        check_space(tmp_path, 2**62)


def test_a_job_removes_old_results_and_keeps_its_own(
    transcoding: Transcoding, videos: Videos
) -> None:
    transcoding.settings.output_dir.mkdir()
    old = result(transcoding.settings.output_dir, 1, age=8 * 86400)
    new = result(transcoding.settings.output_dir, 2)
    transcoding(videos.make("plain.mp4", *PICTURE, *H264))
    assert not old.exists()
    assert transcoding.outputs == sorted([new.name, f"{JOB_ID}.jpg", f"{JOB_ID}.mp4"])


def test_a_job_on_a_full_disk_fails_and_says_so_and_may_be_tried_again(
    transcoding: Transcoding, videos: Videos
) -> None:
    transcoding.settings = replace(transcoding.settings, disk_reserve=2**62)
    with pytest.raises(OutOfSpace, match="nearly full"):
        transcoding(videos.make("plain.mp4", *PICTURE, *H264))
    assert transcoding.outputs == []


def test_a_disk_that_fills_meanwhile_stops_the_job_and_nothing_is_left(
    transcoding: Transcoding, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def check(directory: Path, reserve: int) -> None:
        looks.append(directory)
        if len(looks) > 1:
            check_space(directory, 2**62)

    monkeypatch.setattr("streamer.jobs.transcode.results.check_space", check)
    with pytest.raises(OutOfSpace):
        transcoding(videos.make("plain.mp4", *PICTURE, *H264))
    assert transcoding.outputs == []


def test_an_output_that_is_larger_than_all_may_be_together_is_stopped(
    transcoding: Transcoding, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.jobs.transcode.results._SPACE_SECONDS", 0.0)
    transcoding.settings = replace(transcoding.settings, output_bytes=1000)
    source = videos.make(
        "noise.mp4", "-f", "lavfi", "-i", "nullsrc=size=320x240:rate=25:duration=8,noise=alls=99"
    )
    with pytest.raises(FfmpegFailed, match=r"over 1,000 bytes.*STREAMER_OUTPUT_BYTES"):
        transcoding(source, height=720)
    assert transcoding.outputs == []
