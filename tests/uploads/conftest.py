"""What the tests of uploads stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streamer.config.settings import Settings
from streamer.publishing.publisher import Publisher
from streamer.uploads.uploads import Uploads
from support.jobs import UnreliableLog
from support.requirements import needs
from support.tus import padded


@pytest.fixture(autouse=True)
def _ffprobe() -> None:
    needs("ffprobe")


@pytest.fixture(scope="session")
def film(clip: Path) -> bytes:
    """A small video."""
    return clip.read_bytes()


@pytest.fixture(scope="session")
def video(film: bytes) -> bytes:
    """A video of some megabytes: what follows the film is free space, to a reader of MP4."""
    return padded(film, 20_000_000)


@pytest.fixture
def log() -> UnreliableLog:
    return UnreliableLog()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, upload_ttl=60.0)


@pytest.fixture
def open_uploads(log: UnreliableLog, settings: Settings) -> Callable[[], Uploads]:
    """Uploads as one more process sees them, over the one directory and log."""
    return lambda: Uploads(settings, log, Publisher(log))


@pytest.fixture
def uploads(open_uploads: Callable[[], Uploads]) -> Uploads:
    return open_uploads()
