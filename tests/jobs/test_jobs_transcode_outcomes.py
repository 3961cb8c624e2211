"""How a transcode ends: what is tried again, what is not, and what a cancel leaves."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from dramatiq import Broker

from streamer.config.settings import Settings
from streamer.jobs.actors import declare_actors
from streamer.jobs.progress import JobCancelled, Progress
from streamer.jobs.transcode import encoding
from streamer.jobs.transcode.ffmpeg import FfmpegFailed
from streamer.jobs.transcode.transcode import TRANSCODE
from support.jobs import JobWatcher, working
from support.requirements import needs
from support.transcoding import Transcoding
from support.videos import H264, PICTURE, SOUND, Videos
from support.waiting import wait_until_blocking


async def story(
    broker: Broker, settings: Settings, watcher: JobWatcher, source: str
) -> tuple[list[str], str]:
    """What a job's stream said, event by event, and why it failed."""
    actor = declare_actors(broker, settings, [TRANSCODE])["transcode"]
    with working(broker):
        job_id = actor.send(source=source, height=144, format="mp4").message_id
        bodies = await watcher.ended(job_id)
    return await watcher.story(job_id), str(bodies[-1].get("error"))


async def test_a_file_that_is_cut_off_is_tried_once(
    job_broker: Broker, job_settings: Settings, watcher: JobWatcher, videos: Videos
) -> None:
    whole = videos.make("front.mp4", *PICTURE, *SOUND, *H264, "-movflags", "+faststart")
    data = whole.read_bytes()
    (job_settings.media_dir / "half.mp4").write_bytes(data[: len(data) // 2])
    told, reason = await story(job_broker, job_settings, watcher, "half.mp4")
    assert told == ["queued", "started", "error"]
    assert "cut off" in reason


async def test_a_worker_without_ffmpeg_fails_a_job_once_and_says_how_to_install_it(
    job_broker: Broker,
    job_settings: Settings,
    watcher: JobWatcher,
    videos: Videos,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(videos.make("plain.mp4", *PICTURE, *H264), job_settings.media_dir)
    monkeypatch.setenv("PATH", "")
    told, reason = await story(job_broker, job_settings, watcher, "plain.mp4")
    assert told == ["queued", "started", "error"]
    assert "apt-get install ffmpeg" in reason


async def test_an_ffmpeg_that_something_else_ended_is_tried_again_and_the_job_completes(
    job_broker: Broker,
    job_settings: Settings,
    watcher: JobWatcher,
    videos: Videos,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(videos.make("plain.mp4", *PICTURE, *H264), job_settings.media_dir)
    ffmpeg, programs = needs("ffmpeg"), job_settings.data_dir / "bin"
    flag = job_settings.data_dir / "flag"
    programs.mkdir()
    program = programs / "ffmpeg"
    first = f"[ -e {flag} ] || {{ : > {flag}; kill -9 $$; }}"
    program.write_text(f'#!/bin/sh\n{first}\nexec {ffmpeg} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    told, _ = await story(job_broker, job_settings, watcher, "plain.mp4")
    assert told == ["queued", "started", "retrying", "started", "completed"]


def test_a_cancel_in_the_middle_ends_ffmpeg_at_once_and_leaves_nothing(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        *("minute.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=60", *H264)
    )

    seen: list[str] = []

    def cancel(progress: Progress) -> None:
        if progress.fraction > 0:
            (name,) = transcoding.outputs
            seen.append(name)
            assert name.endswith(".part")
            assert len(users_of(name)) == 2  # the leash and ffmpeg
            progress.cancel()

    transcoding.on_progress = cancel
    with pytest.raises(JobCancelled):
        transcoding(source, height=1080)
    assert 0.0 < max(transcoding.fractions) < 0.99
    assert transcoding.outputs == []
    wait_until_blocking(lambda: not users_of(seen[0]), "ffmpeg went on")


def test_what_ffmpeg_complains_about_does_not_say_where_results_lie(
    transcoding: Transcoding, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoding._FORMATS, "mp4", ("-f", "image2"))
    with pytest.raises(FfmpegFailed) as failed:
        transcoding(videos.make("plain.mp4", *PICTURE, *H264))
    assert str(transcoding.settings.output_dir) not in str(failed.value)
    assert transcoding.outputs == []


def users_of(name: str) -> list[str]:
    """The command lines of all processes that name a file."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            found.append(path.read_bytes().decode(errors="replace"))
    return [line for line in found if name in line]
