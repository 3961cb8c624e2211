"""Cutting parts out of real videos with real ffmpeg, without encoding them again."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from streamer.config.settings import Settings
from streamer.errors import InvalidFields, InvalidSource
from streamer.jobs.known_kinds import load_kinds
from streamer.jobs.progress import Progress
from streamer.jobs.stops import JobCancelled
from streamer.jobs.transcode.ffmpeg import FfmpegFailed, OutOfSpace
from streamer.jobs.trim import trim
from streamer.jobs.trim.trim import TRIM, Trim
from support.transcoding import JOB_ID, Transcoding
from support.videos import H264, Videos, picture_times, probed, track

#: Eight seconds with sound, a key picture at each whole second.
EIGHT = (
    *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=8"),
    *("-f", "lavfi", "-i", "sine=duration=8"),
    *("-g", "25", *H264, "-c:a", "aac"),
)
#: What looks of two pictures must have in common to be the same: decibels.
ALIKE = 30.0


def likeness(video: Path, other: Path, at: float) -> float:
    """How alike the first picture of `video` and that of `other` at a time are: PSNR, in dB."""
    graph = "[0:v]trim=end_frame=1[a];[1:v]trim=end_frame=1[b];[a][b]psnr"
    command = ["ffmpeg", "-nostdin", "-i", str(video), "-ss", str(at), "-i", str(other)]
    command += ["-filter_complex", graph, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    average = said.rpartition("average:")[2].split()[0]
    return math.inf if average == "inf" else float(average)


def test_a_part_is_cut_out_and_nothing_is_encoded_again(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make("eight.mp4", *EIGHT)
    result, output = transcoding.trim(source, 2, 5)
    assert (result["url"], result["poster"]) == (f"/files/{JOB_ID}.mp4", f"/files/{JOB_ID}.jpg")
    assert (result["start"], result["end"]) == (2, 5)
    assert result["duration"] == pytest.approx(3.0, abs=0.15)
    assert (result["width"], result["height"], result["warnings"]) == (160, 120, [])
    assert result["size"] == output.stat().st_size
    assert track(output, "audio") is not None
    times = picture_times(output)
    assert len(times) == pytest.approx(75, abs=2)
    assert likeness(output, source, 2.0) == math.inf, "the very pictures of the source"
    assert transcoding.outputs == [f"{JOB_ID}.jpg", f"{JOB_ID}.mp4"]
    assert transcoding.fractions == sorted(transcoding.fractions)
    assert (transcoding.fractions[0], transcoding.fractions[-1]) == (0.0, 1.0)


def test_a_cut_between_key_pictures_begins_where_it_was_asked_to(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make("eight.mp4", *EIGHT)
    result, output = transcoding.trim(source, 2.48, 5)
    assert result["duration"] == pytest.approx(2.52, abs=0.15)
    assert result["warnings"] == []
    assert likeness(output, source, 2.48) > ALIKE > likeness(output, source, 2.0)


def test_a_webm_stays_one_and_says_that_it_begins_earlier(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        "eight.webm",
        *EIGHT[:8],
        *("-g", "50", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"),
        *("-c:a", "libopus"),
    )
    result, output = transcoding.trim(source, 3, 6)
    assert output.suffix == ".webm"
    codecs = [track(output, kind) for kind in ("video", "audio")]
    assert [found and found["codec_name"] for found in codecs] == ["vp8", "opus"]
    assert result["warnings"] == ["it begins 1.0 s earlier, where a picture stands by itself"]
    assert likeness(output, source, 2.0) == math.inf


@pytest.mark.parametrize(
    ("name", "options", "extension"),
    [
        ("m.mkv", (*H264, "-c:a", "aac"), "mp4"),
        ("m.ts", (*H264, "-c:a", "aac"), "mp4"),
        ("m.avi", ("-c:v", "mpeg4", "-c:a", "mp3"), "mp4"),
        ("m.mov", (*H264, "-c:a", "pcm_s16le"), "mkv"),
        ("m.mpg", ("-c:v", "mpeg2video", "-c:a", "mp2"), "mkv"),
    ],
)
def test_the_container_is_one_that_holds_what_is_copied(
    transcoding: Transcoding,
    videos: Videos,
    name: str,
    options: tuple[str, ...],
    extension: str,
) -> None:
    source = videos.make(name, *EIGHT[:8], "-g", "25", *options)
    result, output = transcoding.trim(source, 2, 5)
    assert output.suffix == f".{extension}"
    assert float(probed(output)["format"]["duration"]) == pytest.approx(3.0, abs=1.2)
    assert len(picture_times(output)) == pytest.approx(75, abs=30)
    assert result["poster"] == f"/files/{JOB_ID}.jpg"


def test_an_end_behind_the_video_means_all_the_rest(
    transcoding: Transcoding, videos: Videos
) -> None:
    result, _ = transcoding.trim(videos.make("eight.mp4", *EIGHT), 6, 1e9)
    assert result["end"] == pytest.approx(8.0, abs=0.1)
    assert result["duration"] == pytest.approx(2.0, abs=0.15)


def test_a_start_behind_the_video_is_refused_before_and_while_it_runs(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make("eight.mp4", *EIGHT)
    with pytest.raises(InvalidFields, match=r"start is 9, and the video lasts 8\.\d+ s"):
        transcoding.trim(source, 9, 10)
    with pytest.raises(InvalidFields, match="start must be below that"):
        trim.check(Trim(source.name, 9, 10), transcoding.settings)
    trim.check(Trim(source.name, 7.9, 10), transcoding.settings)
    assert transcoding.outputs == []


def test_of_the_sample_its_length_is_known_before_it_is_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    trim.check(Trim("sample", 10, 30), settings)
    with pytest.raises(InvalidFields, match="lasts 30"):
        trim.check(Trim("sample", 30, 31), settings)


def test_the_source_is_checked_as_a_transcode_s_is(transcoding: Transcoding) -> None:
    for name in ("gone.mp4", "../x.mp4", "/etc/passwd"):
        with pytest.raises(InvalidSource):
            trim.check(Trim(name, 0, 1), transcoding.settings)
        with pytest.raises(InvalidSource):
            trim.run(Trim(name, 0, 1), transcoding.settings)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"start": 5, "end": 5}, "start must be below end"),
        ({"start": 6, "end": 5}, "start is 6 and end is 5"),
        ({"start": -1, "end": 5}, "start"),
        ({"start": math.nan, "end": 5}, "start"),
        ({"start": 0, "end": math.nan}, "end"),
        ({"start": 0, "end": math.inf}, "end"),
        ({"start": "1", "end": 5}, "start"),
        ({"start": None, "end": 5}, "start"),
        ({"start": 1}, "end"),
        ({"start": 1, "end": 5, "stop": 6}, "stop"),
    ],
)
def test_times_that_make_no_part_are_refused_with_what_was_wrong(
    fields: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(InvalidFields, match=wrong):
        TRIM.read({"source": "sample", **fields})


def test_between_two_times_without_a_picture_there_is_nothing_to_cut(
    transcoding: Transcoding, videos: Videos
) -> None:
    """As in a recording in which nothing came for half a minute."""
    source = videos.make(
        "hole.mp4", "-i", videos.recorded("hole.webm", hole=30.0), *H264, "-fps_mode", "vfr"
    )
    with pytest.raises(FfmpegFailed, match="nothing to show between these times"):
        transcoding.trim(source, 20, 25)
    assert transcoding.outputs == []


def test_a_cancelled_trim_stops_and_leaves_nothing(
    transcoding: Transcoding, videos: Videos
) -> None:
    transcoding.on_progress = Progress.cancel
    with pytest.raises(JobCancelled):
        transcoding.trim(videos.make("eight.mp4", *EIGHT), 2, 5)
    assert transcoding.outputs == []


def test_a_trim_on_a_full_disk_may_be_tried_again(transcoding: Transcoding, videos: Videos) -> None:
    transcoding.settings = replace(transcoding.settings, disk_reserve=2**62)
    with pytest.raises(OutOfSpace):
        transcoding.trim(videos.make("eight.mp4", *EIGHT), 2, 5)
    assert transcoding.outputs == []


def test_a_result_without_a_poster_is_a_result_and_says_why(
    transcoding: Transcoding, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FfmpegFailed("no such encoder")

    monkeypatch.setattr("streamer.jobs.transcode.poster.run_ffmpeg", refuse)
    result, output = transcoding.trim(videos.make("eight.mp4", *EIGHT), 2, 5)
    assert (result["poster"], result["poster_missing"]) == (None, "no such encoder")
    assert transcoding.outputs == [output.name]


def test_a_poster_is_not_wider_than_a_page_needs(transcoding: Transcoding, videos: Videos) -> None:
    source = videos.make(
        "wide.mp4", "-f", "lavfi", "-i", "color=red:size=2560x100:rate=5:duration=2", *H264
    )
    _, output = transcoding.trim(source, 0, 1)
    poster = track(output.with_suffix(".jpg"), "video")
    assert poster is not None
    assert (poster["width"], poster["height"]) == (1280, 50)


def test_the_kind_is_known_to_servers_and_workers() -> None:
    assert load_kinds()["trim"] is TRIM
