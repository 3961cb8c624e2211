"""An older Streamer, taken from the history of this repository."""

from __future__ import annotations

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from .requirements import needs

ROOT: Final = Path(__file__).parents[2]
#: The release before this one. Nothing was released yet: it is the last before jobs had
#: tasks that add up, and readers a rate.
COMMIT: Final = "7734ce664710368fb1e213c8ff3fe7f1f1f34c24"


@pytest.fixture(scope="session")
def older_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of its packages, for ``PYTHONPATH``."""
    directory = tmp_path_factory.mktemp("older")
    # In a container the clone may be another user's.
    git = (needs("git"), "-c", "safe.directory=*", "-C", str(ROOT))
    archive = subprocess.run([*git, "archive", COMMIT, "src"], capture_output=True, check=False)
    if archive.returncode != 0:
        said = archive.stderr.decode(errors="replace").strip()
        reason = f"{COMMIT} is not in this clone ({said}); get it with: git fetch --unshallow"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(directory, filter="data")
    return directory / "src"
