"""A Redis on a host whose clock a test sets, back or forward, while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .requirements import needs
from .servers import Server

#: Where Debian's package `faketime` has its library, of whatever architecture.
_LIBRARY: Final = "usr/lib/*/faketime/libfaketime.so.1"
#: Debian's Redis allocates by jemalloc, which asks for the time while it starts, in the
#: middle of libfaketime's own start, and the two wait for each other for ever
#: (github.com/wolfcw/libfaketime/issues/130). This one of glibc, from 2.34 on, takes its place.
_ALLOCATOR: Final = "libc_malloc_debug.so.0"


class ClockedRedis(Server):
    """A Redis that has its time of day from a file; its monotonic clock is the real one."""

    def __init__(self, directory: Path, *settings: str) -> None:
        needs("faketime")
        libraries = [str(found) for found in Path("/").glob(_LIBRARY)]
        assert libraries, f"faketime is installed, and /{_LIBRARY} is not there"
        self._ahead: Final = directory / "ahead"
        self.set_clock(0)
        binary = directory / "redis"
        binary.write_text(
            "#!/bin/sh\n"
            f"export FAKETIME_TIMESTAMP_FILE='{self._ahead}' FAKETIME_NO_CACHE=1\n"
            f"export FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD='{_ALLOCATOR} {libraries[0]}'\n"
            f'exec {needs("redis-server")} "$@"\n'
        )
        binary.chmod(0o700)
        super().__init__(str(binary), directory, *settings)

    def set_clock(self, ahead: int) -> None:
        """Have the host's clock `ahead` seconds before the real one; negative, behind it."""
        written = self._ahead.with_suffix(".new")
        written.write_text(f"{ahead:+d}\n")
        written.replace(self._ahead)  # whole: Redis may read it at any moment

    def time(self) -> int:
        """The time of day that Redis itself has, in milliseconds since 1970."""
        with self.client() as client:
            seconds, microseconds = client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000
