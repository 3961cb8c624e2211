"""An older Streamer, taken from the history of this repository."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from .requirements import needs

ROOT: Final = Path(__file__).parents[2]
#: The release before this one. Nothing was released yet: it is the last before conversations,
#: AI answers, queues, metrics, and a retention that the log itself keeps.
COMMIT: Final = "84d4f821438e3ba8f9cfbfdff3483feec0bf2cdc"


@pytest.fixture(scope="session")
def older_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of its packages, for ``PYTHONPATH``."""
    directory = tmp_path_factory.mktemp("older")
    # In a container the clone may be another user's.
    git = (needs("git"), "-c", "safe.directory=*", "-C", str(ROOT))
    archive = subprocess.run([*git, "archive", COMMIT, "src"], capture_output=True, check=False)
    if archive.returncode != 0:
        said = archive.stderr.decode(errors="replace").strip()
        is_shallow = subprocess.check_output([*git, "rev-parse", "--is-shallow-repository"])
        if is_shallow.strip() != b"true":
            pytest.fail(f"{COMMIT} is not in this repository: {said}", pytrace=False)
        pytest.skip("the clone is shallow; get its history with: git fetch --unshallow")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(directory, filter="data")
    return directory / "src"
