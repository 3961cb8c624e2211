"""The job that cuts out the part of a video between two times."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from ...config.settings import Settings
from ...errors import InvalidFields, InvalidSource, JobsUnavailable
from ..current import progress
from ..kinds import JobKind
from ..transcode.ffmpeg import FfmpegFailed, descriptor_url
from ..transcode.packets import Packets, read_packets
from ..transcode.poster import make_poster
from ..transcode.probe import MAX_SECONDS, Media, Unreadable, probe
from ..transcode.reporting import JOB_SECONDS, run_reporting
from ..transcode.results import results_of
from ..transcode.source import check_source, open_job_source
from ..transcode.tracks import choose_tracks
from ..transcode.transcode import extent_of
from .copying import container_for, copy_options

#: Seconds by which a result may begin early before its receiver is warned of it.
_EARLY_SECONDS: Final = 0.25

#: Seconds from the beginning of a video. A NaN and an infinity are neither.
Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]


class Trim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to cut out of which video: from `start` to `end`, in seconds from its beginning.

    An `end` behind the video's own means all the rest.
    """

    source: str
    start: Seconds
    end: Seconds

    def __post_init__(self) -> None:
        """Refuse a part that ends before it begins; msgspec makes a good error of it."""
        if not self.start < self.end:
            raise ValueError(
                f"start is {self.start:g} and end is {self.end:g}; start must be below end"
            )


def check(parameters: Trim, settings: Settings) -> None:
    """Refuse what cannot be done, before it is queued.

    Raises:
        InvalidSource: the source may not or cannot be read.
        InvalidFields: there is nothing of it at `start`.
        JobsUnavailable: ffmpeg is not installed.
    """
    seconds = check_source(parameters.source, settings)
    if seconds is not None:
        _check_start(parameters.start, seconds)


def run(parameters: Trim, settings: Settings) -> dict[str, Any]:
    """Cut, reporting the progress; return the address and shape of the result.

    ``start`` and ``end`` of the result are what was cut out, ``duration`` how long
    the file is, which may be more: a picture needs the key picture before it.

    Raises:
        InvalidSource: the source may not or cannot be read.
        InvalidFields: there is nothing of it at `start`.
        JobsUnavailable: ffmpeg is not installed.
        FfmpegFailed: it cannot be cut.
        FfmpegKilled: something ended ffmpeg; another attempt may succeed.
        OutOfSpace: the disk is full; likewise.
        JobCancelled: somebody cancelled the job.
    """
    job = progress()
    with results_of(job, settings) as results:
        with open_job_source(parameters.source, settings, job) as (descriptor, media):
            job.update(0.0, f"Trimming {parameters.start:g} s to {parameters.end:g} s")
            packets = read_packets(descriptor, check=job.raise_if_cancelled)
            tracks = choose_tracks(descriptor, media, packets, check=job.raise_if_cancelled)
            start, end = parameters.start, parameters.end
            if not media.jumps:
                seconds = extent_of(media, packets, tracks)[1]
                _check_start(start, seconds)
                end = min(end, seconds)
            end = min(end, start + MAX_SECONDS)
            container = container_for(media, tracks)
            output = results.unfinished(container)
            url = descriptor_url(descriptor)
            run_reporting(
                copy_options(url, tracks, start, end, container=container, path=output.name),
                descriptor,
                job,
                output=output,
                seconds=end - start,
                check=results.check,
            )
        made, packets = _made(output)
        picture = made.pictures[0]
        poster = make_poster(output, made.duration, results)
        size = output.stat().st_size
        address = results.finish(container)
    job.update(1.0, "Done")
    warnings = list(tracks.warnings)
    early = packets.of(picture.index).seconds - (end - start)
    if early > _EARLY_SECONDS:
        warnings.append(f"it begins {early:.1f} s earlier, where a picture stands by itself")
    return {
        "url": address,
        "start": start,
        "end": round(end, 3),
        "width": picture.width,
        "height": picture.height,
        "duration": made.duration,
        "size": size,
        **poster,
        "warnings": warnings,
    }


def _check_start(start: float, seconds: float) -> None:
    if start >= seconds:
        raise InvalidFields(
            f"start is {start:g}, and the video lasts {seconds:.3f} s; start must be below that "
            "(an end behind it means all the rest)"
        )


def _made(output: Path) -> tuple[Media, Packets]:
    """What is in the file that ffmpeg made.

    Raises:
        FfmpegFailed: no picture is.
    """
    with output.open("rb") as file:
        try:
            media = probe(file.fileno())
        except Unreadable as error:
            raise FfmpegFailed(f"there is nothing to show between these times: {error}") from error
        packets = read_packets(file.fileno())
    if packets.of(media.pictures[0].index).count == 0:
        raise FfmpegFailed("there is nothing to show between these times: no picture is there")
    return media, packets


TRIM: Final = JobKind(
    name="trim",
    parameters=Trim,
    run=run,
    check=check,
    options={
        # As for `transcode`: what cannot be done will not become possible by waiting,
        # and it is asked ten times a second whether it is to end.
        "throws": (InvalidSource, InvalidFields, JobsUnavailable, FfmpegFailed),
        "time_limit": int(JOB_SECONDS * 1000),
        "notify_shutdown": False,
    },
)
