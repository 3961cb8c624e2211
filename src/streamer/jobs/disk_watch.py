"""The disk that jobs write to: results are removed in their time, and its free space is watched."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from shutil import disk_usage
from typing import Final, NoReturn

from ..config.settings import Settings
from ..every import every
from .transcode.outputs import remove_old

#: Seconds between two looks.
_SECONDS: Final = 30.0
#: Share of the reserve that must be free beside it before the disk counts as having room
#: again: else a disk at its edge would be reported with every look.
_MARGIN: Final = 0.1

_logger: Final = logging.getLogger(__name__)


class DiskWatch:
    """Looks at the disk again and again, in every server; whichever comes first removes.

    Attributes:
        low: what is wrong with it, in words for an operator; empty while there is room.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self.low = ""

    async def run(self) -> NoReturn:
        """Look, until cancelled."""
        await every(_SECONDS, self.look, "looking at the disk", logger=_logger)

    async def look(self) -> None:
        """Remove what has had its time; report once that there is little room, and that there is.

        Raises:
            OSError: a result may not be removed, as where the directory is only to be read.
        """
        if (found := await asyncio.to_thread(self._least_free)) is not None:
            self._report(*found)
        await asyncio.to_thread(self._remove_old)

    def _report(self, directory: Path, free: int) -> None:
        reserve = self._settings.disk_reserve
        if free < reserve:
            if not self.low:
                _logger.warning("%s; jobs and uploads write nothing", _words(directory, free))
            self.low = f"{_words(directory, free)}, fewer than the {reserve:,} that are kept free"
        elif self.low and free >= reserve * (1 + _MARGIN):
            _logger.warning("%s again; jobs and uploads go on", _words(directory, free))
            self.low = ""

    def _least_free(self) -> tuple[Path, int] | None:
        settings = self._settings
        directories = (settings.data_dir, settings.output_dir, settings.upload_dir)
        free = ((each, disk_usage(each).free) for each in directories if each.is_dir())
        return min(free, key=lambda each: each[1], default=None)

    def _remove_old(self) -> None:
        settings = self._settings
        if settings.output_dir.is_dir():
            remove_old(
                settings.output_dir,
                max_age=settings.output_age,
                max_bytes=settings.output_bytes,
            )


def _words(directory: Path, free: int) -> str:
    return f"the disk of {directory} has {free:,} bytes free"
