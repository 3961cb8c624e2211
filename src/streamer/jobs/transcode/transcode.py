"""The job that transcodes a video to a format and a height."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from ...config.settings import Settings
from ...errors import InvalidSource, JobsUnavailable
from ..current import progress
from ..kinds import JobKind
from .encoding import MAX_RATE, input_options, output_options
from .ffmpeg import FfmpegFailed, descriptor_url, variable_rate
from .packets import Extent, Packets, check_whole, read_packets
from .poster import make_poster
from .probe import Media, Unreadable, check_duration, probe
from .reporting import JOB_SECONDS, run_reporting
from .results import results_of
from .source import check_source, open_job_source
from .tracks import Tracks, choose_tracks

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
    check_source(parameters.source, settings)


def run(parameters: Transcode, settings: Settings) -> dict[str, Any]:
    """Transcode, reporting the progress; return the address and shape of the result.

    The output appears under its name when it is whole; nothing is left of one
    that is not. ``poster`` of the result is a picture of it, ``warnings`` says
    what was left out.

    Raises:
        InvalidSource: the source may not or cannot be read.
        JobsUnavailable: ffmpeg is not installed.
        FfmpegFailed: it cannot be transcoded.
        FfmpegKilled: something ended ffmpeg; another attempt may succeed.
        OutOfSpace: the disk is full; likewise.
        JobCancelled: somebody cancelled the job.
    """
    job = progress()
    with results_of(job, settings) as results:
        with open_job_source(parameters.source, settings, job) as (descriptor, media):
            output = results.unfinished(parameters.format)
            job.update(0.0, f"Transcoding to {parameters.height}p {parameters.format}")
            packets = read_packets(descriptor, check=job.raise_if_cancelled)
            tracks = choose_tracks(descriptor, media, packets, check=job.raise_if_cancelled)
            wanted, seconds = extent_of(media, packets, tracks)
            run_reporting(
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
                        path=output.name,
                    ),
                ],
                descriptor,
                job,
                output=output,
                seconds=seconds,
                check=results.check,
            )
        shape = _described(output, wanted, jumps=media.jumps)
        poster = make_poster(output, shape["duration"], results)
        url = results.finish(parameters.format)
    job.update(1.0, "Done")
    return {"url": url, **shape, **poster, "warnings": list(tracks.warnings)}


def extent_of(media: Media, packets: Packets, tracks: Tracks) -> tuple[Extent, float]:
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
        "time_limit": int(JOB_SECONDS * 1000),
        # It asks ten times a second; an exception raised into its thread could
        # strike anywhere, even between starting ffmpeg and remembering it.
        "notify_shutdown": False,
    },
)
