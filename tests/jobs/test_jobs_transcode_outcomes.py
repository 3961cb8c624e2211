"""How a transcode ends: what is tried again, what is not, and what a cancel leaves."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from dramatiq import Broker

from streamer.config.settings import Settings
from streamer.errors import InvalidSource
from streamer.jobs.actors import declare_actors
from streamer.jobs.progress import Progress
from streamer.jobs.stops import JobCancelled
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


def huge_png(side: int) -> bytes:
    """A file of a few bytes that says it has a picture of `side` times `side`, in an APNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    control = struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", header),
            chunk(b"acTL", struct.pack(">II", 1, 0)),
            chunk(b"fcTL", control),
            chunk(b"IDAT", zlib.compress(bytes(3_000_000), 9)),
            chunk(b"IEND", b""),
        ]
    )


async def test_a_tiny_file_with_an_enormous_picture_ends_in_one_error(
    job_broker: Broker, job_settings: Settings, watcher: JobWatcher
) -> None:
    """As one that was put in the media directory after it was asked for."""
    bomb = huge_png(100_000)
    assert len(bomb) < 10_000
    (job_settings.media_dir / "bomb.png").write_bytes(bomb)
    told, reason = await story(job_broker, job_settings, watcher, "bomb.png")
    assert told == ["queued", "started", "error"]
    assert "is not a video that can be read" in reason
    assert "pixels" in reason


async def test_a_list_of_other_addresses_ends_in_one_error(
    job_broker: Broker, job_settings: Settings, watcher: JobWatcher
) -> None:
    """Nothing is asked of the address: that is known before anything is read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n"
        (job_settings.media_dir / "live.m3u8").write_text(playlist)
        told, reason = await story(job_broker, job_settings, watcher, "live.m3u8")
        assert told == ["queued", "started", "error"]
        assert "is not a video that can be read" in reason
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_picture_that_moves_for_ever_is_played_once(
    transcoding: Transcoding, videos: Videos
) -> None:
    """A GIF says how often it is to be shown again: 0 is for ever."""
    source = videos.make(
        *("endless.gif", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1"),
        *("-loop", "0"),
    )
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in source.read_bytes()
    result, _ = transcoding(source)
    assert result["duration"] == pytest.approx(1.0, abs=0.2)


def test_a_tiny_picture_that_lasts_for_days_is_refused_with_the_limit(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    """Each picture of a GIF may last for eleven minutes."""
    short = videos.make("short.gif", "-f", "lavfi", "-i", "testsrc2=size=16x16:rate=5:duration=20")
    data = bytearray(short.read_bytes())
    control = b"\x21\xf9\x04"
    at = data.find(control)
    while at >= 0:
        data[at + 4 : at + 6] = b"\xff\xff"
        at = data.find(control, at + 1)
    source = tmp_path / "days.gif"
    source.write_bytes(data)
    with pytest.raises((InvalidSource, FfmpegFailed), match=r"lasts 6\d,\d{3} s; at most 43,200 s"):
        transcoding(source)
    assert transcoding.outputs == []
