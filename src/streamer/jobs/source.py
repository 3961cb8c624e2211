"""A job's source: a video in the media directory, and nothing outside of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import InvalidSource
from .ffmpeg import Video, probe

#: The source that is generated rather than found.
SAMPLE: Final = "sample"
#: Characters of a source's name: more is no file name anywhere.
_MAX_CHARACTERS: Final = 1024

_ALLOWED: Final = f"it must be {SAMPLE!r} or the name of a video in the media directory"


@contextmanager
def open_video(directory: Path, name: str) -> Iterator[tuple[int, Video]]:
    """Open a video below `directory`; give its descriptor and what it holds.

    Only the descriptor is ever handed on, so that what was checked is what is
    read, whatever is done to the name meanwhile.

    Raises:
        InvalidSource: there is no such video there.
        JobsUnavailable: ffprobe is not installed.
    """
    descriptor = open_source(directory, name)
    try:
        video = probe(descriptor)
        if video is None:
            raise InvalidSource(f"{_shown(name)} is no video that can be read; {_ALLOWED}")
        yield descriptor, video
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
        raise InvalidSource(f"{_shown(name)} is no file; {_ALLOWED}")
    return descriptor


def _check_name(name: str) -> None:
    # "-": an option; ":": a protocol of ffmpeg's (http:, concat:, subfile:);
    # "\\": a separator elsewhere; "/" and "..": the way out.
    parts = name.split("/")
    if (
        not 1 <= len(name) <= _MAX_CHARACTERS
        or not name.isprintable()
        or any(character in name for character in ":\\")
        or any(part in {"", ".", ".."} or part.startswith("-") for part in parts)
    ):
        raise InvalidSource(
            f"{_shown(name)} is not allowed as a source; {_ALLOWED}, without '..', ':', '\\', "
            "or a '-' at the start"
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
    return repr(name if len(name) <= 80 else name[:77] + "...")  # noqa: PLR2004
