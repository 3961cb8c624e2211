"""ffmpeg at work on a job: how far it is, is how far the job is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ..progress import Progress
from .ffmpeg import run_ffmpeg
from .ffmpeg_progress import ReportReader, fraction_done

#: Seconds that ffmpeg may take: so many for each of the video, and so many more.
#: The slowest (2160p on one slow core) takes about ten for each.
_TIME_FACTOR: Final = 20.0
_TIME_MORE: Final = 60.0
#: Seconds that it may take at most, and the whole job with all that is read before
#: and after. Dramatiq, which would try it again, is to interrupt it never.
_TIME_MOST: Final = 3 * 3600.0
JOB_SECONDS: Final = 5 * 3600.0


def run_reporting(
    arguments: Sequence[str],
    descriptor: int,
    job: Progress,
    *,
    output: Path,
    seconds: float,
    check: Callable[[], None],
) -> None:
    """Run ffmpeg, and report its progress as the job's.

    Args:
        arguments: with `ffmpeg_progress.REPORTS` among them.
        descriptor: the open input.
        job: that this is the work of.
        output: it runs in the directory of this file.
        seconds: that the output will last.
        check: called ten times a second; what it raises stops ffmpeg.

    Raises:
        FfmpegError: it did not do what it was to do.
        JobsUnavailable: it is not installed.
    """
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
        directory=output.parent,
        seconds=min(_TIME_MORE + _TIME_FACTOR * seconds, _TIME_MOST),
    )
