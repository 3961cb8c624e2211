"""Transcoding real videos with real ffmpeg."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from streamer.config.settings import Settings
from streamer.errors import InvalidSource, JobsUnavailable
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.stops import JobCancelled
from streamer.jobs.told import Told, Update
from streamer.jobs.transcode import transcode
from streamer.jobs.transcode.ffmpeg import FfmpegFailed, find_program, run_ffmpeg
from streamer.jobs.transcode.probe import probe
from streamer.jobs.transcode.sample import ensure_sample
from streamer.jobs.transcode.transcode import TRANSCODE, Transcode
from streamer.processes import leash
from support.processes import Program
from support.requirements import needs
from support.waiting import wait_until_blocking


@pytest.fixture
def settings(tmp_path: Path, clip: Path) -> Settings:
    """Settings whose media directory has a clip in it."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.media_dir.mkdir(parents=True)
    shutil.copy(clip, settings.media_dir / "clip.mp4")
    return settings


class Heard:
    """What a transcode told of its progress."""

    def __init__(self) -> None:
        self.fractions: list[float] = []
        self.messages: list[str | None] = []
        self.progress = Progress(self._send, job_id="j1", clock=lambda: 0.0)

    def _send(self, told: Told) -> None:
        assert isinstance(told, Update)
        self.fractions.append(told.fraction)
        self.messages.append(told.message)


@pytest.fixture
def told() -> Iterator[Heard]:
    told = Heard()
    set_progress(told.progress)
    yield told
    set_progress(None)


def probed(path: Path) -> dict[str, Any]:
    """What ffprobe, asked by nobody of ours, says of a file."""
    import msgspec

    command = [needs("ffprobe"), "-v", "error", "-show_streams", "-show_format", "-of", "json"]
    answer: dict[str, Any] = msgspec.json.decode(subprocess.check_output([*command, path]))
    return answer


@pytest.mark.parametrize(
    ("output_format", "video_codec", "audio_codec"),
    [("mp4", "h264", "aac"), ("mkv", "h264", "aac"), ("webm", "vp9", "opus")],
)
def test_a_video_is_transcoded_to_each_format_and_height(
    settings: Settings,
    told: Heard,
    output_format: Literal["mp4", "mkv", "webm"],
    video_codec: str,
    audio_codec: str,
) -> None:
    result = transcode.run(Transcode("clip.mp4", 144, output_format), settings)
    assert result["url"] == f"/files/j1.{output_format}"
    output, poster = settings.output_dir / f"j1.{output_format}", settings.output_dir / "j1.jpg"
    assert set(settings.output_dir.iterdir()) == {output, poster}
    assert result["poster"] == "/files/j1.jpg"
    (picture,) = probed(poster)["streams"]
    assert (picture["codec_name"], picture["width"], picture["height"]) == ("mjpeg", 192, 144)
    found = probed(output)
    video = next(s for s in found["streams"] if s["codec_type"] == "video")
    audio = next(s for s in found["streams"] if s["codec_type"] == "audio")
    assert (video["codec_name"], audio["codec_name"]) == (video_codec, audio_codec)
    assert (video["width"], video["height"]) == (result["width"], result["height"]) == (192, 144)
    assert result["duration"] == pytest.approx(1.0, abs=0.2)
    assert result["size"] == output.stat().st_size > 1000
    assert (told.fractions[0], told.fractions[-1]) == (0.0, 1.0)
    assert told.fractions == sorted(told.fractions)
    assert told.messages[0] == f"Transcoding to 144p {output_format}"


def test_a_video_that_does_not_say_how_long_it_is_is_transcoded_all_the_same(
    settings: Settings, told: Heard, clip: Path
) -> None:
    """A live Matroska stream has no duration in its header."""
    path = settings.media_dir / "live.mkv"
    with path.open("wb") as file:
        command = [needs("ffmpeg"), "-v", "error", "-i", str(clip), "-c", "copy"]
        subprocess.run([*command, "-f", "matroska", "-live", "1", "-"], stdout=file, check=True)
    with path.open("rb") as file:
        assert probe(file.fileno()).duration is None
    assert transcode.run(Transcode("live.mkv", 144), settings)["height"] == 144
    assert told.fractions[-1] == 1.0


def test_a_video_without_sound_is_transcoded(settings: Settings, clip: Path) -> None:
    silent = settings.media_dir / "silent.mp4"
    subprocess.run(
        [needs("ffmpeg"), "-v", "error", "-i", clip, "-an", "-c", "copy", silent], check=True
    )
    assert transcode.run(Transcode("silent.mp4", 144), settings)["width"] == 192


def test_a_damaged_video_fails_with_what_ffmpeg_said_and_leaves_nothing(
    settings: Settings, told: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.media_dir / "clip.mp4"
    data = bytearray(path.read_bytes())
    # Its header is whole, so it is a video; what it refers to is not there.
    media_data = data.index(b"mdat")
    data[media_data + 4 : data.index(b"moov") - 4] = b"\xff" * (
        data.index(b"moov") - 4 - media_data - 4
    )
    path.write_bytes(data)
    with pytest.raises(FfmpegFailed, match=r"(?i)invalid|error"):
        transcode.run(Transcode("clip.mp4", 144), settings)
    assert list(settings.output_dir.iterdir()) == []


def test_a_source_that_went_missing_in_the_queue_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidSource):
        transcode.run(Transcode("gone.mp4", 144), settings)


def test_the_sample_is_made_once_even_by_two_at_the_same_time(tmp_path: Path) -> None:
    needs("ffmpeg")
    path = tmp_path / "samples" / "sample.mp4"
    threads = [
        threading.Thread(target=ensure_sample, args=(path,), kwargs={"seconds": 1, "size": "64x64"})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(path.parent.iterdir()) == [path]
    made = path.stat().st_mtime_ns
    ensure_sample(path)
    assert path.stat().st_mtime_ns == made
    assert {s["codec_type"] for s in probed(path)["streams"]} == {"video", "audio"}


def test_the_sample_is_a_source_like_any_other(settings: Settings, clip: Path) -> None:
    samples = settings.data_dir / "samples"
    samples.mkdir()
    shutil.copy(clip, samples / "sample.mp4")
    assert transcode.run(Transcode("sample", 144), settings)["height"] == 144


#: An input that never ends and is read in real time.
ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-f", "null", "-"]


def ffmpegs_of(pid: int) -> list[int]:
    """The processes below `pid` that run ffmpeg."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == "ffmpeg" and _is_below(int(rest.split()[1]), pid):
                found.append(int(stat.parent.name))
    return found


def _is_below(pid: int, ancestor: int) -> bool:
    while pid not in (0, 1, ancestor):
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == ancestor


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_what_the_check_raises_ends_ffmpeg() -> None:
    needs("ffmpeg")
    children: list[int] = []

    def check() -> None:
        children.extend(ffmpegs_of(os.getpid()))
        if children:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        run_ffmpeg(ENDLESS, check=check)
    wait_until_blocking(lambda: not alive(children[0]), "ffmpeg went on")


def test_a_cancelled_transcode_leaves_no_output(settings: Settings, told: Heard) -> None:
    told.progress.cancel()
    with pytest.raises(JobCancelled):
        transcode.run(Transcode("clip.mp4", 144), settings)
    assert list(settings.output_dir.iterdir()) == []


def test_what_a_killed_attempt_left_behind_is_removed_by_the_next(
    settings: Settings, told: Told
) -> None:
    settings.output_dir.mkdir()
    (settings.output_dir / ".j1.mp4.abc.part").write_bytes(b"x")
    transcode.run(Transcode("clip.mp4", 144), settings)
    assert {path.name for path in settings.output_dir.iterdir()} == {"j1.jpg", "j1.mp4"}


def test_what_other_jobs_left_behind_is_removed_once_nobody_writes_to_it_any_more(
    settings: Settings, told: Told
) -> None:
    """A job that is cancelled once its worker is dead has no next attempt."""
    settings.output_dir.mkdir()
    running, dead = (settings.output_dir / f".j{n}.mp4.abc.part" for n in (2, 3))
    for path in (running, dead):
        path.write_bytes(b"x")
    two_hours_ago = time.time() - 7200
    os.utime(dead, (two_hours_ago, two_hours_ago))
    transcode.run(Transcode("clip.mp4", 144), settings)
    left = {path.name for path in settings.output_dir.iterdir()}
    assert left == {"j1.jpg", "j1.mp4", running.name}


def test_a_sample_that_was_left_unfinished_is_removed(settings: Settings) -> None:
    samples = settings.data_dir / "samples"
    samples.mkdir()
    running, dead = (samples / f".{n}.part" for n in ("a", "b"))
    for path in (running, dead):
        path.write_bytes(b"x")
    os.utime(dead, (0, 0))
    ensure_sample(samples / "sample.mp4", seconds=1, size="320x240")
    assert {path.name for path in samples.iterdir()} == {"sample.mp4", running.name}


def test_no_ffmpeg_outlives_a_worker_that_is_killed() -> None:
    """By kill -9, after which nobody is left to clean up."""
    needs("ffmpeg")
    program = f"from streamer.jobs.transcode.ffmpeg import run_ffmpeg; run_ffmpeg({ENDLESS!r})"
    with Program([sys.executable, "-c", program]) as worker:
        children = wait_until_blocking(lambda: ffmpegs_of(worker.pid), "ffmpeg did not start")
        worker.signal(signal.SIGKILL)
        wait_until_blocking(lambda: not alive(children[0]), "ffmpeg went on")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -TERM $$"], 128 + 15),
    ],
)
def test_the_leash_ends_as_its_program_does(command: list[str], code: int) -> None:
    arguments = [sys.executable, "-I", "-S", leash.__file__, str(2**30), *command]
    with Program(arguments) as process:
        assert process.wait() == code


def test_a_failing_ffmpeg_says_why_and_no_more_than_fits() -> None:
    needs("ffmpeg")
    with pytest.raises(FfmpegFailed, match="No such file") as failed:
        run_ffmpeg(["-i", "file:/nowhere/at/all.mp4", "-f", "null", "-"])
    assert len(str(failed.value)) <= 2000


@pytest.mark.parametrize("source", ["sample", "clip.mp4"])
def test_without_ffmpeg_a_job_is_refused_before_it_is_queued(
    settings: Settings, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(JobsUnavailable, match="ffmpeg is not installed"):
        transcode.check(Transcode(source), settings)
    with pytest.raises(JobsUnavailable):
        find_program("ffprobe")


def test_what_can_be_done_passes_the_check(settings: Settings) -> None:
    check: Callable[[Any, Settings], None] | None = TRANSCODE.check
    assert check is not None
    check(Transcode("clip.mp4"), settings)
    check(Transcode("sample"), settings)
    with pytest.raises(InvalidSource):
        check(Transcode("../clip.mp4"), settings)
