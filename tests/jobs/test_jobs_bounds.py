"""Files that are cut off, broken or made to cost too much."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from streamer.errors import InvalidSource
from streamer.jobs.transcode.ffmpeg import (
    FfmpegFailed,
    FfmpegKilled,
    OutOfSpace,
    run_ffmpeg,
    run_program,
    variable_rate,
)
from streamer.jobs.transcode.source import open_video
from streamer.jobs.transcode.transcode import TRANSCODE, Transcode, check
from support.requirements import needs
from support.transcoding import Transcoding
from support.videos import H264, PICTURE, SOUND, Videos, picture_times

CONTAINERS = {
    "front.mp4": (*H264, "-c:a", "aac", "-movflags", "+faststart"),
    "film.mkv": (*H264, "-c:a", "aac"),
    "page.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "old.avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "old.flv": ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"),
}
LONG = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=8")


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_file_that_is_cut_off_fails_and_says_how_much_is_there(
    transcoding: Transcoding, videos: Videos, tmp_path: Path, name: str, share: float
) -> None:
    whole = videos.make(f"whole_{name}", *LONG, *SOUND, *CONTAINERS[name])
    data = whole.read_bytes()
    source = tmp_path / name
    source.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(
        FfmpegFailed, match=r"cut off: it should last 8\.\d s, and only [0-7]\.\d s"
    ):
        transcoding(source)
    assert transcoding.outputs == []


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_that_is_whole_is_not_called_cut_off(
    transcoding: Transcoding, videos: Videos, name: str
) -> None:
    result, _ = transcoding(videos.make(f"whole_{name}", *LONG, *SOUND, *CONTAINERS[name]))
    assert result["duration"] == pytest.approx(8.0, abs=0.2)


def test_a_file_whose_index_was_cut_off_is_refused_before_it_is_queued(
    transcoding: Transcoding, videos: Videos
) -> None:
    whole = videos.make("behind.mp4", *LONG, *H264)
    source = transcoding.settings.media_dir / "behind.mp4"
    source.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(InvalidSource, match="is not a video that can be read: ffprobe says: "):
        check(Transcode(source.name), transcoding.settings)


def test_a_video_of_which_the_second_half_is_zeros_fails(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    """All its packets are there, and say nothing."""
    whole = videos.make("whole_front.mp4", *LONG, *SOUND, *CONTAINERS["front.mp4"])
    data = whole.read_bytes()
    half = len(data) // 2
    source = tmp_path / "zeros.mp4"
    source.write_bytes(data[:half] + bytes(len(data) - half))
    with pytest.raises(FfmpegFailed, match=r"could not be decoded|cut off"):
        transcoding(source)
    assert transcoding.outputs == []


def test_a_broken_picture_or_two_do_not_matter(
    transcoding: Transcoding, videos: Videos, tmp_path: Path
) -> None:
    whole = videos.make("whole_old.avi", *LONG, *SOUND, *CONTAINERS["old.avi"])
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    source = tmp_path / "scratched.avi"
    source.write_bytes(data)
    result, output = transcoding(source)
    assert len(picture_times(output)) > 190
    assert result["duration"] == pytest.approx(8.0, abs=0.2)


def test_huge_pictures_in_a_small_file_are_refused_with_the_limit(
    transcoding: Transcoding, videos: Videos
) -> None:
    small = videos.make("small.gif", "-f", "lavfi", "-i", "color=size=16x16:rate=5:duration=1")
    data = bytearray(small.read_bytes())
    data[6:10] = struct.pack("<HH", 16000, 16000)  # of the logical screen
    path = transcoding.settings.media_dir / "huge.gif"
    path.write_bytes(data)
    with pytest.raises(InvalidSource, match="its pictures have more than 16,777,216 pixels"):
        check(Transcode(path.name), transcoding.settings)


def test_a_header_that_makes_its_pictures_small_does_not_get_around_the_limit(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        *("liar.mkv", "-f", "lavfi", "-i", "color=size=8192x4096:rate=1:duration=1"),
        *(*H264, "-frames:v", "1"),
    )
    data = source.read_bytes()
    small = data.replace(b"\xb0\x82\x20\x00", b"\xb0\x82\x00\x40").replace(
        b"\xba\x82\x10\x00", b"\xba\x82\x00\x40"
    )
    assert small != data
    path = transcoding.settings.media_dir / "liar.mkv"
    path.write_bytes(small)
    with pytest.raises(InvalidSource, match="16,777,216 pixels"):
        check(Transcode("liar.mkv"), transcoding.settings)


def test_a_thousand_tracks_are_refused_with_the_limit(
    transcoding: Transcoding, videos: Videos
) -> None:
    tracks = [argument for _ in range(70) for argument in ("-map", "0")]
    source = videos.make(
        *("tracks.mkv", "-f", "lavfi", "-i", "color=size=16x16:rate=5:duration=0.4", *tracks),
        *("-c:v", "rawvideo"),
    )
    with pytest.raises(InvalidSource, match="more than 64 tracks"):
        transcoding(source)


def test_a_small_file_that_lasts_a_day_is_refused_with_the_limit(
    transcoding: Transcoding, videos: Videos
) -> None:
    source = videos.make(
        *("day.mp4", "-f", "lavfi", "-i", "testsrc2=size=16x16:rate=1:duration=2"),
        *("-vf", "setpts=N*86400/TB", "-fps_mode", "passthrough", *H264),
    )
    with pytest.raises(InvalidSource, match=r"86,40\d s; at most 43,200 s"):
        transcoding(source)


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{0}\n#EXT-X-ENDLIST\n",
    "list.mp4": "#EXTM3U\n#EXTINF:2,\nfile:{0}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {0}\n",
    "list.mkv": "ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.mp4'\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "list.pls": "[playlist]\nFile1={0}\n",
    "list.avs": 'FFVideoSource("{0}")\n',
    "list.txt": "{0}\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_list_of_other_files_opens_none_of_them(
    transcoding: Transcoding, videos: Videos, name: str
) -> None:
    other = videos.make("plain.mp4", *PICTURE, *H264)
    path = transcoding.settings.media_dir / name
    path.write_text(PLAYLISTS[name].format(other))
    with (
        pytest.raises(InvalidSource, match="is not a video"),
        open_video(transcoding.settings.media_dir, name),
    ):
        pass


def test_a_reference_to_another_file_in_a_video_is_not_followed(
    transcoding: Transcoding, videos: Videos
) -> None:
    """An MP4's data reference may name a file with the samples."""
    whole = videos.make("whole_front.mp4", *LONG, *SOUND, *CONTAINERS["front.mp4"])
    data = whole.read_bytes()
    own = struct.pack(">I4sI", 12, b"url ", 1)
    assert data.count(own) == 2
    path = transcoding.settings.media_dir / "reference.mp4"
    path.write_bytes(data.replace(own, struct.pack(">I4sI", 12, b"url ", 0)))
    with open_video(transcoding.settings.media_dir, path.name) as (_, media):
        assert media.duration == pytest.approx(8.0, abs=0.1)


def test_memory_is_bounded(
    transcoding: Transcoding, videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = videos.make(
        *("large.mp4", "-f", "lavfi", "-i", "color=size=3000x3000:rate=5:duration=0.6", *H264)
    )
    monkeypatch.setattr("streamer.jobs.transcode.ffmpeg._MEMORY_BYTES", 300 * 1024**2)
    with pytest.raises((FfmpegFailed, InvalidSource), match=r"(?i)memory|error|no picture"):
        transcoding(source, height=2160)
    assert transcoding.outputs == []


def test_time_is_bounded() -> None:
    needs("ffmpeg")
    endless = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-f", "null", "-"]
    with pytest.raises(FfmpegFailed, match="ffmpeg was not done after 0 s, and was stopped"):
        run_ffmpeg(endless, seconds=0.3)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("exit 1", FfmpegFailed),
        ("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1", OutOfSpace),
        ("echo 'x: Disk quota exceeded' >&2; exit 228", OutOfSpace),
        ("kill -KILL $$", FfmpegKilled),
        ("kill -TERM $$", FfmpegKilled),
        ("exit 255", FfmpegKilled),
        ("kill -SEGV $$", FfmpegFailed),
        ("exit 183", FfmpegFailed),
    ],
)
def test_what_may_succeed_another_time_is_told_from_what_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, kind: type[Exception]
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(kind):
        run_program("ffmpeg", [], seconds=10.0)
    thrown = TRANSCODE.options["throws"]
    assert issubclass(kind, thrown) is (kind is FfmpegFailed)


@pytest.mark.parametrize(
    ("version", "option"),
    [
        ("4.4.2-0ubuntu0.22.04.1", "-vsync"),
        ("5.0.1", "-vsync"),
        ("5.1.9-0+deb12u1", "-fps_mode"),
        ("n7.1", "-fps_mode"),
        ("10.0", "-fps_mode"),
        ("N-118000-g0123abcd", "-fps_mode"),
    ],
)
def test_the_option_for_times_is_the_one_that_this_ffmpeg_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, option: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho 'ffmpeg version {version} Copyright (c)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert variable_rate() == (option, "vfr")
