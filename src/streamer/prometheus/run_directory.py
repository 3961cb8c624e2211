"""A directory of one run, in memory where there is such, for the numbers of its processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: What such directories are called, and the file in each that is locked while its run lasts.
_PREFIX: Final = "streamer-metrics-"
_RUN: Final = "run"
#: Of Linux: in memory, and nobody removes what looks old there, as they do in /tmp.
_SHM: Final = Path("/dev/shm")  # noqa: S108 - what is made in it is ours alone


@contextlib.contextmanager
def run_directory() -> Iterator[Path]:
    """Make one, and remove it in the end; and those of runs that were killed before they could.

    Raises:
        OSError: there is no place for one.
    """
    place = _SHM if os.access(_SHM, os.W_OK) else Path(tempfile.gettempdir())
    _remove_left(place)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    with (directory / _RUN).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _remove_left(place: Path) -> None:
    for directory in place.glob(f"{_PREFIX}*"):
        # One without a lock is being made in this moment, or of somebody else.
        with contextlib.suppress(OSError), (directory / _RUN).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
