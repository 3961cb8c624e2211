"""A process that takes another's place begins once that one has ended, as its parent says."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import Final

#: Seconds between two looks at whether this process is to end meanwhile.
_LOOK_SECONDS: Final = 0.2


def wait_for_turn(fd: int | None, ends: Callable[[], bool]) -> None:
    """Say to the parent that this process is ready, and return when it may begin.

    That is also when it is to end, as `ends` says, or the parent is gone, which others see to.
    None: it takes nobody's place.
    """
    if fd is None:
        return
    try:
        os.write(fd, b"1")
        while not ends() and not select.select([fd], [], [], _LOOK_SECONDS)[0]:
            pass
    except BrokenPipeError:
        pass
    finally:
        os.close(fd)
