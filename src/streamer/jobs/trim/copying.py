"""What ffmpeg is asked to copy, and into which container; pure."""

from __future__ import annotations

from typing import Final

from ..transcode.ffmpeg import INPUT_LIMITS
from ..transcode.ffmpeg_progress import REPORTS
from ..transcode.probe import Media
from ..transcode.tracks import Tracks

#: What browsers play in a WebM file, and what players know in an MP4 file; by ffmpeg's names.
_WEBM: Final = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})
_MP4: Final = frozenset(
    {"h264", "hevc", "av1", "vp9", "mpeg4", "aac", "mp3", "ac3", "eac3", "opus", "flac"}
)
_CONTAINERS: Final = {
    "mp4": ("-movflags", "+faststart", "-f", "mp4"),
    "mkv": ("-f", "matroska"),
    "webm": ("-f", "webm"),
}


def container_for(media: Media, tracks: Tracks) -> str:
    """The container, which is its extension, that can hold these tracks as they are.

    WebM stays WebM; else it is MP4, which begins exactly where it is to, or
    Matroska for what MP4 does not know.
    """
    codecs = {track.codec for track in (tracks.picture, tracks.sound) if track is not None}
    if media.matroska and codecs <= _WEBM:
        return "webm"
    return "mp4" if codecs <= _MP4 else "mkv"


def copy_options(
    url: str, tracks: Tracks, start: float, end: float, *, container: str, path: str
) -> list[str]:
    """Copy what lies between two times, in seconds from the beginning of `url`, to `path`.

    A picture is understood only after the key picture before it, so that ffmpeg
    begins there; the MP4 it makes says that what comes before `start` is not shown.
    """
    indexes = [track.index for track in (tracks.picture, tracks.sound) if track is not None]
    return [
        # AVI has no times of pictures; they are made up of their order.
        *(*INPUT_LIMITS, "-fflags", "+genpts"),
        *("-ss", f"{start:.6f}", "-t", f"{end - start:.6f}", "-i", url),
        *(option for index in indexes for option in ("-map", f"0:{index}")),
        *("-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1"),
        *(*_CONTAINERS[container], *REPORTS, "-y", f"file:{path}"),
    ]
