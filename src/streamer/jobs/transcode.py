"""The job that transcodes a video to a format and a height."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import msgspec

from ..errors import InvalidSource
from ..settings import Settings
from .ffmpeg import (
    INPUT_LIMITS,
    FfmpegFailed,
    Video,
    descriptor_url,
    find_program,
    probe,
    run_ffmpeg,
)
from .ffmpeg_progress import ReportReader, fraction_done
from .kinds import JobKind
from .progress import Progress, progress
from .sample import ensure_sample, is_left_behind
from .source import SAMPLE, open_video

#: Codecs and container by format, each quick rather than small.
_H264: Final = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac")
_VP9: Final = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
_FORMATS: Final = {
    "mp4": (*_H264, "-movflags", "+faststart", "-f", "mp4"),
    "mkv": (*_H264, "-f", "matroska"),
    "webm": (*_VP9, "-b:v", "1M", "-f", "webm"),
}
#: Seconds between two reports of ffmpeg.
_REPORT_SECONDS: Final = "0.1"


class Transcode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to transcode, and to what; `height` in pixels, even."""

    source: str
    height: Annotated[int, msgspec.Meta(ge=144, le=2160, multiple_of=2)] = 480
    format: Literal["mp4", "webm", "mkv"] = "mp4"


def check(parameters: Transcode, settings: Settings) -> None:
    """Refuse what cannot be done, before it is queued.

    Raises:
        InvalidSource: the source may not or cannot be read.
        JobsUnavailable: ffmpeg is not installed.
    """
    find_program("ffmpeg")
    find_program("ffprobe")
    if parameters.source != SAMPLE:
        with open_video(settings.media_dir, parameters.source):
            pass


def run(parameters: Transcode, settings: Settings) -> dict[str, Any]:
    """Transcode, telling the progress; return the address and shape of the result.

    The output appears under its name when it is whole; nothing is left of one
    that is not.

    Raises:
        InvalidSource: the source may not or cannot be read.
        FfmpegFailed: it cannot be transcoded.
        JobCancelled: somebody cancelled the job.
    """
    job = progress()
    directory, name = settings.media_dir, parameters.source
    if name == SAMPLE:
        sample = settings.data_dir / "samples" / f"{SAMPLE}.mp4"
        if not sample.exists():
            job.update(0.0, "Making the sample clip")
        ensure_sample(sample, check=job.raise_if_cancelled)
        directory, name = sample.parent, sample.name
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    output = settings.output_dir / f"{job.job_id or uuid4().hex}.{parameters.format}"
    unfinished = output.with_name(f".{output.name}.{uuid4().hex}.part")
    _remove_unfinished(output)
    try:
        with open_video(directory, name) as (descriptor, video):
            job.update(0.0, f"Transcoding to {parameters.height}p {parameters.format}")
            _transcode(parameters, descriptor, video, unfinished, job)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    job.update(1.0, "Done")
    return _described(output)


def _transcode(
    parameters: Transcode, descriptor: int, video: Video, unfinished: Path, job: Progress
) -> None:
    reader = ReportReader()

    def on_line(line: str) -> None:
        report = reader.feed(line)
        if report is not None:
            done = fraction_done(report, video.duration)
            job.update(
                job.fraction if done is None else done,
                seconds=report.seconds,
                frame=report.frame,
                speed=report.speed,
            )

    run_ffmpeg(
        [
            *INPUT_LIMITS,
            *("-i", descriptor_url(descriptor)),
            # The first picture and, if there is any, the first sound: no data streams.
            *("-map", "0:v:0", "-map", "0:a:0?", "-dn", "-sn"),
            *("-vf", f"scale=-2:{parameters.height}"),
            *_FORMATS[parameters.format],
            *("-stats_period", _REPORT_SECONDS, "-progress", "pipe:1"),
            *("-y", f"file:{unfinished}"),
        ],
        descriptors=(descriptor,),
        on_line=on_line,
        check=job.raise_if_cancelled,
    )


def _remove_unfinished(output: Path) -> None:
    # Of attempts whose worker was killed: of this job any, of others (one that was
    # cancelled meanwhile has no next attempt) what nobody has written to for long.
    for path in output.parent.glob(".*.part"):
        if path.name.startswith(f".{output.name}.") or is_left_behind(path):
            path.unlink(missing_ok=True)


def _described(output: Path) -> dict[str, Any]:
    with output.open("rb") as file:
        video = probe(file.fileno())
    if video is None:
        raise FfmpegFailed("ffmpeg made a file without a picture")
    return {
        "url": f"/files/{output.name}",
        "width": video.width,
        "height": video.height,
        "duration": video.duration,
        "size": output.stat().st_size,
    }


TRANSCODE: Final = JobKind(
    name="transcode",
    parameters=Transcode,
    run=run,
    check=check,
    options={
        # A source that may not be read will not become so by waiting.
        "throws": (InvalidSource,),
        # It asks ten times a second; an exception raised into its thread could
        # strike anywhere, even between starting ffmpeg and remembering it.
        "notify_shutdown": False,
    },
)
