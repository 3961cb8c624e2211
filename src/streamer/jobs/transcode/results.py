"""The files that a job makes: each appears under its name when it is whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from ...config.settings import Settings
from ..progress import Progress
from .ffmpeg import FfmpegFailed
from .outputs import check_space, remove_old, remove_unfinished

#: Seconds between two looks at the disk.
_SPACE_SECONDS: Final = 0.5


@contextmanager
def results_of(job: Progress, settings: Settings) -> Iterator[Results]:
    """Make room for what a job makes; afterwards nothing is left of what is not whole.

    Raises:
        OutOfSpace: the disk is full.
    """
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    results = Results(job, settings)
    remove_unfinished(settings.output_dir, results.name)
    _remove_old(settings)
    check_space(settings.output_dir, settings.disk_reserve)
    try:
        yield results
        _remove_old(settings, keep=results.name)
    finally:
        results.discard()


class Results:
    """What one attempt of one job makes, in the directory of results.

    Attributes:
        name: of every file, without its extension: the job's id.
    """

    def __init__(self, job: Progress, settings: Settings) -> None:
        self.name: Final = job.job_id or uuid4().hex
        self._job: Final = job
        self._settings: Final = settings
        self._unfinished: Final[dict[str, Path]] = {}
        self._looked_at = 0.0

    def unfinished(self, extension: str) -> Path:
        """Where to write the file of that extension until it is whole."""
        name = f".{self.name}.{extension}.{uuid4().hex}.part"
        path = self._unfinished[extension] = self._settings.output_dir / name
        return path

    def finish(self, extension: str) -> str:
        """Put that file in place; return its address."""
        name = f"{self.name}.{extension}"
        self._unfinished.pop(extension).replace(self._settings.output_dir / name)
        return f"/files/{name}"

    def discard(self) -> None:
        """Remove what is not whole."""
        for path in self._unfinished.values():
            path.unlink(missing_ok=True)

    def check(self) -> None:
        """Stop the job where it must be: a cancel, a full disk, an output that is too large.

        Raises:
            JobCancelled: somebody cancelled the job.
            OutOfSpace: the disk is full.
            FfmpegFailed: what is written is larger than all results may be.
        """
        self._job.raise_if_cancelled()
        now = time.monotonic()
        if now - self._looked_at < _SPACE_SECONDS:
            return
        self._looked_at = now
        check_space(self._settings.output_dir, self._settings.disk_reserve)
        limit = self._settings.output_bytes
        size = sum(path.stat().st_size for path in self._unfinished.values() if path.exists())
        if limit and size > limit:
            raise FfmpegFailed(
                f"the output is over {limit:,} bytes, which is what all outputs may take "
                "together (STREAMER_OUTPUT_BYTES)"
            )


def _remove_old(settings: Settings, keep: str | None = None) -> None:
    remove_old(
        settings.output_dir,
        max_age=settings.output_age,
        max_bytes=settings.output_bytes,
        keep=keep,
    )
