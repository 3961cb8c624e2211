"""Transcoding videos whose pictures come at odd times."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest

from support.transcoding import Transcoding
from support.videos import H264, PICTURE, SOUND, Videos, picture_times, track

FORMATS = ["mp4", "webm", "mkv"]
Format = Literal["mp4", "webm", "mkv"]


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_browsers_recording_keeps_its_pictures_and_their_times(
    transcoding: Transcoding, videos: Videos, output_format: Format
) -> None:
    """Not 8,022 pictures at the 1,000 a second that ffmpeg takes milliseconds for."""
    source = videos.recorded()
    result, output = transcoding(source, output_format)
    times, found = picture_times(source), picture_times(output)
    assert len(found) == len(times) == 240
    assert [t - found[0] for t in found] == pytest.approx([t - times[0] for t in times], abs=0.002)
    assert result["duration"] == pytest.approx(8.0, abs=0.1)
    picture = track(output, "video")
    assert picture is not None
    if output_format != "webm":
        assert picture["level"] < 20  # not the level of 1,000 pictures a second


@pytest.mark.parametrize("output_format", FORMATS)
def test_an_hours_hole_stays_a_hole(
    transcoding: Transcoding, videos: Videos, output_format: Format
) -> None:
    source = videos.recorded("hole.webm", hole=3600.0)
    result, output = transcoding(source, output_format)
    times = picture_times(output)
    assert len(times) == 240
    assert max(b - a for a, b in pairwise(times)) == pytest.approx(3600.0, abs=0.1)
    assert result["duration"] == pytest.approx(3608.0, abs=0.1)


def test_a_recording_without_a_duration_shows_how_far_it_is(
    transcoding: Transcoding, videos: Videos
) -> None:
    """As MediaRecorder writes it: the header was sent before the end was known."""
    source = videos.recorded("live.webm", "-live", "1")
    _, output = transcoding(source, "webm", 240)
    assert len(picture_times(output)) == 240
    assert transcoding.fractions == sorted(transcoding.fractions)
    assert transcoding.fractions[-1] == 1.0
    assert any(0.0 < fraction < 0.99 for fraction in transcoding.fractions)


def drawn(rate: str, seconds: int, filters: str = "null") -> tuple[str, ...]:
    """The arguments for a moving picture."""
    return ("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate={rate}:duration={seconds},{filters}")


#: 30 a second in the light, 20 in the dark, and never quite.
PHONE = "settb=1/90000,setpts='if(lt(N,30),N*3003,90090+(N-30)*4500)+floor(random(0)*90)'"
TIMES = {
    "phone.mp4": (
        (*drawn("30", 2, PHONE), "-fps_mode", "passthrough", "-enc_time_base", "1:90000", *H264),
        (60, 2.5),
    ),
    "film.mkv": ((*drawn("24000/1001", 2), *H264), (48, 2.0)),
    "late.ts": ((*PICTURE, *H264, "-output_ts_offset", "36000", "-f", "mpegts"), (50, 2.0)),
    "moving.gif": (drawn("5", 2, "setpts='N*(1+gte(N,5))'"), (10, 3.8)),
    "moving.png": ((*drawn("2", 2), "-f", "apng"), (4, 2.0)),
    "one.mp4": ((*PICTURE, *H264, "-frames:v", "1"), (1, 0.04)),
    "raw.avi": ((*PICTURE, "-c:v", "mjpeg"), (50, 2.0)),
}


@pytest.mark.parametrize("name", TIMES)
def test_every_picture_comes_at_its_time(
    transcoding: Transcoding, videos: Videos, name: str
) -> None:
    arguments, (pictures, seconds) = TIMES[name]
    source = videos.make(name, *arguments)
    times = picture_times(source)
    for output_format in ("mp4", "webm"):
        result, output = transcoding(source, output_format)
        found = picture_times(output)
        assert len(found) == pictures, output_format
        assert [t - found[0] for t in found] == pytest.approx(
            [t - times[0] for t in times], abs=0.002
        ), output_format
        assert result["duration"] == pytest.approx(seconds, abs=0.25), output_format
        assert transcoding.fractions == sorted(transcoding.fractions)


@pytest.mark.parametrize("output_format", FORMATS)
def test_the_last_picture_is_shown_as_long_as_it_was(
    transcoding: Transcoding, videos: Videos, output_format: Format
) -> None:
    """It is repeated at the end: what came before stays as it was."""
    source = videos.make("held.gif", *drawn("5", 1), "-final_delay", "300")
    result, output = transcoding(source, output_format)
    assert result["duration"] == pytest.approx(3.8, abs=0.05)
    assert picture_times(output)[:5] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])
    assert len(picture_times(output)) == 6


def test_what_was_cut_off_in_front_stays_off(transcoding: Transcoding, videos: Videos) -> None:
    """The pictures are in the file, and an edit list says that they are not shown."""
    whole = videos.make("whole.mp4", *PICTURE, *SOUND, *H264, "-c:a", "aac")
    source = videos.make("cut.mp4", "-ss", "0.5", "-i", whole, "-c", "copy")
    result, output = transcoding(source)
    assert len(picture_times(output)) == pytest.approx(38, abs=1)
    assert result["duration"] == pytest.approx(1.5, abs=0.1)


def test_a_thousand_pictures_a_second_are_no_more_than_anybody_sees(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        "fast.mkv", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=1000:duration=2", *H264
    )
    _, output = transcoding(source)
    times = picture_times(output)
    assert len(times) <= 120 * 2 + 31
    assert times[-1] == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize("jump", ["7200", "-7200"])
def test_a_broadcast_whose_clock_jumps_goes_on(
    transcoding: Transcoding, videos: Videos, jump: str
) -> None:
    first = videos.make("first.ts", *PICTURE, *H264, "-output_ts_offset", "10000")
    second = videos.make(
        f"second{jump}.ts", *PICTURE, *H264, "-output_ts_offset", str(10000 + int(jump))
    )
    source = first.with_name(f"jump{jump}.ts")
    source.write_bytes(first.read_bytes() + second.read_bytes())
    result, output = transcoding(source)
    assert len(picture_times(output)) == pytest.approx(100, abs=2)
    assert result["duration"] == pytest.approx(4.0, abs=0.2)


def test_sound_stays_where_it_was(transcoding: Transcoding, videos: Videos) -> None:
    """It begins a second after the pictures."""
    source = videos.make(
        "late_sound.mkv", *PICTURE, "-itsoffset", "1", *SOUND, *H264, "-c:a", "aac"
    )
    _, output = transcoding(source, "mkv")
    sound = track(output, "audio")
    assert sound is not None
    assert float(sound["start_time"]) == pytest.approx(1.0, abs=0.05)
