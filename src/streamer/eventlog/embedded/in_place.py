"""Where the embedded server has its files, and how others take their place."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

#: The append-only file of the server, a directory in the data directory.
APPENDED: Final = "appendonlydir"
#: What takes its place, all of it on the disk.
_RESTORED: Final = f"{APPENDED}.restored"
#: The one whose place was taken; the last.
REPLACED: Final = f"{APPENDED}.replaced"


def has_log(data_dir: Path) -> bool:
    """Whether an embedded server has kept anything there."""
    appended = data_dir / APPENDED
    return appended.is_dir() and any(appended.iterdir())


def put_in_place(appended: Path, data_dir: Path) -> None:
    """Let `appended` be the log of `data_dir`; one that is there becomes `REPLACED`.

    Whenever this is cut off, it is as it was, or `finish` does the rest.
    """
    shutil.rmtree(data_dir / REPLACED, ignore_errors=True)
    appended.rename(data_dir / _RESTORED)
    sync_directory(data_dir)
    finish(data_dir)


def finish(data_dir: Path) -> None:
    """Do what is left to do if putting a log in place was cut off; nobody may run there."""
    restored, here = data_dir / _RESTORED, data_dir / APPENDED
    if not restored.is_dir():
        return
    if here.is_dir():
        shutil.rmtree(data_dir / REPLACED, ignore_errors=True)
        here.rename(data_dir / REPLACED)
    restored.rename(here)
    sync_directory(data_dir)


def sync_directory(directory: Path) -> None:
    """Return when the names of files in it are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
