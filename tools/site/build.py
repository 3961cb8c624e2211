"""Build the site of the docs: gather its pages in build/site, and have Zensical make site/ of them.

    PYTHONPATH=src python tools/site/build.py

Zensical is given a folder of Markdown, and knows nothing of the repository: whatever is special
about ours is done before, in `staging.py` and `reference.py`. A warning of its fails the build.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import staging

ROOT: Final = Path(__file__).parents[2]


def main() -> int:
    """Return the exit code: 0 if the site is whole."""
    staging.stage(ROOT / "build" / "site")
    arguments = ["build", "--strict", "--clean"]
    return subprocess.run(
        [sys.executable, "-m", "zensical", *arguments], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
