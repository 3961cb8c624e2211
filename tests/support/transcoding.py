"""A transcode or a trim that a test runs in its own thread, and what it reports."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from streamer.config.settings import Settings
from streamer.jobs.place import set_progress
from streamer.jobs.progress import Progress
from streamer.jobs.told import Told, Update
from streamer.jobs.transcode import transcode
from streamer.jobs.transcode.transcode import Transcode
from streamer.jobs.trim import trim
from streamer.jobs.trim.trim import Trim

JOB_ID: Final = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


class Transcoding:
    """Transcodes files, one after another, as one job would.

    Attributes:
        settings: with directories of the test's own.
        fractions: every progress that was reported, of the last transcode.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.fractions: list[float] = []
        self.on_progress: Callable[[Progress], None] = lambda _: None

    def __call__(
        self, source: Path, output_format: Literal["mp4", "webm", "mkv"] = "mp4", height: int = 144
    ) -> tuple[dict[str, Any], Path]:
        """Transcode a file; return the result and the output."""
        name = self._take(source)
        return self._run(
            lambda: transcode.run(Transcode(name, height, output_format), self.settings)
        )

    def trim(self, source: Path, start: float, end: float) -> tuple[dict[str, Any], Path]:
        """Cut a part out of a file; return the result and the output."""
        name = self._take(source)
        return self._run(lambda: trim.run(Trim(name, start, end), self.settings))

    def _take(self, source: Path) -> str:
        shutil.copy(source, self.settings.media_dir / source.name)
        return source.name

    def _run(self, job: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], Path]:
        self.fractions = []
        # A clock that always moves on: no update is held back.
        progress = Progress(self._reported, job_id=JOB_ID, clock=lambda: float(next(ticks)))
        ticks = count()
        self._progress = progress
        set_progress(progress)
        try:
            result = job()
        finally:
            set_progress(None)
        return result, self.settings.output_dir / Path(result["url"]).name

    @property
    def outputs(self) -> list[str]:
        """The names of all that lies in the directory of results."""
        return sorted(path.name for path in self.settings.output_dir.iterdir())

    def _reported(self, told: Told) -> None:
        assert isinstance(told, Update)
        self.fractions.append(told.fraction)
        self.on_progress(self._progress)


@pytest.fixture
def transcoding(tmp_path: Path) -> Transcoding:
    """Transcodes with directories of the test's own."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.media_dir.mkdir(parents=True)
    return Transcoding(settings)
