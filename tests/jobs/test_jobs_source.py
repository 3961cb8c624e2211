"""Which sources may be read: a video in the media directory, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from streamer.errors import InvalidSource
from streamer.jobs.transcode.source import open_source, open_video
from support.requirements import needs


@pytest.fixture
def media(tmp_path: Path, clip: Path) -> Path:
    """A media directory with a video in it, beside things that are not to be read."""
    media = tmp_path / "media"
    (media / "below").mkdir(parents=True)
    shutil.copy(clip, media / "clip.mp4")
    shutil.copy(clip, media / "below" / "clip.mp4")
    shutil.copy(clip, tmp_path / "outside.mp4")
    (media / "inner.mp4").symlink_to("below/clip.mp4")
    (media / "outer.mp4").symlink_to(tmp_path / "outside.mp4")
    (media / "up").symlink_to(tmp_path)
    (media / "loop.mp4").symlink_to("loop.mp4")
    (media / "gone.mp4").symlink_to("nothing.mp4")
    os.mkfifo(media / "pipe.mp4")
    (media / "empty.mp4").write_bytes(b"")
    (media / "text.mp4").write_text("no video\n")
    (media / "list.m3u8").write_text(
        f"#EXTM3U\n#EXTINF:1,\nfile:{tmp_path}/outside.mp4\n#EXT-X-ENDLIST\n"
    )
    (media / "list.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path}/outside.mp4\n")
    (media / "same.mp4").write_text("ffconcat version 1.0\nfile clip.mp4\n")
    (media / "session.sdp").write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
    )
    (media / "manifest.mpd").write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
        f"<BaseURL>file://{tmp_path}/outside.mp4</BaseURL></Period></MPD>"
    )
    return media


@pytest.mark.parametrize("name", ["clip.mp4", "below/clip.mp4", "inner.mp4"])
def test_a_video_in_the_media_directory_is_read(media: Path, name: str) -> None:
    with open_video(media, name) as (_, found):
        (picture,) = found.pictures
        assert (picture.width, picture.height) == (320, 240)


NOT_ALLOWED = "is not allowed as a source"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", NOT_ALLOWED),
        (".", NOT_ALLOWED),
        ("..", NOT_ALLOWED),
        ("../outside.mp4", NOT_ALLOWED),
        ("below/../../outside.mp4", NOT_ALLOWED),
        ("below/../clip.mp4", NOT_ALLOWED),
        ("./clip.mp4", NOT_ALLOWED),
        ("below//clip.mp4", NOT_ALLOWED),
        ("clip.mp4/", NOT_ALLOWED),
        ("/etc/passwd", NOT_ALLOWED),
        ("file:/etc/passwd", "is not there"),
        ("file:clip.mp4", "is not there"),
        ("http://127.0.0.1/clip.mp4", NOT_ALLOWED),
        ("concat:clip.mp4|clip.mp4", "is not there"),
        ("subfile,,start,0,end,9,,:clip.mp4", "is not there"),
        ("-i.mp4", "is not there"),
        ("below/-i.mp4", "is not there"),
        ("below\\clip.mp4", "is not there"),
        ("clip.mp4\x00", NOT_ALLOWED),
        ("clip\n.mp4", NOT_ALLOWED),
        ("clip\x1b[2J.mp4", NOT_ALLOWED),
        ("clip\x7f.mp4", NOT_ALLOWED),
        ("clip\x85.mp4", "U\\+0085 is a control character"),
        ("clip\udcff.mp4", "U\\+DCFF is a control character or not text"),
        ("x" * 2000, NOT_ALLOWED),
        ("x" * 300, "is not there"),
        ("missing.mp4", "is not there"),
        ("gone.mp4", "is not there"),
        ("loop.mp4", "is not there"),
        ("clip.mp4/clip.mp4", "is not there"),
        ("outer.mp4", "outside the media directory"),
        ("up/outside.mp4", "outside the media directory"),
        ("up", "outside the media directory"),
        ("below", "is not a file"),
        ("pipe.mp4", "is not a file"),
        ("empty.mp4", "is not a video"),
        ("text.mp4", "is not a video"),
        ("list.m3u8", "is not a video"),
        ("list.mp4", "is not a video"),
        ("same.mp4", "is not a video"),
        ("session.sdp", "is not a video"),
        ("manifest.mpd", "is not a video"),
    ],
)
def test_anything_else_is_refused_and_told_what_is_allowed(
    media: Path, name: str, complaint: str
) -> None:
    with pytest.raises(InvalidSource, match=complaint) as refused, open_video(media, name):
        pass
    assert "it must be 'sample' or the name of a video in the media directory" in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 2026-11-27 at 9.41.00\u202fAM.mov",  # as macOS names them
        "a\u00a0b.mp4",
        "全角\u3000.mp4",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467.mp4",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.mp4",
        "\u200ewhatsapp.mp4",
        "\u202egnp.mp4",  # errors show it escaped
        "cafe\u0301.mp4",
        "-i.mp4",
        "-y",
        "--/-.mp4",
        "http:.mp4",
        "concat:a|b",
        "file:clip.mp4",
        "a\\b.mp4",
        "%d.mp4",
        "%03d_[0-9]*?.mp4",
        "'it''s' \"so\" $HOME `x`.mp4",
        " .mp4",
        "... .mp4",
        "é" * 125 + ".mp4a",  # 255 bytes
    ],
)
def test_a_file_may_be_called_what_files_may_be_called(
    tmp_path: Path, clip: Path, name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(clip, path)
    with open_video(tmp_path, name) as (_, found):
        assert found.pictures[0].width == 320


def test_without_a_media_directory_nothing_is_there_and_how_to_get_one_is_said(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        InvalidSource, match="is not there, for there is no media directory; create"
    ):
        open_source(tmp_path / "none", "clip.mp4")


def test_a_link_put_in_place_after_the_check_is_not_followed(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = Path.resolve

    def resolve_then_swap(path: Path, strict: bool = False) -> Path:
        resolved = resolve(path, strict)
        if path.name == "clip.mp4":
            path.unlink()
            path.symlink_to(tmp_path / "outside.mp4")
        return resolved

    monkeypatch.setattr(Path, "resolve", resolve_then_swap)
    with pytest.raises(InvalidSource, match="cannot be read"):
        open_source(media, "clip.mp4")


def test_what_was_opened_is_what_is_read_whatever_becomes_of_its_name(media: Path) -> None:
    needs("ffprobe")
    with open_video(media, "clip.mp4"):
        pass
    descriptor = open_source(media, "clip.mp4")
    try:
        (media / "clip.mp4").unlink()
        assert os.read(descriptor, 8)[4:] == b"ftyp"
    finally:
        os.close(descriptor)
