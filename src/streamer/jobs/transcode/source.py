"""A job's source: a video in the media directory, and nothing outside of it."""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...config.settings import Settings
from ...errors import InvalidSource
from ..progress import Progress
from .ffmpeg import FfmpegKilled, find_program
from .outputs import refuse_if_full
from .probe import Media, Unreadable, probe
from .sample import SAMPLE_SECONDS, ensure_sample

#: The source that is generated rather than found.
SAMPLE: Final = "sample"
#: What the name of a video begins with that a client has uploaded.
UPLOADED: Final = "uploads/"
#: Characters of a source's name: no file system takes more.
_MAX_CHARACTERS: Final = 1024

_ALLOWED: Final = f"it must be {SAMPLE!r} or the name of a video in the media directory"


def check_source(name: str, settings: Settings) -> float | None:
    """Look at a job's source before the job is queued; return its seconds.

    None: its header does not say how long it is.

    Raises:
        InvalidSource: it may not or cannot be read.
        JobsUnavailable: ffmpeg is not installed.
        DiskFull: there is no room for a result.
    """
    find_program("ffmpeg")
    find_program("ffprobe")
    refuse_if_full(settings.output_dir, settings.disk_reserve)
    if name == SAMPLE:
        return float(SAMPLE_SECONDS)
    try:
        with open_video(settings.media_dir, name) as (_, media):
            return None if media.jumps else media.duration
    except FfmpegKilled:
        return None  # something ended ffprobe: the worker will see


@contextmanager
def open_job_source(name: str, settings: Settings, job: Progress) -> Iterator[tuple[int, Media]]:
    """Open a job's source, as `open_video` does; the sample is made if it is not there."""
    directory = settings.media_dir
    if name == SAMPLE:
        sample = settings.data_dir / "samples" / f"{SAMPLE}.mp4"
        if not sample.exists():
            job.update(0.0, "Making the sample clip")
        ensure_sample(sample, check=job.raise_if_cancelled)
        directory, name = sample.parent, sample.name
    with open_video(directory, name) as opened:
        yield opened


@contextmanager
def open_video(directory: Path, name: str) -> Iterator[tuple[int, Media]]:
    """Open a video below `directory`; give its descriptor and what it holds.

    Only the descriptor is ever handed on, so that what was checked is what is
    read, whatever is done to the name meanwhile.

    Raises:
        InvalidSource: there is no such video there, or it is over a limit.
        FfmpegError: it could not be looked at; it may be a video.
        JobsUnavailable: ffprobe is not installed.
    """
    descriptor = open_source(directory, name)
    try:
        if name.startswith(UPLOADED):
            # The oldest make room for new ones: one that is wanted is not old.
            with contextlib.suppress(OSError):  # another user's
                os.utime(descriptor)
        try:
            media = probe(descriptor)
        except Unreadable as error:
            raise InvalidSource(
                f"{_shown(name)} is not a video that can be read: {error}; {_ALLOWED}"
            ) from error
        yield descriptor, media
    finally:
        os.close(descriptor)


def open_source(directory: Path, name: str) -> int:
    """Open a regular file below `directory` for reading; return its descriptor.

    Raises:
        InvalidSource: `name` leads elsewhere, or there is no such file.
    """
    _check_name(name)
    try:
        root = directory.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise InvalidSource(
            f"{_shown(name)} is not there, for there is no media directory; create it "
            f"(STREAMER_MEDIA_DIR, or media/ in the data directory); {_ALLOWED}"
        ) from error
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidSource(f"{_shown(name)} is not there; {_ALLOWED}") from error
    # A link that leads out of the directory.
    if not path.is_relative_to(root) or path == root:
        raise InvalidSource(f"{_shown(name)} lies outside the media directory; {_ALLOWED}")
    try:
        descriptor = _open_below(root, path.relative_to(root).parts)
    except OSError as error:
        raise InvalidSource(f"{_shown(name)} cannot be read; {_ALLOWED}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidSource(f"{_shown(name)} is not a file; {_ALLOWED}")
    return descriptor


def _check_name(name: str) -> None:
    # "/" at the start and "..": the way out. Anything that a file may be called
    # is allowed beside that, "-y", "a:b" and "%d" too, for ffmpeg is given the
    # open file and never its name. Control characters would break lines of logs,
    # and lone surrogates are not text.
    parts = name.split("/")
    if not 1 <= len(name) <= _MAX_CHARACTERS or any(part in {"", ".", ".."} for part in parts):
        raise InvalidSource(
            f"{_shown(name)} is not allowed as a source; {_ALLOWED}, without '..', "
            f"an empty part or a '/' at an end, of at most {_MAX_CHARACTERS:,} characters"
        )
    for character in name:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise InvalidSource(
                f"{_shown(name)} is not allowed as a source, for U+{ord(character):04X} is a "
                f"control character or not text; {_ALLOWED}"
            )


def _open_below(root: Path, parts: tuple[str, ...]) -> int:
    # `parts` has no links left in it. One that is put there between the check
    # and now is not followed.
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(part, flags, dir_fd=directory)
            os.close(directory)
            directory = below
        # Not blocking: opening a named pipe would wait for its writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(parts[-1], flags, dir_fd=directory)
    finally:
        os.close(directory)


def _shown(name: str) -> str:
    shown = repr(name)
    return shown if len(shown) <= 82 else shown[:79] + "..." + shown[-1]  # noqa: PLR2004
