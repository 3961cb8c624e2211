"""A process of ours ends when its parent does, however that came about."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from .leash import at_end_of

#: Seconds for an end in order: long enough to ask readers to come back, no longer,
#: for the event log is gone too, and whoever starts the parent again wants the port.
_ORDERLY: Final = 1.0
#: Seconds after the second signal, which says "at once", before the process is ended as it is.
_AT_ONCE: Final = 10.0


def end_with_parent(fd: int | None) -> None:
    """Start ending this process once `fd`, a pipe from its parent, closes; None: there is none.

    The parent never closes it while it lives.
    """
    if fd is not None:
        at_end_of(fd, _end_in_order)


def _end_in_order() -> None:
    for patience in (_ORDERLY, _AT_ONCE):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
    os._exit(1)
