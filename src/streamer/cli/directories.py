"""The directories that a process writes to, made before anything else is started."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import rich_click as click

from ..config.settings import SETTINGS, Settings

#: What only we may read: whoever reaches the embedded log's socket owns the log.
_OURS: Final = 0o700
#: What others may put videos in, and take results from, as far as the umask lets them.
_EVERYBODYS: Final = 0o777


def make_directories(settings: Settings, names: Iterable[str]) -> None:
    """Make the directories of these settings, and see that they can be written.

    Raises:
        click.ClickException: one cannot, with why, and how another is chosen.
    """
    for name in names:
        path: Path = getattr(settings, name)
        problem = _why_not_made(path, _OURS if name == "data_dir" else _EVERYBODYS)
        problem = problem or why_not_writable(path)
        if problem is not None:
            raise click.ClickException(
                f"{path} cannot be used: {problem}. Choose another directory with {_ways(name)}"
            )


def why_not_writable(path: Path) -> str | None:
    """Why no file can be written in `path`; None if one can.

    Whether one may be is known only by trying: root may write to everything, but
    not where the kernel or a read-only mount says no.
    """
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return error.strerror or str(error)
    return None


def _why_not_made(path: Path, mode: int) -> str | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return "it is not a directory"
    except OSError as error:
        return error.strerror or str(error)
    return None


def _ways(name: str) -> str:
    variable = SETTINGS[name].variable
    if name == "data_dir":
        return f"--data-dir or {variable}"
    return variable
