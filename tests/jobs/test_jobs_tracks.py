"""Transcoding videos with odd tracks: which are taken, and what is made of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import pytest

from streamer.errors import InvalidSource
from streamer.jobs.transcode.ffmpeg import FfmpegFailed
from support.requirements import needs
from support.transcoding import Transcoding
from support.videos import H264, PICTURE, SOUND, Videos, picture_times, probed, track

COVER = ("-f", "lavfi", "-i", "color=red:size=80x80:rate=1:duration=1")
AAC = ("-c:a", "aac")
FORMATS: tuple[Literal["mp4", "webm"], ...] = ("mp4", "webm")


def sized(path: Path) -> tuple[int, int]:
    """Width and height of the pictures."""
    found = track(path, "video")
    assert found is not None
    return found["width"], found["height"]


SOUNDS = {
    "5.1(side)": "ac3",
    "quad(side)": "pcm_s16le",
    "7.1(wide)": "pcm_s16le",
    "22.2": "pcm_s16le",
    "mono": "pcm_s16le -ar 8000",
    "stereo": "flac -ar 192000",
}


@pytest.mark.parametrize("layout", SOUNDS)
def test_sound_of_any_layout_becomes_one_that_is_played_anywhere(
    transcoding: Transcoding, videos: Videos, layout: str
) -> None:
    source = videos.make(
        *(f"{layout}.mkv", *PICTURE, *SOUND, *H264, "-af", f"aformat=channel_layouts={layout}"),
        *("-c:a", *SOUNDS[layout].split()),
    )
    for output_format in FORMATS:
        result, output = transcoding(source, output_format)
        sound = track(output, "audio")
        assert sound is not None
        assert sound["channels"] == (1 if layout == "mono" else 2)
        assert sound["sample_rate"] == "48000"
        assert result["warnings"] == []


def test_channels_without_any_layout_are_taken_or_left_out_with_a_warning(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        *("loose.mkv", *PICTURE, "-ac", "12", "-f", "s16le", "-t", "1", "-i", "/dev/zero"),
        *(*H264, "-c:a", "pcm_s16le"),
    )
    result, output = transcoding(source)
    assert (track(output, "audio") is None) == bool(result["warnings"])
    assert len(picture_times(output)) == 50


def test_a_song_with_a_cover_is_no_video(transcoding: Transcoding, videos: Videos) -> None:
    cover = videos.make("cover.jpg", *COVER, "-frames:v", "1")
    attached = ("-metadata:s:t", "mimetype=image/jpeg")
    for source in (
        videos.make(
            *("cover.m4a", *SOUND, *COVER, "-map", "0", "-map", "1", *AAC, "-c:v", "mjpeg"),
            *("-disposition:v:0", "attached_pic"),
        ),
        videos.make("cover.mkv", *SOUND, *AAC, "-attach", cover, *attached),
    ):
        with pytest.raises(InvalidSource, match="its only picture is a cover"):
            transcoding(source)


def test_a_song_is_no_video(transcoding: Transcoding, videos: Videos) -> None:
    with pytest.raises(InvalidSource, match="it has no pictures"):
        transcoding(videos.make("song.m4a", *SOUND, *AAC))


def test_a_cover_that_comes_first_is_not_the_video(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make(
        *("cover_last.mp4", *PICTURE, *SOUND, *COVER, "-map", "0", "-map", "1", "-map", "2"),
        *("-c:v:1", "mjpeg", *H264[2:], "-c:v:0", "libx264", *AAC),
        *("-disposition:v:1", "attached_pic"),
    )
    # A box is its length, its name and its content; "moov" has one for each track,
    # and "udta" with the cover, here moved to the front of them.
    data = whole.read_bytes()
    moov, udta = (data.index(name) - 4 for name in (b"moov", b"udta"))
    end = moov + int.from_bytes(data[moov : moov + 4])
    first_track = data.index(b"trak", moov) - 4
    source = tmp_path / "cover_first.mp4"
    moved = data[udta:end] + data[first_track:udta]
    source.write_bytes(data[:first_track] + moved + data[end:])
    assert probed(source)["streams"][0]["disposition"]["attached_pic"] == 1
    _, output = transcoding(source)
    assert sized(output) == (192, 144)
    assert len(picture_times(output)) == 50


def test_a_cover_that_is_not_marked_as_one_is_not_the_video(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        *("unmarked.mkv", *COVER, *PICTURE, "-map", "0", "-map", "1"),
        *("-c:v:0", "mjpeg", "-c:v:1", "libx264"),
    )
    _, output = transcoding(source)
    assert sized(output) == (192, 144)
    assert len(picture_times(output)) == 50


def test_the_bar_is_of_the_tracks_that_are_transcoded(
    transcoding: Transcoding, videos: Videos
) -> None:
    """The second sound lasts a minute, and is not taken."""
    source = videos.make(
        *("long.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=6", *SOUND),
        *("-f", "lavfi", "-i", "sine=duration=60", "-map", "0", "-map", "1", "-map", "2"),
        *(*H264, *AAC),
    )
    result, _ = transcoding(source, height=720)
    assert result["duration"] == pytest.approx(6.0, abs=0.1)
    before_the_end = [fraction for fraction in transcoding.fractions if fraction < 0.99]
    assert max(before_the_end) > 0.3
    assert transcoding.fractions == sorted(transcoding.fractions)
    assert transcoding.fractions[-1] == 1.0


def undecodable(source: Path, path: Path, before: bytes, after: bytes) -> Path:
    """A copy of a file in which a codec's name is one that nobody knows."""
    data = source.read_bytes()
    assert data.count(before) == 1
    path.write_bytes(data.replace(before, after))
    return path


def test_sound_that_cannot_be_decoded_is_left_out_and_the_result_says_so(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make("sound.mkv", *PICTURE, *SOUND, *H264, *AAC)
    source = undecodable(whole, tmp_path / "odd.mkv", b"A_AAC", b"A_XYZ")
    result, output = transcoding(source)
    assert result["warnings"] == ["the sound of track 1 cannot be decoded and is left out"]
    assert track(output, "audio") is None
    assert len(picture_times(output)) == 50


def test_the_first_sound_that_can_be_decoded_is_taken(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make(
        *("two.mkv", *PICTURE, *SOUND, *SOUND, "-map", "0", "-map", "1", "-map", "2"),
        *(*H264, "-c:a:0", "libmp3lame", "-c:a:1", "aac"),
    )
    source = undecodable(whole, tmp_path / "odd.mkv", b"A_MPEG/L3", b"A_MPEG/L9")
    result, output = transcoding(source)
    assert result["warnings"] == ["the sound of track 1 cannot be decoded and is left out"]
    assert track(output, "audio") is not None


def test_sound_that_is_nothing_but_noise_to_its_decoder_is_left_out(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make(
        *("plain_sound.mp4", *PICTURE, *SOUND, *H264, "-c:a", "alac", "-movflags", "+faststart"),
    )
    data = bytearray(whole.read_bytes())
    for packet in _packets(whole, "a"):
        data[packet.start : packet.stop] = b"\xff" * len(packet)
    source = tmp_path / "noise.mp4"
    source.write_bytes(data)
    result, output = transcoding(source)
    assert len(result["warnings"]) == 1
    assert track(output, "audio") is None


def test_pictures_that_cannot_be_decoded_fail_with_what_ffmpeg_says(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make("sound.mkv", *PICTURE, *SOUND, *H264, *AAC)
    source = undecodable(whole, tmp_path / "odd.mkv", b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ")
    with pytest.raises((FfmpegFailed, InvalidSource), match=r"no picture|has no pictures"):
        transcoding(source)
    assert transcoding.outputs == []


HDR = "-color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc"
SORTS = {
    "ten_bits.mkv": "libx265 -pix_fmt yuv420p10le -x265-params log-level=0",
    "transparent.webm": "libvpx-vp9 -pix_fmt yuva420p -deadline realtime",
    "rgb.mkv": "libx264rgb -preset ultrafast",
    "full_range.avi": "mjpeg -pix_fmt yuvj444p",
    "grey.mkv": "ffv1 -pix_fmt gray16le",
    "hdr.mp4": f"libx265 -pix_fmt yuv420p10le {HDR} -x265-params log-level=0",
    "interlaced.ts": "mpeg2video -flags +ilme+ildct -vf tinterlace=4",
    "old.mpg": "mpeg1video",
    "old.flv": "flv",
    "old.wmv": "wmv2 -f asf",
    "broadcast.mxf": "mpeg2video",
    "old.ogv": "libtheora",
}


@pytest.mark.parametrize("name", SORTS)
def test_pictures_of_any_sort_become_what_everybody_can_show(
    transcoding: Transcoding, videos: Videos, name: str
) -> None:
    source = videos.make(name, *PICTURE, "-c:v", *SORTS[name].split())
    for output_format in FORMATS:
        result, output = transcoding(source, output_format)
        found = track(output, "video")
        assert found is not None
        assert found["pix_fmt"] == "yuv420p"
        assert (found["width"], found["height"]) == (192, 144)
        pictures = 25 if name == "interlaced.ts" else 50
        assert int(found["nb_read_frames"]) == pytest.approx(pictures, abs=1)
        assert result["duration"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ("161x121", (192, 144)),
        ("99x16", (882, 144)),
        ("16x200", (12, 144)),
        ("2000x16", (4096, 144)),
        ("16x2000", (2, 144)),
    ],
)
def test_a_picture_of_any_shape_gets_even_sides(
    transcoding: Transcoding, videos: Videos, size: str, made: tuple[int, int]
) -> None:
    source = videos.make(
        *(f"shape{size}.mkv", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=5:duration=1"),
        *("-c:v", "ffv1"),
    )
    result, output = transcoding(source)
    assert sized(output) == (result["width"], result["height"]) == made


def test_a_turned_video_is_shown_upright(transcoding: Transcoding, videos: Videos) -> None:
    flat = videos.make("flat.mp4", *PICTURE, *H264)
    source = videos.make("turned.mp4", "-i", flat, "-c", "copy", "-metadata:s:v", "rotate=90")
    assert probed(source)["streams"][0]["side_data_list"][0]["rotation"] % 180
    result, output = transcoding(source)
    assert sized(output) == (result["width"], result["height"]) == (108, 144)
    assert "side_data_list" not in probed(output)["streams"][0]


def test_a_video_whose_pictures_change_their_size_is_fitted_into_one(
    transcoding: Transcoding, videos: Videos
) -> None:
    """A phone that is turned while it records, or a call whose line gets worse."""
    wide = videos.make("wide.ts", *PICTURE, *H264)
    tall = videos.make(
        *("tall.ts", "-f", "lavfi", "-i", "testsrc2=size=120x200:rate=25:duration=2", *H264),
        *("-output_ts_offset", "2"),
    )
    source = videos.make("changing.ts", "-i", f"concat:{wide}|{tall}", "-c", "copy")
    for output_format in FORMATS:
        _, output = transcoding(source, output_format)
        assert sized(output) == (192, 144)
        assert len(picture_times(output)) == pytest.approx(100, abs=2)


def _packets(path: Path, kind: str) -> list[range]:
    """Where in a file the packets of a track are."""
    command = [needs("ffprobe"), "-v", "error", "-select_streams", kind]
    command += ["-show_entries", "packet=pos,size", "-of", "csv=p=0", str(path)]
    found = []
    for line in subprocess.check_output(command, text=True).split():
        size, position = (int(field) for field in line.split(",")[:2])
        found.append(range(position, position + size))
    return found
