"""A poster frame: one picture of what a job made, to show before it is played."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .ffmpeg import INPUT_LIMITS, FfmpegFailed, descriptor_url, run_ffmpeg
from .results import Results

EXTENSION: Final = "jpg"
#: Where it is taken: many videos begin with a black picture.
_SHARE: Final = 0.1
#: Pixels of the longer side: a page shows it as a thumbnail or in a player.
_MAX_SIDE: Final = 1280
#: Of 2 to 31, the best first.
_QUALITY: Final = "4"
#: Seconds that it may take.
_SECONDS: Final = 120.0


def make_poster(video: Path, duration: float | None, results: Results) -> dict[str, str | None]:
    """Take a picture of `video`, which lasts `duration` seconds; return its address.

    A video without a poster is a result all the same: then it is None, and
    ``poster_missing`` says why.

    Raises:
        FfmpegKilled: something ended ffmpeg; another attempt may succeed.
        OutOfSpace: the disk is full; likewise.
        JobCancelled: somebody cancelled the job.
    """
    reason = ""
    # At a tenth, or else where it begins: the last pictures of a file may be all there are.
    for start in ((duration or 0.0) * _SHARE, 0.0):
        try:
            if _take(video, start, results):
                return {"poster": results.finish(EXTENSION)}
        except FfmpegFailed as error:
            reason = str(error)
    return {"poster": None, "poster_missing": reason or "no picture could be decoded"}


def _take(video: Path, start: float, results: Results) -> bool:
    picture = results.unfinished(EXTENSION)
    side = f"min(1,{_MAX_SIDE}/max(iw,ih))"
    with video.open("rb") as file:
        run_ffmpeg(
            [
                *(*INPUT_LIMITS, "-ss", f"{start:.3f}", "-i", descriptor_url(file.fileno())),
                *("-map", "0:v:0", "-frames:v", "1", "-map_metadata", "-1"),
                *("-vf", f"scale=w='max(1,round(iw*{side}))':h='max(1,round(ih*{side}))'"),
                *("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", _QUALITY, "-threads", "1"),
                *("-f", "mjpeg", "-y", f"file:{picture.name}"),
            ],
            descriptors=(file.fileno(),),
            check=results.check,
            directory=picture.parent,
            seconds=_SECONDS,
        )
    taken = picture.exists() and picture.stat().st_size > 0
    if not taken:
        picture.unlink(missing_ok=True)
    return taken
