"""The job that transcodes a video to a format and a height."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import msgspec

from ...config.settings import Settings
from ...errors import InvalidSource, JobsUnavailable
from ..kinds import JobKind
from ..progress import Progress, progress
from .encoding import MAX_RATE, input_options, output_options
from .ffmpeg import (
    FfmpegFailed,
    FfmpegKilled,
    descriptor_url,
    find_program,
    run_ffmpeg,
    variable_rate,
)
from .ffmpeg_progress import ReportReader, fraction_done
from .outputs import check_space, remove_old, remove_unfinished
from .packets import Extent, Packets, check_whole, read_packets
from .probe import Media, Unreadable, check_duration, probe
from .sample import ensure_sample
from .source import SAMPLE, open_video
from .tracks import Tracks, choose_tracks

#: Seconds that encoding may take: so many for each of the video, and so many more.
#: The slowest (2160p on one slow core) takes about ten for each.
_TIME_FACTOR: Final = 20.0
_TIME_MORE: Final = 60.0
#: Seconds that it may take at most, and the whole job with all that is read before
#: and after. Dramatiq, which would try it again, is to interrupt it never.
_TIME_MOST: Final = 3 * 3600.0
_JOB_SECONDS: Final = 5 * 3600.0
#: Seconds between two looks at the disk.
_SPACE_SECONDS: Final = 0.5
#: Of three pictures in the file one must come out: codecs with hidden pictures or
#: half pictures have up to two packets for each.
_PICTURES_SHARE: Final = 3
#: Seconds of the video's end that may be missing in the output.
_MISSING_SECONDS: Final = 1.0


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
        # If something ended ffprobe: the worker will see.
        with suppress(FfmpegKilled), open_video(settings.media_dir, parameters.source):
            pass


def run(parameters: Transcode, settings: Settings) -> dict[str, Any]:
    """Transcode, reporting the progress; return the address and shape of the result.

    The output appears under its name when it is whole; nothing is left of one
    that is not. ``warnings`` of the result says what was left out.

    Raises:
        InvalidSource: the source may not or cannot be read.
        JobsUnavailable: ffmpeg is not installed.
        FfmpegFailed: it cannot be transcoded.
        FfmpegKilled: something ended ffmpeg; another attempt may succeed.
        OutOfSpace: the disk is full; likewise.
        JobCancelled: somebody cancelled the job.
    """
    job = progress()
    directory, name = settings.media_dir, parameters.source
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    output = settings.output_dir / f"{job.job_id or uuid4().hex}.{parameters.format}"
    unfinished = output.with_name(f".{output.name}.{uuid4().hex}.part")
    remove_unfinished(output)
    _remove_old(settings)
    check_space(settings.output_dir, settings.disk_reserve)
    if name == SAMPLE:
        sample = settings.data_dir / "samples" / f"{SAMPLE}.mp4"
        if not sample.exists():
            job.update(0.0, "Making the sample clip")
        ensure_sample(sample, check=job.raise_if_cancelled)
        directory, name = sample.parent, sample.name
    try:
        with open_video(directory, name) as (descriptor, media):
            job.update(0.0, f"Transcoding to {parameters.height}p {parameters.format}")
            packets = read_packets(descriptor, check=job.raise_if_cancelled)
            tracks = choose_tracks(descriptor, media, packets, check=job.raise_if_cancelled)
            wanted, seconds = _extent(media, packets, tracks)
            _transcode(
                [
                    *input_options(descriptor_url(descriptor)),
                    *output_options(
                        tracks.picture,
                        tracks.sound,
                        wanted,
                        start=packets.start,
                        variable_rate=variable_rate(),
                        height=parameters.height,
                        output_format=parameters.format,
                        path=unfinished.name,
                    ),
                ],
                descriptor,
                job,
                directory=unfinished.parent,
                seconds=seconds,
                check=_space_check(unfinished, settings, job),
            )
        result = _described(unfinished, wanted, jumps=media.jumps)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    _remove_old(settings, keep=output)
    job.update(1.0, "Done")
    return {"url": f"/files/{output.name}", **result, "warnings": list(tracks.warnings)}


def _extent(media: Media, packets: Packets, tracks: Tracks) -> tuple[Extent, float]:
    """What there is of the pictures, and the seconds of all that will be transcoded.

    Raises:
        FfmpegFailed: the file is cut off, or lasts too long.
    """
    chosen = [track.index for track in (tracks.picture, tracks.sound) if track is not None]
    check_whole(media, packets, chosen)
    seconds = packets.seconds_to(chosen)
    try:
        check_duration(media, seconds)
    except Unreadable as error:
        raise FfmpegFailed(str(error)) from error
    return packets.of(tracks.picture.index), seconds


def _transcode(
    arguments: list[str],
    descriptor: int,
    job: Progress,
    *,
    directory: Path,
    seconds: float,
    check: Callable[[], None],
) -> None:
    reader = ReportReader()

    def on_line(line: str) -> None:
        report = reader.feed(line)
        if report is not None:
            done = fraction_done(report, seconds)
            job.update(
                job.fraction if done is None else done,
                seconds=report.seconds,
                frame=report.frame,
                speed=report.speed,
            )

    run_ffmpeg(
        arguments,
        descriptors=(descriptor,),
        on_line=on_line,
        check=check,
        directory=directory,
        seconds=min(_TIME_MORE + _TIME_FACTOR * seconds, _TIME_MOST),
    )


def _space_check(unfinished: Path, settings: Settings, job: Progress) -> Callable[[], None]:
    """What stops a transcode: a cancel, a full disk, an output that is too large."""
    looked_at = 0.0

    def check() -> None:
        nonlocal looked_at
        job.raise_if_cancelled()
        now = time.monotonic()
        if now - looked_at < _SPACE_SECONDS:
            return
        looked_at = now
        check_space(settings.output_dir, settings.disk_reserve)
        limit = settings.output_bytes
        if limit and unfinished.exists() and unfinished.stat().st_size > limit:
            raise FfmpegFailed(
                f"the output is over {limit:,} bytes, which is what all outputs may take "
                "together (STREAMER_OUTPUT_BYTES)"
            )

    return check


def _remove_old(settings: Settings, keep: Path | None = None) -> None:
    remove_old(
        settings.output_dir,
        max_age=settings.output_age,
        max_bytes=settings.output_bytes,
        keep=keep,
    )


def _described(output: Path, wanted: Extent, *, jumps: bool) -> dict[str, Any]:
    """The shape of what was made.

    Raises:
        FfmpegFailed: it is less than half of what was wanted; ffmpeg itself ends
            well also if it could decode nothing more after a while.
    """
    with output.open("rb") as file:
        try:
            media = probe(file.fileno())
        except Unreadable as error:
            raise FfmpegFailed(f"ffmpeg made nothing that can be shown: {error}") from error
        picture = media.pictures[0]
        made = read_packets(file.fileno()).of(picture.index)
    expected = min(wanted.count, MAX_RATE * wanted.seconds + 1)
    if made.count * _PICTURES_SHARE < expected:
        raise FfmpegFailed(f"only {made.count} of {wanted.count} pictures could be decoded")
    missing = (wanted.last - wanted.start) - (made.last - made.start)
    if missing > _MISSING_SECONDS and not jumps:
        raise FfmpegFailed(f"the last {missing:.1f} s of the pictures could not be decoded")
    return {
        "width": picture.width,
        "height": picture.height,
        "duration": media.duration,
        "size": output.stat().st_size,
    }


TRANSCODE: Final = JobKind(
    name="transcode",
    parameters=Transcode,
    run=run,
    check=check,
    options={
        # What cannot be done will not become possible by waiting.
        "throws": (InvalidSource, JobsUnavailable, FfmpegFailed),
        "time_limit": int(_JOB_SECONDS * 1000),
        # It asks ten times a second; an exception raised into its thread could
        # strike anywhere, even between starting ffmpeg and remembering it.
        "notify_shutdown": False,
    },
)
